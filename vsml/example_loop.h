// vsml/example_loop.h: learners on their way through a stream of examples, known to no tape.
//
// A step is a few dozen kernels, which a GPU is done with sooner than it is told of them. Where the
// device can record, the second step is recorded and replayed from then on. The results are the
// same to the last bit.
#pragma once

#include <memory>

#include "vsml/learner.h"

namespace engine {
class Recording;
}

namespace vsml {

class ExampleLoop {
 public:
  // The learner must outlive the loop.
  ExampleLoop(const Learner& learner, engine::ParamSet params, LearnerState state);
  ~ExampleLoop();
  ExampleLoop(const ExampleLoop&) = delete;
  ExampleLoop& operator=(const ExampleLoop&) = delete;

  // The next example of every learner, input [P, B, D] and label [P, B, C], the same sizes each
  // time; the prediction [P, B, C].
  engine::Tensor step(const engine::Tensor& input, const engine::Tensor& label);

  // What the learners have learned; the loop is over.
  LearnerState take_state() &&;

 private:
  void record(const engine::Tensor& input, const engine::Tensor& label);

  const Learner& learner_;
  engine::ParamSet params_;
  LearnerState state_;
  bool warm_ = false;        // a step was taken
  bool recordable_ = false;  // without a copy to or from the host
  // What the recording reads and writes, which therefore goes before it.
  engine::Tensor input_, label_, prediction_;
  std::unique_ptr<engine::Recording> recording_;
};

}  // namespace vsml
