#include "vsml/experiment/run.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <optional>

#include "engine/backend.h"
#include "engine/parallel.h"
#include "vsml/experiment/available_memory.h"
#include "vsml/experiment/clone_training.h"
#include "vsml/experiment/compare.h"
#include "vsml/experiment/environment.h"
#include "vsml/experiment/loaded_experiment.h"
#include "vsml/experiment/meta_training.h"
#include "vsml/experiment/run_directory.h"
#include "vsml/experiment/spec_fields.h"
#include "vsml/experiment/spec_writer.h"
#include "vsml/learners/learner_file.h"

namespace vsml {
namespace {

using engine::Tensor;

std::string experiment_name(const Spec& spec) {
  switch (spec.experiment) {
    case ExperimentType::MetaTrain:
      return "meta_train";
    case ExperimentType::MetaTest:
      return "meta_test";
    case ExperimentType::Clone:
      return "clone";
    case ExperimentType::Compare:
      return "compare";
    case ExperimentType::Introspect:
      return "introspect";
  }
  return "";
}

std::string own_name(const LearnerOptions& learner) {
  return learner.name.empty() ? name_of(learner.type) : learner.name;
}

// The spec's learner, as trained (or as loaded), before the baselines.
std::vector<Contestant> contestants(const LoadedExperiment& experiment, const Tensor& trained) {
  const Spec& spec = experiment.spec;
  if (!is_meta_trained(spec.learner.type)) {
    std::vector<LearnerOptions> all = spec.evaluate.learners;
    all.insert(all.begin(), spec.learner);
    return contestants_of(all, spec.seed, experiment.family.device());
  }
  const std::string name = own_name(experiment.learner);
  std::vector<Contestant> all{{name, experiment.learner, trained}};
  if (experiment.train_tasks && spec.evaluate.untrained) {
    all.push_back({name + ", before meta-training", experiment.learner, experiment.start});
  }
  for (Contestant baseline : experiment.baselines) {
    std::vector<std::string> names;
    for (const Contestant& one : all) names.push_back(one.name);
    baseline.name = unique_name(baseline.name, names);
    all.push_back(std::move(baseline));
  }
  return all;
}

// Empty, or that more is needed than there is.
std::string shortage(const LoadedExperiment& experiment) {
  const engine::Device device = experiment.family.device();
  const double needed = experiment.predicted_bytes();
  const int64_t on_device = engine::backend(device).memory_left();
  const auto there =
      static_cast<double>(on_device < 0 ? available_memory(engine::num_threads()) : on_device);
  if (needed <= there) return "";
  constexpr double kMebi = 1 << 20;
  const std::string where =
      device == engine::Device{} ? "" : fmt::format(" on {}", engine::to_string(device));
  return fmt::format("memory: the run needs about {:.0f} MiB, {:.0f} MiB are available{}",
                     std::ceil(needed / kMebi), std::floor(std::max(0.0, there) / kMebi), where);
}

void write_trained(const LoadedExperiment& experiment, const RunDirectory& directory,
                   const Tensor& trained) {
  Algorithm algorithm;
  algorithm.params = trained;
  algorithm.layout = experiment.family.layout();
  LearnerOptions options = experiment.learner;
  options.name.clear();
  options.init = {};
  algorithm.options = fields_to_json(fields_of(options)).dump();
  algorithm.notes = {{"spec_name", experiment.spec.name}, {"spec_digest", directory.spec_digest()}};
  write_algorithm(directory.file("algorithm.safetensors"), algorithm);
}

}  // namespace

MemoryForecast forecast_memory(const Spec& spec, const RunOptions& options) {
  const LoadedExperiment experiment(spec, options.project_data, options.device);
  const bool on_cpu = options.device == engine::Device{};
  return {experiment.predicted_bytes() + (on_cpu ? static_cast<double>(resident_memory()) : 0),
          shortage(experiment)};
}

RunOutcome run(const Spec& spec, const RunOptions& options) {
  RunOutcome outcome;
  std::optional<RunDirectory> directory;
  if (RunDirectory::exists(options.out)) {
    directory.emplace(options.out, spec);
    if (const auto known = directory->read("results.json")) {
      outcome.results = results_from_json(directory->file("results.json"), *known);
      outcome.finished = true;
      return outcome;
    }
  }
  const LoadedExperiment experiment(spec, options.project_data, options.device);
  if (const std::string message = shortage(experiment); !message.empty()) {
    throw engine::ResourceError(
        message,
        "lower meta.memory_budget, meta.population, meta.chunk_size, evaluate.chunk_size or "
        "clone.phases.N.cells");
  }
  if (!directory) directory.emplace(options.out, spec);
  directory->write("env.json", environment_json(options.device));

  Progress progress(options.quiet);
  Tensor trained = experiment.start;
  if (experiment.train_tasks) {
    const std::optional<Tensor> result =
        meta_training({spec, experiment.family, *experiment.train_tasks, experiment.test_tasks,
                       *directory, progress, options.stop},
                      experiment.start);
    if (!result) return outcome;
    trained = *result;
    write_trained(experiment, *directory, trained);
  }
  if (spec.experiment == ExperimentType::Clone) {
    const std::optional<Tensor> cloned = clone_training({spec, *directory, progress, options.stop});
    if (!cloned) return outcome;
    trained = cloned_learner(spec, *cloned, experiment.family.layout()).to(options.device);
    write_trained(experiment, *directory, trained);
  }
  const auto test = spec.experiment == ExperimentType::Compare ? compare : meta_test;
  const std::optional<std::vector<Result>> results =
      test({spec, experiment.test_tasks, options.device, *directory, progress, options.stop},
           contestants(experiment, trained));
  if (!results) return outcome;
  outcome.results = {experiment_name(spec), spec.name, *results};
  directory->write("report.txt", results_table(outcome.results));
  directory->write("results.json", results_to_json(outcome.results));
  outcome.finished = true;
  return outcome;
}

}  // namespace vsml
