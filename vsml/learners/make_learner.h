// vsml/learners/make_learner.h: from options to a learner.
#pragma once

#include <memory>

#include "vsml/learner.h"
#include "vsml/learners/learner_options.h"

namespace vsml {

// The learner that `options` describe, for tasks of the given size. Of a list of learning rates or
// ridges the first is taken; callers that search a grid pass one at a time. Throws Error if the
// options contradict each other. A nearest_neighbour of capacity 0 has no initial state: how many
// examples will come is not known here.
std::unique_ptr<Learner> make_learner(const LearnerOptions& options, const TaskDims& dims,
                                      engine::DType dtype = engine::DType::f32,
                                      engine::Device device = {});

// The convolutions in front of a learner, or null if it has none.
const ConvOptions* conv_of(const LearnerOptions& options);

}  // namespace vsml
