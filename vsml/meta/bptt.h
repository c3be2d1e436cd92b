// vsml/meta/bptt.h: the meta-gradient by backpropagation through time, through the learners' steps.
#pragma once

#include "vsml/meta/meta_options.h"
#include "vsml/meta/population.h"

namespace vsml {

// What one unroll of some lanes gave. Numbers are summed over the lanes.
struct UnrollGradient {
  engine::Tensor gradient;  // of the sum of the lanes' losses, flat [n]
  // Each lane's: cross entropy averaged over the unroll (or its last step), and fraction of right
  // predictions; with the weights of score_weight.
  double loss = 0;
  double correct = 0;
};

// Takes lanes of equal size through `steps` further steps and differentiates. Their states move on,
// detached; their ages by `steps`. `segment`: steps between two gradient checkpoints, 0 for none;
// it changes memory and time, not one bit of the result.
UnrollGradient bptt_unroll(const Learner& learner, const engine::ParamSet& params,
                           const std::vector<Lane*>& lanes, int64_t steps, int64_t batch,
                           MetaLoss loss, int64_t segment);

}  // namespace vsml
