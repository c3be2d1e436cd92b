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

TaskDims LearnerFamily::any_dims() const {
  if (options_.image) return {options_.image->size(), 1, options_.image};
  if (options_.type == LearnerType::Vsml) return smallest_task(options_.network);
  const ConvOptions* conv = conv_of(options_);
  if (conv == nullptr || !conv->image) return {1, 1};
  return {(*conv->image)[0] * (*conv->image)[1], 1};
}

}  // namespace vsml
