// vsml/learners/learner_family.h: the learners that options describe, one for each size of task.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "vsml/learner.h"
#include "vsml/learners/learner_options.h"

namespace vsml {

// Makes each learner when it is first asked for.
class LearnerFamily final : public LearnerSource {
 public:
  LearnerFamily(const LearnerOptions& options, engine::DType dtype, engine::Device device)
      : options_(options), dtype_(dtype), device_(device) {}
  engine::Device device() const override { return device_; }
  const Learner& for_dims(const TaskDims& dims) const override;
  TaskDims any_dims() const override;

 private:
  LearnerOptions options_;
  engine::DType dtype_;
  engine::Device device_;
  mutable std::mutex mutex_;
  mutable std::map<TaskDims, std::unique_ptr<Learner>> learners_;
};

}  // namespace vsml
