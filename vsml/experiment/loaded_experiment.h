// vsml/experiment/loaded_experiment.h: what a spec speaks of, loaded into memory. Nothing has been
// written yet, so whatever is wrong with data or algorithms leaves no trace.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vsml/experiment/meta_test.h"
#include "vsml/experiment/spec.h"
#include "vsml/learners/learner_family.h"
#include "vsml/meta/population.h"

namespace vsml {

struct LoadedExperiment {
  // Loads data sets and trained algorithms, and sees that the data suffice for the episodes.
  // `project_data` is the project's data folder, searched after the spec's own. Throws IoError and
  // engine::Error (data, files).
  LoadedExperiment(const Spec& spec, const std::string& project_data, engine::Device device);
  LoadedExperiment(const LoadedExperiment&) = delete;
  LoadedExperiment& operator=(const LoadedExperiment&) = delete;

  // Bytes that running it needs at its peak, beside what is loaded.
  double predicted_bytes() const;

  using Tasks = std::vector<std::shared_ptr<const Task>>;

  const Spec& spec;
  Tasks test_tasks;
  std::optional<TaskMixture> train_tasks;  // of meta_train
  LearnerOptions learner;                  // the spec's, with the sizes that it gets from the tasks
  LearnerFamily family;                    // of that learner
  engine::Tensor start;                    // its parameters before meta-training or to be tested
  std::vector<Contestant> baselines;       // of evaluate.learners
};

}  // namespace vsml
