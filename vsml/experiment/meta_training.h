// vsml/experiment/meta_training.h: a whole meta-training in a run directory: steps, metrics,
// meta-tests on the way, checkpoints, and going on from the newest one.
#pragma once

#include <functional>
#include <optional>

#include "vsml/experiment/progress.h"
#include "vsml/experiment/run_directory.h"
#include "vsml/experiment/spec.h"
#include "vsml/meta/meta_trainer.h"

namespace vsml {

struct MetaTrainingSetting {
  const Spec& spec;
  const LearnerSource& learners;
  const TaskMixture& train_tasks;
  const std::vector<std::shared_ptr<const Task>>& test_tasks;
  const RunDirectory& directory;
  Progress& progress;
  std::function<bool()> stop;  // may be empty
};

// Trains from `initial` or from the newest checkpoint that can be read, until spec.meta.steps. The
// trained parameters, or nothing if it was stopped; either way the state is saved. Throws
// DivergedError (the last checkpoint stands), IoError, ResourceError.
std::optional<engine::Tensor> meta_training(const MetaTrainingSetting& setting,
                                            const engine::Tensor& initial);

}  // namespace vsml
