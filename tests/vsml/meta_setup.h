// tests/vsml/meta_setup.h: small learners and tasks for the tests of meta-training and
// meta-testing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/parallel.h"
#include "vsml/learners/learner_family.h"
#include "vsml/meta/meta_trainer.h"

namespace vsml::test {

// VSML with 68 parameters: two layers, backward pass, half of c random at birth.
LearnerOptions tiny_learner();

// `pairs` fixed pairs, gone through again and again.
std::shared_ptr<const Task> random_task(int64_t inputs, int64_t classes, int64_t pairs = 6);
std::shared_ptr<const Task> sum_sign_task(int64_t inputs);
// As many images of as many pixels as there are labels; image k has pixel k lit and label
// labels[k]. Gone through again and again, or with other options.
std::shared_ptr<const Task> lit_pixel_task(const std::vector<uint8_t>& labels);
std::shared_ptr<const Task> lit_pixel_task(const std::vector<uint8_t>& labels, TaskOptions options);

// Three tasks of two sizes.
TaskMixture mixed_tasks();
// One task of 3 inputs and 2 classes.
TaskMixture plain_tasks();

// Lanes 0 .. count-1 of one population, new born.
std::vector<Lane> new_lanes(const TaskMixture& tasks, const LearnerFamily& family,
                            const engine::ParamSet& params, int64_t count, int64_t batch);
std::vector<Lane*> pointers(std::vector<Lane>& lanes);

bool same_bits(const std::vector<Lane>& a, const std::vector<Lane>& b);

// One lane taken through `steps` steps with the learner alone: what unrolls and evaluations must
// give. `loss` and `correct` hold one number per step, averaged over the batch.
struct Walk {
  std::vector<double> loss, correct;
  LearnerState state;
};
Walk walk(const Learner& learner, const engine::ParamSet& params, const Lane& lane, int64_t steps,
          int64_t batch);

// Options of a short meta-training, and one of every kind.
MetaOptions small_meta_options();
struct NamedMetaOptions {
  std::string name;
  MetaOptions options;
};
std::vector<NamedMetaOptions> meta_options_of_all_kinds();

inline constexpr uint64_t kMetaSeed = 17;

// A trainer of tiny_learner() and what it refers to.
struct MetaSetup {
  MetaSetup(const MetaOptions& options, TaskMixture mixture, engine::DType dtype);

  // The state after so many steps.
  MetaState after(int64_t steps) const;

  TaskMixture tasks;
  LearnerFamily family;
  engine::Tensor params;
  MetaTrainer trainer;
};

bool same_bits(const MetaState& a, const MetaState& b);

// While in scope, the engine has so many threads.
class Threads {
 public:
  explicit Threads(int count) : before_(engine::num_threads()) { engine::set_num_threads(count); }
  ~Threads() { engine::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

double mean_of(const std::vector<double>& numbers);

}  // namespace vsml::test
