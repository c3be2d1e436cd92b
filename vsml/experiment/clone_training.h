// vsml/experiment/clone_training.h: a whole cloning in a run directory: steps, metrics,
// checkpoints, and going on from the newest one.
#pragma once

#include <functional>
#include <optional>

#include "vsml/clone/clone_trainer.h"
#include "vsml/experiment/progress.h"
#include "vsml/experiment/run_directory.h"
#include "vsml/experiment/spec.h"

namespace vsml {

struct CloneTrainingSetting {
  const Spec& spec;
  const RunDirectory& directory;
  Progress& progress;
  std::function<bool()> stop;  // may be empty
};

// The trainer that a spec describes; keeps a reference to the spec.
CloneTrainer clone_trainer(const Spec& spec);

// Trains, from the newest checkpoint that can be read, through all phases. What was trained, flat
// by clone_layout(), or nothing if it was stopped; either way the state is saved. Throws
// DivergedError (the last checkpoint stands), IoError, ResourceError.
std::optional<engine::Tensor> clone_training(const CloneTrainingSetting& setting);

// What was trained, as flat parameters of the spec's learner, whose layout is `layout`.
engine::Tensor cloned_learner(const Spec& spec, const engine::Tensor& trained,
                              const engine::ParamLayout& layout);

}  // namespace vsml
