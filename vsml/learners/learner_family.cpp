#include "vsml/learners/learner_family.h"

#include "vsml/layer_shape.h"
#include "vsml/learners/make_learner.h"

namespace vsml {

const Learner& LearnerFamily::for_dims(const TaskDims& dims) const {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Learner>& learner = learners_[dims];
  if (!learner) learner = make_learner(options_, dims, dtype_, device_);
  return *learner;
}

const Learner& LearnerFamily::of_some_size() const {
  if (options_.type == LearnerType::Vsml) return for_dims(smallest_task(options_.network));
  return LearnerSource::of_some_size();
}

}  // namespace vsml
