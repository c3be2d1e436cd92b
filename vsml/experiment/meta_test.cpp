#include "vsml/experiment/meta_test.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <sstream>
#include <tuple>

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

// Which result: task, learner, examples.
using ResultKey = std::tuple<std::string, std::string, int64_t>;

ResultKey key_of(const Result& result) {
  return {result.task, result.learner, result.examples};
}

// What is known already. The file may end in half a line.
std::map<ResultKey, Result> read_log(const RunDirectory& directory) {
  std::map<ResultKey, Result> known;
  std::istringstream text(directory.read(kLog).value_or(""));
  for (std::string line; std::getline(text, line) && !text.eof();) {
    const Result result = result_from_line(directory.file(kLog), line);
    known[key_of(result)] = result;
  }
  return known;
}

// The lengths that an episode is scored over.
std::vector<int64_t> lengths_of(const EvaluateSpec& evaluation) {
  std::vector<int64_t> lengths = evaluation.prefixes;
  lengths.push_back(evaluation.episode_length);
  return lengths;
}

// A contestant on a task, for each length: with the value of its grid that is the best over it.
std::vector<Result> best_of_grid(const MetaTestSetting& setting, const Contestant& contestant,
                                 const std::shared_ptr<const Task>& task) {
  const EvaluateSpec& evaluation = setting.spec.evaluate;
  const EvaluateOptions options{evaluation.episodes, evaluation.episode_length,
                                evaluation.chunk_size};
  const std::vector<int64_t> lengths = lengths_of(evaluation);
  LearnerOptions one = for_episodes(contestant.options, evaluation.episode_length);
  const Grid grid = grid_of(one);
  const std::vector<double> values = grid.values ? *grid.values : std::vector<double>{0};
  std::vector<Result> best(lengths.size());
  for (size_t k = 0; k < values.size(); ++k) {
    if (grid.values) *grid.values = {values[k]};
    const LearnerFamily family(one, DType::f32, setting.device);
    // What a grid is about is a parameter.
    const Tensor params =
        grid.values ? initial_params(one, family, setting.spec.seed) : contestant.params;
    const auto scores = evaluate_lengths(family, params, task, options, lengths, setting.spec.seed);
    for (size_t n = 0; n < lengths.size(); ++n) {
      const ScoreSummary score = summarize(scores[n]);
      Result& result = best[n];
      if (k > 0 && !(score.accuracy > result.score.accuracy)) continue;
      result.score = score;
      result.accuracies.clear();
      for (const EpisodeScore& episode : scores[n]) result.accuracies.push_back(episode.accuracy);
      if (grid.values) result.chosen = Choice{grid.key, values[k]};
    }
  }
  for (size_t n = 0; n < lengths.size(); ++n) {
    best[n].learner = contestant.name;
    best[n].episodes = evaluation.episodes;
    best[n].examples = lengths[n];
  }
  return best;
}

// The same for an experiment introspect.
std::vector<Result> introspected(const MetaTestSetting& setting, const Contestant& contestant,
                                 const std::shared_ptr<const Task>& task) {
  const EvaluateSpec& evaluation = setting.spec.evaluate;
  const LearnerFamily family(for_episodes(contestant.options, evaluation.episode_length),
                             DType::f32, setting.device);
  const IntrospectedEpisodes episodes =
      introspect(family, contestant.params, task,
                 {evaluation.episodes, evaluation.episode_length, evaluation.chunk_size},
                 evaluation.swap_labels_at, setting.spec.seed);
  Result result;
  result.learner = contestant.name;
  result.episodes = evaluation.episodes;
  result.examples = evaluation.episode_length;
  result.score = summarize(episodes.scores);
  for (const EpisodeScore& episode : episodes.scores) {
    result.accuracies.push_back(episode.accuracy);
  }
  result.introspection = episodes.introspection;
  return {result};
}

}  // namespace

Tensor initial_params(const LearnerOptions& options, const LearnerFamily& family, uint64_t seed) {
  const InitOptions& init = options.init;
  if (is_meta_trained(options.type) && init.type == InitType::File) {
    return params_for(init.path, read_algorithm(init.path), family.layout()).to(family.device());
  }
  return family.for_dims(family.any_dims())
      .initial_params(key_for({seed, 0, 0, 0}, RandomPurpose::InitialParams));
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

LearnerOptions for_episodes(LearnerOptions options, int64_t length) {
  if (options.capacity == 0) options.capacity = length;
  return options;
}

std::optional<std::vector<Result>> meta_test(const MetaTestSetting& setting,
                                             const std::vector<Contestant>& contestants) {
  auto known = read_log(setting.directory);
  MetricsFile log(setting.directory.file(kLog), static_cast<int64_t>(known.size()));
  const auto look =
      setting.spec.experiment == ExperimentType::Introspect ? introspected : best_of_grid;
  const std::vector<int64_t> lengths = lengths_of(setting.spec.evaluate);
  std::vector<Result> results;
  std::vector<std::string> task_names;
  const auto total =
      static_cast<int64_t>(setting.tasks.size() * contestants.size() * lengths.size());
  setting.progress.begin("meta-test", static_cast<int64_t>(known.size()), total);
  for (const auto& task : setting.tasks) {
    task_names.push_back(unique_name(task->name(), task_names));
    for (const Contestant& contestant : contestants) {
      const auto is_known = [&](int64_t length) {
        return known.contains({task_names.back(), contestant.name, length});
      };
      if (!std::all_of(lengths.begin(), lengths.end(), is_known)) {
        if (setting.stop && setting.stop()) return std::nullopt;
        for (Result& result : look(setting, contestant, task)) {
          result.task = task_names.back();
          if (is_known(result.examples)) continue;
          log.append(result_to_line(result));
          known[key_of(result)] = result;
        }
      }
      for (const int64_t length : lengths) {
        results.push_back(known.at({task_names.back(), contestant.name, length}));
      }
      setting.progress.update(static_cast<int64_t>(results.size()),
                              fmt::format("{} on {}", contestant.name, task_names.back()));
    }
  }
  log.sync();
  setting.progress.end();
  return results;
}

double predicted_meta_test_bytes(const Spec& spec, const std::vector<Contestant>& contestants,
                                 const std::vector<std::shared_ptr<const Task>>& tasks,
                                 engine::Device device) {
  const EvaluateSpec& e = spec.evaluate;
  const int64_t members = std::min(e.chunk_size, e.episodes);
  const int64_t chunks = (e.episodes + members - 1) / members;
  double largest = 0;
  for (const Contestant& contestant : contestants) {
    const LearnerFamily family(for_episodes(contestant.options, e.episode_length), DType::f32,
                               device);
    for (const auto& task : tasks) {
      const LearnerMemory memory = family.for_dims(task->dims()).memory(members, 1);
      // Introspection keeps four states beside the one at work.
      const double copies = spec.experiment == ExperimentType::Introspect ? 5 : 1;
      largest = std::max(largest, copies * memory.state + memory.unrecorded +
                                      static_cast<double>(members) * task->lifetime_bytes());
    }
  }
  return static_cast<double>(std::min<int64_t>(chunks, engine::num_threads())) * largest;
}

}  // namespace vsml
