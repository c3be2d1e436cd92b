#include "vsml/experiment/run.h"

#include <algorithm>
#include <fmt/format.h>

#include "engine/parallel.h"
#include "vsml/experiment/environment.h"
#include "vsml/experiment/meta_test.h"
#include "vsml/experiment/meta_training.h"
#include "vsml/experiment/run_directory.h"
#include "vsml/experiment/spec_writer.h"
#include "vsml/learners/learner_family.h"
#include "vsml/learners/learner_file.h"

namespace vsml {
namespace {

using engine::DType;
using engine::Tensor;

using Tasks = std::vector<std::shared_ptr<const Task>>;

Tasks load_tasks(const std::vector<TaskOptions>& all, const Spec& spec, const RunOptions& options) {
  const DataFolders folders = data_folders(spec.data, options.project_data);
  Tasks tasks;
  for (const TaskOptions& one : all) tasks.push_back(std::make_shared<const Task>(one, folders));
  return tasks;
}

TaskMixture train_mixture(const Spec& spec, const RunOptions& options) {
  std::vector<double> weights;
  for (const TaskOptions& task : spec.tasks.train) weights.push_back(task.weight);
  return {load_tasks(spec.tasks.train, spec, options), weights};
}

std::string experiment_name(const Spec& spec) {
  return spec.experiment == ExperimentType::MetaTrain ? "meta_train" : "meta_test";
}

std::string own_name(const Spec& spec) {
  return spec.learner.name.empty() ? "vsml" : spec.learner.name;
}

// The spec's learner, as trained (or as loaded), before the baselines.
std::vector<Contestant> contestants(const Spec& spec, const Tensor& trained, const Tensor& start) {
  std::vector<Contestant> all;
  const bool train = spec.experiment == ExperimentType::MetaTrain;
  if (spec.learner.type != LearnerType::Vsml) {
    Spec one = spec;
    one.evaluate.learners.insert(one.evaluate.learners.begin(), spec.learner);
    return baselines(one);
  }
  all.push_back({own_name(spec), spec.learner, trained});
  if (train && spec.evaluate.untrained) {
    all.push_back({own_name(spec) + ", before meta-training", spec.learner, start});
  }
  for (Contestant& baseline : baselines(spec)) {
    std::vector<std::string> names;
    for (const Contestant& one : all) names.push_back(one.name);
    baseline.name = unique_name(baseline.name, names);
    all.push_back(std::move(baseline));
  }
  return all;
}

void require_memory(const Spec& spec, const RunOptions& options) {
  const int64_t needed = predicted_memory(spec, options), there = available_memory();
  if (needed <= there) return;
  throw engine::ResourceError(
      fmt::format("memory: the run needs about {} MiB, {} MiB are available", needed >> 20,
                  there >> 20),
      "lower meta.memory_budget, meta.population, meta.chunk_size or evaluate.chunk_size");
}

void write_trained(const Spec& spec, const RunDirectory& directory, const LearnerFamily& family,
                   const Tensor& trained) {
  Algorithm algorithm;
  algorithm.params = trained;
  algorithm.layout = family.layout();
  LearnerOptions options = spec.learner;
  options.name.clear();
  options.init = {};
  algorithm.options = fields_to_json(fields_of(options)).dump();
  algorithm.notes = {{"spec_name", spec.name}, {"spec_digest", directory.spec_digest()}};
  write_algorithm(directory.file("algorithm.safetensors"), algorithm);
}

}  // namespace

int64_t predicted_memory(const Spec& spec, const RunOptions& options) {
  const LearnerFamily family(spec.learner, DType::f32, options.device);
  const Tensor params = initial_params(spec.learner, family, spec.seed);
  int64_t training = 0;
  if (spec.experiment == ExperimentType::MetaTrain) {
    const TaskMixture tasks = train_mixture(spec, options);
    const MetaTrainer trainer(spec.meta, family, tasks, spec.seed);
    training = trainer.predicted_bytes(params, engine::num_threads());
  }
  const Tasks tests = load_tasks(spec.tasks.test, spec, options);
  return std::max(training, predicted_meta_test_bytes(spec, family, params, tests));
}

RunOutcome run(const Spec& spec, const RunOptions& options) {
  const RunDirectory directory(options.out, spec);
  RunOutcome outcome;
  if (const auto known = directory.read("results.json")) {
    outcome.results = results_from_json(*known);
    outcome.finished = true;
    return outcome;
  }
  require_memory(spec, options);
  directory.write("env.json", environment_json(options.device));

  Progress progress(options.quiet);
  const LearnerFamily family(spec.learner, DType::f32, options.device);
  const Tensor start = initial_params(spec.learner, family, spec.seed);
  const Tasks test_tasks = load_tasks(spec.tasks.test, spec, options);
  Tensor trained = start;
  if (spec.experiment == ExperimentType::MetaTrain) {
    const TaskMixture train_tasks = train_mixture(spec, options);
    const std::optional<Tensor> result = meta_training(
        {spec, family, train_tasks, test_tasks, directory, progress, options.stop}, start);
    if (!result) return outcome;
    trained = *result;
    write_trained(spec, directory, family, trained);
  }
  const std::optional<std::vector<Result>> results =
      meta_test({spec, test_tasks, options.device, directory, progress, options.stop},
                contestants(spec, trained, start));
  if (!results) return outcome;
  outcome.results = {experiment_name(spec), spec.name, *results};
  directory.write("report.txt", results_table(outcome.results));
  directory.write("results.json", results_to_json(outcome.results));
  outcome.finished = true;
  return outcome;
}

}  // namespace vsml
