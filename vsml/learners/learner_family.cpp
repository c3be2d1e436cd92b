#include "vsml/learners/learner_family.h"

#include "vsml/learners/make_learner.h"

namespace vsml {

const Learner& LearnerFamily::for_dims(const TaskDims& dims) const {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Learner>& learner = learners_[{dims.inputs, dims.classes}];
  if (!learner) learner = make_learner(options_, dims, dtype_, device_);
  return *learner;
}

}  // namespace vsml
