// vsml/meta/meta_trainer.h: meta-training, one step at a time.
//
// A step takes the population through its next examples, puts a meta-gradient together and updates
// the parameters with Adam. The population is cut into chunks of fixed size; chunks run in parallel
// and their results are combined in order, so the bits do not depend on the number of threads.
// Everything that changes is in MetaState, a value that a checkpoint holds.
#pragma once

#include <vector>

#include "engine/error.h"
#include "engine/optim.h"
#include "vsml/meta/bptt.h"
#include "vsml/meta/es.h"
#include "vsml/meta/meta_options.h"
#include "vsml/meta/population.h"

namespace vsml {

// The loss, the gradient or the updated parameters are not finite.
class DivergedError : public engine::Error {
  using Error::Error;
};

struct MetaState {
  int64_t step = 0;
  engine::Tensor params;   // flat [n]
  engine::AdamState adam;  // of the trained vector
  // step_scale initial: params = start + scale * moved, and `moved` is what Adam trains. All empty
  // without it.
  engine::Tensor start, scale, moved;
  // carry: every member's lane; es, pes: every pair's two. A lane keeps its lifetime's number
  // (key.step), its age and its state; the rest follows from the key.
  std::vector<Lane> lanes;
  // pes: the sum of each pair's perturbations in its lifetime so far, [population, n].
  engine::Tensor noise;
};

// What is worth logging of one step.
struct MetaStepReport {
  double loss = 0;           // averaged over the population
  double accuracy = 0;       // prequential, over the examples of this step
  double gradient_norm = 0;  // before clip_norm, after clip_lifetime_norm
  double learning_rate = 0;
};

class MetaTrainer {
 public:
  // Keeps references to all of its arguments but the options.
  MetaTrainer(const MetaOptions& options, const LearnerSource& learners, const TaskMixture& tasks,
              uint64_t seed);

  // The state before the first step, from initial parameters.
  MetaState initial_state(const engine::Tensor& params) const;
  // One meta-training step. The state is replaced when the step is complete; throws DivergedError,
  // leaving it as it was, if a number is not finite.
  MetaStepReport step(MetaState& state) const;

  // A member's lane in its lifetime number `lifetime`, new born.
  Lane new_lane(const engine::ParamSet& params, int64_t member, int64_t lifetime) const;
  // Lanes that a member of the population has: 2 for the pairs of es and pes.
  int64_t lanes_per_member() const { return options_.optimizer == MetaOptimizer::Bptt ? 1 : 2; }
  // Steps (of batch_size examples) of the longest lifetime that can come up.
  int64_t longest_lifetime() const;

  // Bytes that a step needs at most beside parameters and data, with the given number of threads;
  // by arithmetic.
  double predicted_bytes(int threads) const;
  // Those of them that stay from step to step: with carry, the lanes.
  double lane_bytes() const;

  // Where its states and parameters are.
  engine::Device device() const { return learners_.device(); }

 private:
  struct Gradient {
    engine::Tensor gradient;
    double loss = 0, correct = 0;
  };
  // What goes on into the next step.
  struct Carried {
    std::vector<Lane> lanes;
    engine::Tensor noise;
  };
  Gradient bptt_gradient(const MetaState& state, std::vector<Lane>& lanes) const;
  Gradient chunk_gradient(const engine::ParamSet& params, const engine::Tensor& scale,
                          std::vector<Lane>& lanes) const;
  Gradient es_gradient_of_step(const MetaState& state, Carried& carried) const;
  std::vector<PairLoss> pair_losses(const engine::ParamSet& params, const EsStep& es, int64_t first,
                                    int64_t last, std::vector<Lane>& lanes) const;
  int64_t lifetime_length(const engine::RngKey& key) const;
  int64_t unroll_steps() const;
  int64_t chunks() const;
  LearnerMemory chunk_memory() const;
  int64_t segment(const LearnerMemory& memory) const;
  MetaState updated(const MetaState& state, const engine::Tensor& gradient, double rate) const;

  MetaOptions options_;
  const LearnerSource& learners_;
  const TaskMixture& tasks_;
  uint64_t seed_;
  mutable int64_t segment_ = -1;  // chosen at the first step; has no influence on results
};

}  // namespace vsml
