#include "vsml/experiment/compare.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <sstream>

#include "engine/ops/elementwise.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "vsml/learners/learner_family.h"
#include "vsml/random_purpose.h"
#include "vsml/tasks/csv.h"

namespace vsml {
namespace {

using engine::DType;
using engine::ParamSet;
using engine::Tensor;
using Weights = std::vector<Tensor>;

constexpr const char* kLog = "comparisons.jsonl";

// A learner in an episode.
struct Runner {
  Runner(const Contestant& contestant, const Task& task, int64_t examples, engine::Device device)
      : name(contestant.name),
        is_sgd(contestant.options.type == LearnerType::Sgd),
        family(for_episodes(contestant.options, examples), DType::f32, device),
        learner(family.for_dims(task.dims())),
        params(learner.layout(), contestant.params) {}

  Weights weights() const { return learner.weights(params, state); }

  std::string name;
  bool is_sgd;
  LearnerFamily family;
  const Learner& learner;
  ParamSet params;
  LearnerState state;
  int32_t guess = 0;  // of the latest example
  std::vector<double> losses, hits;
  double same = 0;                      // guesses that were the reference's
  std::vector<LayerLikeness> likeness;  // at the latest look, if its weights are compared
};

bool same_shapes(const Weights& a, const Weights& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Tensor& x, const Tensor& y) { return x.shape() == y.shape(); });
}

double norm(const Tensor& x) {
  return std::sqrt(sum(square(x)).item());
}

double correlation(const Tensor& a, const Tensor& b) {
  const Tensor x = a - mean(a), y = b - mean(b);
  return sum(x * y).item() / (norm(x) * norm(y));
}

// Sums over many weights in double.
std::vector<LayerLikeness> likeness(const Weights& start, const Weights& got, const Weights& want) {
  std::vector<LayerLikeness> layers;
  for (size_t k = 0; k < start.size(); ++k) {
    const Tensor from = cast(start[k], DType::f64), mine = cast(got[k], DType::f64),
                 sgd = cast(want[k], DType::f64);
    layers.push_back({correlation(mine, sgd), correlation(mine - from, sgd - from),
                      norm(mine - sgd) / norm(sgd - from)});
  }
  return layers;
}

// One episode of all learners.
class Episode {
 public:
  Episode(const MetaTestSetting& setting, const std::vector<Contestant>& contestants,
          const Task& task, int64_t episode)
      : setting_(setting),
        task_(task),
        key_(episode_key(setting.spec.seed, episode)),
        lifetime_(task.lifetime(key_)) {
    for (const Contestant& one : contestants) {
      runners_.push_back(std::make_unique<Runner>(one, task, setting.spec.evaluate.episode_length,
                                                  setting.device));
    }
    begin();
  }

  // False if it was stopped.
  bool run() {
    constexpr int64_t kBlock = 64;
    const EvaluateSpec& evaluation = setting_.spec.evaluate;
    const int64_t inputs = task_.inputs(), classes = task_.num_classes();
    std::vector<float> x(static_cast<size_t>(kBlock * inputs)),
        y(static_cast<size_t>(kBlock * classes));
    for (int64_t t = 0; t < evaluation.episode_length; ++t) {
      if (setting_.stop && setting_.stop()) return false;
      const int64_t place = t % kBlock;
      if (place == 0) {
        lifetime_.examples(t, std::min(kBlock, evaluation.episode_length - t), x.data(), y.data());
      }
      const auto row = [&](const std::vector<float>& all, int64_t size) {
        const auto first = all.begin() + place * size;
        return Tensor::from(std::vector<float>(first, first + size), {1, 1, size}, setting_.device);
      };
      see(row(x, inputs), row(y, classes));
      const bool look =
          (t + 1) % evaluation.weights_every == 0 || t + 1 == evaluation.episode_length;
      if (look) compare_weights();
      write_row(t, look);
    }
    return true;
  }

  std::string table() const { return header() + rows_; }

  std::vector<Result> results() const {
    const auto tail = std::max<size_t>(1, runners_[0]->hits.size() / 10);
    std::vector<Result> results;
    for (const auto& runner : runners_) {
      const auto count = static_cast<double>(runner->hits.size());
      EpisodeScore score;
      for (size_t t = 0; t < runner->hits.size(); ++t) {
        score.accuracy += runner->hits[t] / count;
        score.loss += runner->losses[t] / count;
        if (t + tail >= runner->hits.size()) {
          score.accuracy_last += runner->hits[t] / static_cast<double>(tail);
        }
      }
      Result result;
      result.learner = runner->name;
      result.episodes = 1;
      result.examples = static_cast<int64_t>(runner->hits.size());
      result.accuracies = {score.accuracy};
      result.score = summarize({score});
      if (!runner->likeness.empty()) {
        result.likeness = Likeness{runner->same / count, runner->likeness};
      }
      results.push_back(result);
    }
    return results;
  }

 private:
  // All learners with weights like those of the first begin with its.
  void begin() {
    const engine::RngKey birth = key_for(key_, RandomPurpose::InitialState);
    for (const auto& runner : runners_) {
      runner->state = runner->learner.initial_state(runner->params, {birth}, 1);
      const Weights own = runner->weights();
      if (start_.empty()) start_ = own;
      if (!same_shapes(own, start_)) continue;
      runner->state = runner->learner.state_of_weights(runner->params, start_, 1);
      if (runner->is_sgd && reference_ == nullptr) {
        reference_ = runner.get();
      } else {
        runner->likeness.resize(start_.size());
      }
    }
  }

  void see(const Tensor& input, const Tensor& label) {
    const int32_t truth = argmax(label, -1).to_vector<int32_t>()[0];
    for (const auto& runner : runners_) {
      LearnerStep step =
          runner->learner.step(runner->params, std::move(runner->state), input, label);
      runner->state = std::move(step.state);
      runner->guess = argmax(step.prediction, -1).to_vector<int32_t>()[0];
      runner->hits.push_back(runner->guess == truth ? 1 : 0);
      runner->losses.push_back(cross_entropy(step.prediction, label).item());
    }
    for (const auto& runner : runners_) runner->same += runner->guess == reference_->guess ? 1 : 0;
  }

  void compare_weights() {
    const Weights want = reference_->weights();
    for (const auto& runner : runners_) {
      if (!runner->likeness.empty()) runner->likeness = likeness(start_, runner->weights(), want);
    }
  }

  std::string header() const {
    std::string line = "example";
    for (const auto& runner : runners_) {
      line +=
          "," + csv_quoted(runner->name + " loss") + "," + csv_quoted(runner->name + " correct");
    }
    for (const auto& runner : runners_) {
      for (size_t k = 0; k < runner->likeness.size(); ++k) {
        for (const char* what : {"correlation", "change correlation", "distance"}) {
          line += "," + csv_quoted(fmt::format("{} layer {} {}", runner->name, k, what));
        }
      }
    }
    return line + "\n";
  }

  void write_row(int64_t t, bool looked) {
    rows_ += fmt::format("{}", t + 1);
    for (const auto& runner : runners_) {
      rows_ += fmt::format(",{:.6g},{:.0f}", runner->losses.back(), runner->hits.back());
    }
    for (const auto& runner : runners_) {
      for (const LayerLikeness& layer : runner->likeness) {
        rows_ += looked ? fmt::format(",{:.9g},{:.9g},{:.6g}", layer.correlation,
                                      layer.change_correlation, layer.distance)
                        : std::string(",,,");
      }
    }
    rows_ += "\n";
  }

  const MetaTestSetting& setting_;
  const Task& task_;
  engine::RngKey key_;
  Lifetime lifetime_;
  std::vector<std::unique_ptr<Runner>> runners_;
  Runner* reference_ = nullptr;
  Weights start_;
  std::string rows_;
};

// The results of episodes that are done, one line per learner. The file may end in half an episode.
std::vector<Result> read_log(const RunDirectory& directory) {
  std::vector<Result> known;
  std::istringstream text(directory.read(kLog).value_or(""));
  for (std::string line; std::getline(text, line) && !text.eof();) {
    known.push_back(result_from_line(directory.file(kLog), line));
  }
  return known;
}

// One learner's episodes on a task.
Result summarized(const std::vector<const Result*>& episodes) {
  Result all = *episodes[0];
  all.episodes = static_cast<int64_t>(episodes.size());
  all.accuracies.clear();
  std::vector<EpisodeScore> scores;
  for (const Result* one : episodes) {
    scores.push_back({one->score.accuracy, one->score.accuracy_last, one->score.loss});
    all.accuracies.push_back(one->score.accuracy);
  }
  all.score = summarize(scores);
  if (!all.likeness) return all;
  const auto count = static_cast<double>(episodes.size());
  all.likeness = Likeness{0, std::vector<LayerLikeness>(all.likeness->layers.size())};
  for (const Result* one : episodes) {
    all.likeness->same_predictions += one->likeness->same_predictions / count;
    for (size_t k = 0; k < all.likeness->layers.size(); ++k) {
      LayerLikeness& mean = all.likeness->layers[k];
      const LayerLikeness& layer = one->likeness->layers.at(k);
      mean.correlation += layer.correlation / count;
      mean.change_correlation += layer.change_correlation / count;
      mean.distance += layer.distance / count;
    }
  }
  return all;
}

}  // namespace

std::optional<std::vector<Result>> compare(const MetaTestSetting& setting,
                                           const std::vector<Contestant>& contestants) {
  const int64_t episodes = setting.spec.evaluate.episodes;
  std::vector<Result> done = read_log(setting.directory);
  const auto per_episode = static_cast<int64_t>(contestants.size());
  const int64_t known = static_cast<int64_t>(done.size()) / per_episode;
  done.resize(static_cast<size_t>(known * per_episode));
  MetricsFile log(setting.directory.file(kLog), known * per_episode);
  std::error_code ignored;  // the file in it cannot be written then
  std::filesystem::create_directories(setting.directory.file("curves"), ignored);
  const auto total = static_cast<int64_t>(setting.tasks.size()) * episodes;
  setting.progress.begin("compare", known, total);
  std::vector<std::string> names;
  for (const auto& task : setting.tasks) names.push_back(unique_name(task->name(), names));
  for (int64_t unit = known; unit < total; ++unit) {
    const auto task = static_cast<size_t>(unit / episodes);
    Episode episode(setting, contestants, *setting.tasks[task], unit % episodes);
    if (!episode.run()) return std::nullopt;
    setting.directory.write(fmt::format("curves/task-{}-episode-{:04}.csv", task, unit % episodes),
                            episode.table());
    for (Result& result : episode.results()) {
      result.task = names[task];
      log.append(result_to_line(result));
      done.push_back(std::move(result));
    }
    setting.progress.update(unit + 1, names[task]);
  }
  log.sync();
  setting.progress.end();

  std::vector<Result> results;
  for (size_t task = 0; task < names.size(); ++task) {
    for (int64_t k = 0; k < per_episode; ++k) {
      std::vector<const Result*> own;
      for (int64_t episode = 0; episode < episodes; ++episode) {
        const int64_t unit = static_cast<int64_t>(task) * episodes + episode;
        own.push_back(&done[static_cast<size_t>(unit * per_episode + k)]);
      }
      results.push_back(summarized(own));
    }
  }
  return results;
}

double predicted_compare_bytes(const std::vector<Contestant>& contestants,
                               const std::vector<std::shared_ptr<const Task>>& tasks,
                               engine::Device device) {
  double largest = 0;
  for (const auto& task : tasks) {
    double together = 0, work = 0;
    for (const Contestant& contestant : contestants) {
      const LearnerFamily family(contestant.options, DType::f32, device);
      const LearnerMemory memory = family.for_dims(task->dims()).memory(1, 1);
      together += memory.state;
      work = std::max(work, std::max(memory.state, memory.work));  // at birth it is there twice
    }
    largest = std::max(largest, together + work);
  }
  return largest;
}

}  // namespace vsml
