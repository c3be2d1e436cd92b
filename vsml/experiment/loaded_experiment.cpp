#include "vsml/experiment/loaded_experiment.h"

#include <algorithm>
#include <fmt/format.h>

#include "engine/error.h"
#include "engine/parallel.h"
#include "vsml/experiment/clone_training.h"
#include "vsml/experiment/compare.h"
#include "vsml/experiment/spec_fields.h"
#include "vsml/learners/make_learner.h"
#include "vsml/meta/evaluate.h"
#include "vsml/meta/meta_trainer.h"

namespace vsml {
namespace {

using Tasks = LoadedExperiment::Tasks;

Tasks load_tasks(const std::vector<TaskOptions>& all, const DataFolders& folders) {
  Tasks tasks;
  for (const TaskOptions& one : all) tasks.push_back(std::make_shared<const Task>(one, folders));
  return tasks;
}

std::optional<TaskMixture> load_mixture(const Spec& spec, const DataFolders& folders) {
  if (spec.experiment != ExperimentType::MetaTrain) return std::nullopt;
  std::vector<double> weights;
  for (const TaskOptions& task : spec.tasks.train) weights.push_back(task.weight);
  return TaskMixture(load_tasks(spec.tasks.train, folders), weights);
}

Tasks all_tasks(const LoadedExperiment& experiment) {
  Tasks tasks = experiment.test_tasks;
  if (experiment.train_tasks) {
    const Tasks& more = experiment.train_tasks->tasks();
    tasks.insert(tasks.end(), more.begin(), more.end());
  }
  return tasks;
}

// Backpropagation through convolutions has learning rates for one size of image: that of the tasks.
LearnerOptions for_images(LearnerOptions options, const Tasks& tasks) {
  if (options.init.type != InitType::Backprop || !has_convolutions(options.network)) return options;
  const auto text = [](const ImageShape& image) {
    return fmt::format("{} x {}", image.height, image.width);
  };
  for (const auto& task : tasks) {
    // What is no image is one row of pixels (layer_shape.h).
    const ImageShape image = task->dims().image.value_or(ImageShape{1, 1, task->inputs()});
    if (!options.image) options.image = image;
    if (options.image == image) continue;
    throw engine::Error(
        fmt::format("task {}: expected images of one size with init backprop and conv layers, "
                    "found {} beside {}",
                    task->name(), text(image), text(*options.image)),
        "resize the images");
  }
  return options;
}

// Gives parameters that depend on the task's size that of the largest task, where the options do
// not say one. Throws Error if a task does not fit.
LearnerOptions sized(LearnerOptions options, const LoadedExperiment& experiment) {
  const Tasks tasks = all_tasks(experiment);
  if (options.type == LearnerType::Vsml) return for_images(options, tasks);
  if (!has_task_sizes(options.type)) return options;
  const bool own_inputs = options.inputs == 0, own_classes = options.classes == 0;
  for (const auto& task : tasks) {
    if (own_inputs) options.inputs = std::max(options.inputs, task->inputs());
    if (own_classes) options.classes = std::max(options.classes, task->num_classes());
  }
  const bool images = conv_of(options) != nullptr;
  for (const auto& task : tasks) {
    const bool fits = task->inputs() <= options.inputs && task->num_classes() <= options.classes;
    if (fits && (!images || task->inputs() == options.inputs)) continue;
    throw engine::Error(
        fmt::format("task {}: expected {} {} inputs and at most {} classes, which learner {} has "
                    "parameters for, found {} and {}",
                    task->name(), images ? "just" : "at most", options.inputs, options.classes,
                    name_of(options.type), task->inputs(), task->num_classes()),
        "resize the task's images, or train parameters for this size");
  }
  return options;
}

std::vector<LearnerOptions> sized(std::vector<LearnerOptions> all,
                                  const LoadedExperiment& experiment) {
  for (LearnerOptions& options : all) options = sized(options, experiment);
  return all;
}

}  // namespace

LoadedExperiment::LoadedExperiment(const Spec& from, const std::string& project_data,
                                   engine::Device device)
    : spec(from),
      test_tasks(load_tasks(spec.tasks.test, data_folders(spec.data, project_data))),
      train_tasks(load_mixture(spec, data_folders(spec.data, project_data))),
      learner(sized(spec.learner, *this)),
      family(learner, engine::DType::f32, device),
      start(initial_params(learner, family, spec.seed)),
      baselines(contestants_of(sized(spec.evaluate.learners, *this), spec.seed, device)) {
  for (const auto& task : test_tasks) require_long_enough(*task, spec.evaluate.episode_length);
  if (!train_tasks) return;
  MetaTrainer(spec.meta, family, *train_tasks, spec.seed);  // its lifetimes fit the tasks
}

double LoadedExperiment::predicted_bytes() const {
  double training = 0, between = 0;
  if (train_tasks) {
    const MetaTrainer trainer(spec.meta, family, *train_tasks, spec.seed);
    training = trainer.predicted_bytes(engine::num_threads());
    between = trainer.lane_bytes();
  }
  if (spec.experiment == ExperimentType::Clone) training = clone_trainer(spec).predicted_bytes();
  std::vector<Contestant> contestants = baselines;
  contestants.push_back({learner.name, learner, start});
  if (spec.experiment == ExperimentType::Compare) {
    return predicted_compare_bytes(contestants, test_tasks, family.device());
  }
  return std::max(training, between + predicted_meta_test_bytes(spec, contestants, test_tasks,
                                                                family.device()));
}

}  // namespace vsml
