// tests/vsml/learner_variants.h: the meta-trained learners other than VSML, small, in every form.
#pragma once

#include <vector>

#include "vsml/learner.h"
#include "vsml/learners/learner_options.h"

namespace vsml::test {

// Each under a name of its own. Parameters that have the task's sizes are for `dims`; those with
// convolutions need four inputs.
std::vector<LearnerOptions> learner_variants(const TaskDims& dims);

// All learners, these among them, for four inputs.
std::vector<LearnerOptions> every_learner(const TaskDims& dims);

// f64 parameters near the initial ones with which everything moves: nothing starts at 0.
engine::Tensor moving_params(const Learner& learner, uint64_t salt);

}  // namespace vsml::test
