// vsml/learners/listed_learner.h: a learner whose parameters and state are listed in its
// constructor, each with its name, its shape and how it starts. Everything else of the interface
// follows from the lists, so that such a learner is its constructor and one function, learn().
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vsml/learner.h"
#include "vsml/learners/conv_features.h"

namespace vsml {

// What every learner is made with.
struct LearnerSetting {
  TaskDims dims;
  double init_scale = 1;  // factor on the deviation of parameters that start random
  engine::DType dtype = engine::DType::f32;
  engine::Device device = {};
};

class ListedLearner : public Learner {
 public:
  const TaskDims& dims() const final { return setting_.dims; }
  const engine::ParamLayout& layout() const final { return layout_; }
  bool takes_batches() const final { return batches_ == Batches::Any; }

  // Draw k of the key's stream belongs to element k of the flat vector.
  engine::Tensor initial_params(const engine::RngKey& key) const final;
  std::vector<std::string> state_names() const final;
  LearnerState initial_state(const engine::ParamSet& params,
                             const std::vector<engine::RngKey>& members, int64_t batch) const final;
  LearnerMemory memory(int64_t members, int64_t batch) const final;
  // Checks the examples' shapes, then learn().
  LearnerStep step(const engine::ParamSet& params, LearnerState state, const engine::Tensor& input,
                   const engine::Tensor& label) const final;

 protected:
  enum class Batches { Any, One };  // of how many examples at once a learner is defined for

  ListedLearner(std::string name, const LearnerSetting& setting, Batches batches)
      : name_(std::move(name)), setting_(setting), batches_(batches) {}

  // A parameter. Without `start`, matrices and kernels [..., out] begin truncated normal (cut at
  // two deviations) with deviation init_scale / sqrt(fan-in), fan-in the product of all extents but
  // the last; vectors begin at 0.
  void add_param(const std::string& name, const engine::Shape& shape,
                 std::optional<double> start = std::nullopt);
  // <name>.w [in, out] and <name>.bias [out]; `start` is that of the matrix.
  void add_linear(const std::string& name, int64_t in, int64_t out,
                  std::optional<double> start = std::nullopt);

  // The kernels and biases of an extractor, if it is present.
  void add_features(const ConvFeatures& features);

  // A tensor of the state, [P] + shape: one for all examples of a batch, beginning at 0.
  void add_state(const std::string& name, const engine::Shape& shape);
  // One whose first `rows` rows begin truncated normal with this deviation before cutting.
  void add_random_state(const std::string& name, const engine::Shape& shape, int64_t rows,
                        double deviation);
  // [P, B, n], beginning at 0.
  void add_state_per_example(const std::string& name, int64_t n);

  const LearnerSetting& setting() const { return setting_; }
  int64_t inputs() const { return setting_.dims.inputs; }
  int64_t classes() const { return setting_.dims.classes; }

  // Learner::step, after the shapes have been checked.
  virtual LearnerStep learn(const engine::ParamSet& params, LearnerState state,
                            const engine::Tensor& input, const engine::Tensor& label) const = 0;
  // Numbers (not bytes) of one member that a recorded step keeps beside the new state, and that are
  // needed at its widest moment beside these.
  struct StepNumbers {
    double kept = 0, work = 0;
  };
  virtual StepNumbers step_numbers(double batch) const = 0;

 private:
  struct StateEntry {
    std::string name;
    engine::Shape shape;  // of one member, and example if per_example
    bool per_example = false;
    int64_t random_rows = 0;
    double deviation = 0;
  };

  std::string name_;
  LearnerSetting setting_;
  Batches batches_;
  engine::ParamLayout layout_;
  std::vector<std::optional<double>> starts_;  // of the layout's entries
  std::vector<StateEntry> state_;
};

}  // namespace vsml
