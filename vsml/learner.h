// vsml/learner.h: what every learning algorithm looks like from outside.
//
// A learner holds options and nothing else. Its parameters (what meta-training changes) and its
// state (what learning changes) are values that are passed in and handed back, so an unroll can be
// cut, carried on, differentiated, saved and looked into at any example. To add a learner,
// implement this class in one file of vsml/learners/ and name it in vsml/learners/make_learner.cpp.
#pragma once

#include <string>
#include <vector>

#include "engine/params.h"
#include "engine/rng.h"
#include "engine/tensor.h"
#include "vsml/dims.h"

namespace vsml {

// What P learners have learned so far: tensors whose first axis is P, in the order of
// Learner::state_names(). A value; copies share storage until somebody writes.
struct LearnerState {
  std::vector<engine::Tensor> tensors;
};

// Bytes that some learners need, by arithmetic: nothing is allocated to find out. Floating point,
// because what cannot be had may not fit an integer either.
struct LearnerMemory {
  double state = 0;          // of all of them; exact
  double tape = 0;           // that one step of a recorded unroll keeps, the new state included
  double work = 0;           // at the widest moment of a step beside these
  double unrecorded = work;  // the same where nothing is recorded, the new state included
};

struct LearnerStep {
  LearnerState state;
  engine::Tensor prediction;  // [P, B, C]; softmax of it are the class probabilities
};

class Learner {
 public:
  virtual ~Learner() = default;

  virtual const TaskDims& dims() const = 0;
  // Whether B may be above 1.
  virtual bool takes_batches() const { return true; }

  // The parameters' names and shapes; the same for all TaskDims of one algorithm.
  virtual const engine::ParamLayout& layout() const = 0;
  // Initial parameters, flat [n].
  virtual engine::Tensor initial_params(const engine::RngKey& key) const = 0;

  virtual std::vector<std::string> state_names() const = 0;
  // P = members.size() learners that have seen nothing; whatever is random in member p comes from
  // its key alone. `batch` is B.
  virtual LearnerState initial_state(const engine::ParamSet& params,
                                     const std::vector<engine::RngKey>& members,
                                     int64_t batch) const = 0;

  // The weights that a state stands for, per layer [P, I, O], where the learner is a multi-layer
  // perceptron of some kind; the last row is that of a constant input, the biases. With a batch
  // they are the average over it. Empty for other learners.
  virtual std::vector<engine::Tensor> weights(const engine::ParamSet& params,
                                              const LearnerState& state) const;
  // Learners that have seen nothing and begin with given weights of that form. Throws ShapeError if
  // they are others than weights() gives.
  virtual LearnerState state_of_weights(const engine::ParamSet& params,
                                        const std::vector<engine::Tensor>& weights,
                                        int64_t batch) const;

  virtual LearnerMemory memory(int64_t members, int64_t batch) const = 0;

  // One example per batch entry: predicts, then learns.
  //   input [P, B, D], label [P, B, C] one-hot
  // The prediction depends on params, state and input only. Pass a state you are done with by
  // std::move: its storage is reused as soon as it has been read. To predict without learning, step
  // a copy and drop the state that comes back. Throws ShapeError if shapes do not fit.
  virtual LearnerStep step(const engine::ParamSet& params, LearnerState state,
                           const engine::Tensor& input, const engine::Tensor& label) const = 0;
};

// For learners: throws ShapeError naming `learner` unless input is [P, B, D] and label [P, B, C]
// with the state's P.
void require_examples(const char* learner, const TaskDims& dims, const LearnerState& state,
                      const engine::Tensor& input, const engine::Tensor& label);

// One algorithm for tasks of every size: learners that share layout and parameters.
class LearnerSource {
 public:
  virtual ~LearnerSource() = default;
  // The learner for tasks of this size; lives as long as the source. Thread-safe.
  virtual const Learner& for_dims(const TaskDims& dims) const = 0;
  // Where their states and parameters are.
  virtual engine::Device device() const { return {}; }
  // A size that it can certainly be made for.
  virtual TaskDims any_dims() const { return {1, 1}; }
  // The parameters' names and shapes, the same for every size.
  const engine::ParamLayout& layout() const { return for_dims(any_dims()).layout(); }
};

// Members first .. last-1 of a state, and states side by side along P.
LearnerState members_of(const LearnerState& state, int64_t first, int64_t last);
LearnerState side_by_side(const std::vector<LearnerState>& states);
// The same values, known to no tape.
LearnerState detached(const LearnerState& state);
// Bytes of all tensors.
int64_t bytes_of(const LearnerState& state);

}  // namespace vsml
