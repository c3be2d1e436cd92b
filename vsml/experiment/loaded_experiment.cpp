#include "vsml/experiment/loaded_experiment.h"

#include <algorithm>

#include "engine/parallel.h"
#include "vsml/experiment/clone_training.h"
#include "vsml/experiment/compare.h"
#include "vsml/meta/evaluate.h"
#include "vsml/meta/meta_trainer.h"

namespace vsml {
namespace {

using Tasks = std::vector<std::shared_ptr<const Task>>;

Tasks load_tasks(const std::vector<TaskOptions>& all, const DataFolders& folders) {
  Tasks tasks;
  for (const TaskOptions& one : all) tasks.push_back(std::make_shared<const Task>(one, folders));
  return tasks;
}

}  // namespace

LoadedExperiment::LoadedExperiment(const Spec& from, const std::string& project_data,
                                   engine::Device device)
    : spec(from),
      family(spec.learner, engine::DType::f32, device),
      start(initial_params(spec.learner, family, spec.seed)),
      baselines(contestants_of(spec.evaluate.learners, spec.seed, device)) {
  const DataFolders folders = data_folders(spec.data, project_data);
  test_tasks = load_tasks(spec.tasks.test, folders);
  for (const auto& task : test_tasks) require_long_enough(*task, spec.evaluate.episode_length);
  if (spec.experiment != ExperimentType::MetaTrain) return;
  std::vector<double> weights;
  for (const TaskOptions& task : spec.tasks.train) weights.push_back(task.weight);
  train_tasks.emplace(load_tasks(spec.tasks.train, folders), weights);
  MetaTrainer(spec.meta, family, *train_tasks, spec.seed);  // its lifetimes fit the tasks
}

double LoadedExperiment::predicted_bytes() const {
  double training = 0;
  if (train_tasks) {
    const MetaTrainer trainer(spec.meta, family, *train_tasks, spec.seed);
    training = trainer.predicted_bytes(engine::num_threads());
  }
  if (spec.experiment == ExperimentType::Clone) training = clone_trainer(spec).predicted_bytes();
  std::vector<Contestant> contestants = baselines;
  contestants.push_back({spec.learner.name, spec.learner, start});
  if (spec.experiment == ExperimentType::Compare) {
    return predicted_compare_bytes(contestants, test_tasks);
  }
  return std::max(training, predicted_meta_test_bytes(spec, contestants, test_tasks));
}

}  // namespace vsml
