#include "vsml/experiment/meta_test.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <sstream>

#include "engine/parallel.h"
#include "vsml/experiment/spec_fields.h"
#include "vsml/learners/learner_file.h"
#include "vsml/random_purpose.h"

namespace vsml {
namespace {

using engine::DType;
using engine::Tensor;

constexpr const char* kLog = "evaluations.jsonl";

// The list of values of which a meta-test reports the best, and its key; null: the learner has
// none.
struct Grid {
  const char* key = "";
  std::vector<double>* values = nullptr;
};

Grid grid_of(LearnerOptions& options) {
  switch (options.type) {
    case LearnerType::Sgd:
    case LearnerType::Adam:
      return {"learning_rate", &options.mlp.learning_rate};
    case LearnerType::RecursiveLeastSquares:
      return {"ridge", &options.ridge};
    default:
      return {};
  }
}

// The learner for episodes of this length.
LearnerOptions for_episodes(LearnerOptions options, int64_t length) {
  if (options.capacity == 0) options.capacity = length;
  return options;
}

// What is known already, by task and learner. The file may end in half a line.
std::map<std::pair<std::string, std::string>, Result> read_log(const RunDirectory& directory) {
  std::map<std::pair<std::string, std::string>, Result> known;
  std::istringstream text(directory.read(kLog).value_or(""));
  for (std::string line; std::getline(text, line) && !text.eof();) {
    const Result result = result_from_line(directory.file(kLog), line);
    known[{result.task, result.learner}] = result;
  }
  return known;
}

Result best_of_grid(const MetaTestSetting& setting, const Contestant& contestant,
                    const std::shared_ptr<const Task>& task) {
  const EvaluateSpec& evaluation = setting.spec.evaluate;
  const EvaluateOptions options{evaluation.episodes, evaluation.episode_length,
                                evaluation.chunk_size};
  LearnerOptions one = for_episodes(contestant.options, evaluation.episode_length);
  const Grid grid = grid_of(one);
  const std::vector<double> values = grid.values ? *grid.values : std::vector<double>{0};
  Result best;
  for (size_t k = 0; k < values.size(); ++k) {
    if (grid.values) *grid.values = {values[k]};
    const LearnerFamily family(one, DType::f32, setting.device);
    // What a grid is about is a parameter.
    const Tensor params =
        grid.values ? initial_params(one, family, setting.spec.seed) : contestant.params;
    const ScoreSummary score =
        summarize(evaluate(family, params, task, options, setting.spec.seed));
    if (k > 0 && !(score.accuracy > best.score.accuracy)) continue;
    best.score = score;
    if (grid.values) best.chosen = Choice{grid.key, values[k]};
  }
  best.learner = contestant.name;
  best.episodes = evaluation.episodes;
  return best;
}

}  // namespace

Tensor initial_params(const LearnerOptions& options, const LearnerFamily& family, uint64_t seed) {
  const InitOptions& init = options.init;
  if (options.type == LearnerType::Vsml && init.type == InitType::File) {
    return params_for(init.path, read_algorithm(init.path), family.layout()).to(family.device());
  }
  return family.for_dims({1, 1}).initial_params(
      key_for({seed, 0, 0, 0}, RandomPurpose::InitialParams));
}

std::string unique_name(const std::string& wanted, const std::vector<std::string>& names) {
  std::string name = wanted;
  for (int k = 2; std::find(names.begin(), names.end(), name) != names.end(); ++k) {
    name = fmt::format("{} ({})", wanted, k);
  }
  return name;
}

std::vector<Contestant> contestants_of(const std::vector<LearnerOptions>& learners, uint64_t seed,
                                       engine::Device device) {
  std::vector<Contestant> all;
  std::vector<std::string> names;
  for (const LearnerOptions& options : learners) {
    const std::string wanted = options.name.empty() ? name_of(options.type) : options.name;
    names.push_back(unique_name(wanted, names));
    const LearnerFamily family(options, DType::f32, device);
    all.push_back({names.back(), options, initial_params(options, family, seed)});
  }
  return all;
}

std::optional<std::vector<Result>> meta_test(const MetaTestSetting& setting,
                                             const std::vector<Contestant>& contestants) {
  auto known = read_log(setting.directory);
  MetricsFile log(setting.directory.file(kLog), static_cast<int64_t>(known.size()));
  std::vector<Result> results;
  std::vector<std::string> task_names;
  const auto total = static_cast<int64_t>(setting.tasks.size() * contestants.size());
  setting.progress.begin("meta-test", static_cast<int64_t>(known.size()), total);
  for (const auto& task : setting.tasks) {
    task_names.push_back(unique_name(task->name(), task_names));
    for (const Contestant& contestant : contestants) {
      const auto found = known.find({task_names.back(), contestant.name});
      if (found != known.end()) {
        results.push_back(found->second);
        continue;
      }
      if (setting.stop && setting.stop()) return std::nullopt;
      Result result = best_of_grid(setting, contestant, task);
      result.task = task_names.back();
      log.append(result_to_line(result));
      results.push_back(std::move(result));
      setting.progress.update(static_cast<int64_t>(results.size()),
                              fmt::format("{} on {}", contestant.name, task_names.back()));
    }
  }
  log.sync();
  setting.progress.end();
  return results;
}

double predicted_meta_test_bytes(const Spec& spec, const std::vector<Contestant>& contestants,
                                 const std::vector<std::shared_ptr<const Task>>& tasks) {
  const EvaluateSpec& e = spec.evaluate;
  const int64_t members = std::min(e.chunk_size, e.episodes);
  const int64_t chunks = (e.episodes + members - 1) / members;
  double largest = 0;
  for (const Contestant& contestant : contestants) {
    const LearnerFamily family(for_episodes(contestant.options, e.episode_length), DType::f32, {});
    for (const auto& task : tasks) {
      const LearnerMemory memory =
          family.for_dims({task->inputs(), task->num_classes()}).memory(members, 1);
      // At its birth a state stands there twice: by itself, and side by side with its chunk's.
      largest = std::max(largest, memory.state + std::max(memory.state, memory.work));
    }
  }
  return static_cast<double>(std::min<int64_t>(chunks, engine::num_threads())) * largest;
}

}  // namespace vsml
