#include "vsml/meta/evaluate.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iterator>
#include <limits>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "engine/parallel.h"
#include "engine/tape.h"
#include "vsml/example_loop.h"
#include "vsml/random_purpose.h"

namespace vsml {
namespace {

using engine::Tensor;

// The scores of a chunk's episodes, for each length.
struct ChunkScores {
  const std::vector<int64_t>& lengths;
  int64_t support;
  std::vector<EpisodeScore*> scores;  // of the chunk's first episode, per length
};

// One example: what was predicted, what it was, the cross entropy.
struct ExampleScore {
  size_t guess, truth;
  double loss;
};

// Adds example t of an episode to its score.
void add_example(const ExampleScore& example, int64_t t, const EpisodeSpan& episode, size_t classes,
                 EpisodeScore& score) {
  const int64_t window = window_of(t, episode.length);
  const double hit = example.guess == example.truth ? 1 : 0;
  score.curve[static_cast<size_t>(window)] +=
      hit / static_cast<double>(window_width(window, episode.length));
  if (t < episode.support) return;
  const int64_t scored = episode.length - episode.support;
  const int64_t tail = std::max<int64_t>(1, scored / 10);
  score.accuracy += hit / static_cast<double>(scored);
  score.loss += example.loss / static_cast<double>(scored);
  if (t < episode.length - tail) return;
  score.accuracy_last += hit / static_cast<double>(tail);
  if (!score.confusion.empty()) ++score.confusion[example.truth * classes + example.guess];
}

// Step by step, the members of each in order: of predictions and labels [P, 1, C] per step.
std::vector<ExampleScore> scores_of(const std::vector<Tensor>& predictions,
                                    const std::vector<Tensor>& labels) {
  const Tensor prediction = engine::stack(predictions, 0), label = engine::stack(labels, 0);
  const auto guess = argmax(prediction, -1).to_vector<int32_t>();
  const auto truth = argmax(label, -1).to_vector<int32_t>();
  const auto loss = cast(cross_entropy(prediction, label), engine::DType::f64).to_vector<double>();
  std::vector<ExampleScore> all;
  for (size_t k = 0; k < loss.size(); ++k) {
    all.push_back({static_cast<size_t>(guess[k]), static_cast<size_t>(truth[k]), loss[k]});
  }
  return all;
}

void run_chunk(const Learner& learner, const engine::ParamSet& params, std::vector<Lane>& lanes,
               const EvaluateOptions& options, const ChunkScores& to) {
  std::vector<Lane*> group;
  for (Lane& lane : lanes) group.push_back(&lane);
  const auto classes = static_cast<size_t>(learner.dims().classes);
  ExampleLoop loop(learner, params, begin_states(learner, params, group, 1));
  const int64_t at_a_time = steps_at_a_time(group, 1);
  for (int64_t done = 0; done < options.episode_length; done += at_a_time) {
    const int64_t steps = std::min(at_a_time, options.episode_length - done);
    const ExampleBlock block =
        next_examples(group, steps, 1, params.flat().dtype(), params.flat().device());
    std::vector<Tensor> predictions;
    for (size_t k = 0; k < block.inputs.size(); ++k) {
      predictions.push_back(loop.step(block.inputs[k], block.labels[k]));
    }
    const std::vector<ExampleScore> examples = scores_of(predictions, block.labels);
    for (size_t place = 0; place < examples.size(); ++place) {
      const int64_t t = done + static_cast<int64_t>(place / lanes.size());
      for (size_t k = 0; k < to.lengths.size(); ++k) {
        if (t >= to.lengths[k]) continue;
        add_example(examples[place], t, {to.lengths[k], to.support}, classes,
                    to.scores[k][place % lanes.size()]);
      }
    }
    for (Lane& lane : lanes) lane.age += steps;
  }
}

}  // namespace

void add_example_score(const Tensor& prediction, const Tensor& label, int64_t t,
                       const EpisodeSpan& episode, EpisodeScore* scores) {
  const std::vector<ExampleScore> examples = scores_of({prediction}, {label});
  for (size_t p = 0; p < examples.size(); ++p) {
    add_example(examples[p], t, episode, static_cast<size_t>(label.dim(-1)), scores[p]);
  }
}

int64_t num_windows(int64_t length) {
  return std::min(kCurveWindows, length);
}
int64_t window_of(int64_t t, int64_t length) {
  return ((t + 1) * num_windows(length) - 1) / length;
}
int64_t window_end(int64_t window, int64_t length) {
  return length * (window + 1) / num_windows(length);
}
int64_t window_width(int64_t window, int64_t length) {
  return window_end(window, length) - window_end(window - 1, length);
}

std::vector<double> window_ends(int64_t length) {
  std::vector<double> ends;
  for (int64_t w = 0; w < num_windows(length); ++w) {
    ends.push_back(static_cast<double>(window_end(w, length)));
  }
  return ends;
}

std::vector<EpisodeScore> empty_scores(int64_t episodes, int64_t length, int64_t classes) {
  EpisodeScore empty;
  empty.curve.resize(static_cast<size_t>(num_windows(length)));
  if (classes <= kMostConfused) empty.confusion.resize(static_cast<size_t>(classes * classes));
  return std::vector<EpisodeScore>(static_cast<size_t>(episodes), empty);
}

engine::RngKey episode_key(uint64_t seed, int64_t episode) {
  return key_for({seed, 0, static_cast<uint32_t>(episode), 0}, RandomPurpose::EvaluationLifetime,
                 0);
}

void require_long_enough(const Task& task, int64_t episode_length) {
  if (episode_length <= task.support()) {
    throw engine::Error(
        fmt::format("task {}: expected an episode longer than its {} support examples, found {}",
                    task.name(), task.support(), episode_length),
        "lengthen evaluate.episode_length and prefixes, or lower the task's shots");
  }
  if (episode_length <= task.max_examples()) return;
  throw engine::Error(
      fmt::format("task {}: expected at least {} examples for one episode, found {}", task.name(),
                  episode_length, task.max_examples()),
      "shorten evaluate.episode_length, or let the task repeat");
}

int64_t num_chunks(const EvaluateOptions& options) {
  return (options.episodes + options.chunk_size - 1) / options.chunk_size;
}

void for_each_chunk(const std::shared_ptr<const Task>& task, const EvaluateOptions& options,
                    uint64_t seed,
                    const std::function<void(int64_t, int64_t, std::vector<Lane>&)>& body) {
  require_long_enough(*task, options.episode_length);
  const TaskMixture only({task}, {1});
  engine::parallel_for(num_chunks(options), [&](int64_t chunk) {
    const int64_t first = chunk * options.chunk_size;
    const int64_t last = std::min(options.episodes, first + options.chunk_size);
    std::vector<Lane> lanes;
    for (int64_t episode = first; episode < last; ++episode) {
      lanes.push_back(enter_lifetime(only, episode_key(seed, episode), options.episode_length));
    }
    body(chunk, first, lanes);
  });
}

std::vector<EpisodeScore> evaluate(const LearnerSource& learners, const Tensor& params,
                                   const std::shared_ptr<const Task>& task,
                                   const EvaluateOptions& options, uint64_t seed) {
  return evaluate_lengths(learners, params, task, options, {options.episode_length}, seed)[0];
}

std::vector<std::vector<EpisodeScore>> evaluate_lengths(
    const LearnerSource& learners, const Tensor& params, const std::shared_ptr<const Task>& task,
    const EvaluateOptions& options, const std::vector<int64_t>& lengths, uint64_t seed) {
  const engine::ParamSet set(learners.layout(), params);
  const Learner& learner = learners.for_dims(task->dims());
  std::vector<std::vector<EpisodeScore>> scores;
  for (const int64_t length : lengths) {
    require_long_enough(*task, length);
    scores.push_back(empty_scores(options.episodes, length, task->num_classes()));
  }
  for_each_chunk(task, options, seed, [&](int64_t, int64_t first, std::vector<Lane>& lanes) {
    ChunkScores mine{lengths, task->support(), {}};
    for (auto& of_length : scores) mine.scores.push_back(&of_length[static_cast<size_t>(first)]);
    run_chunk(learner, set, lanes, options, mine);
  });
  return scores;
}

ScoreSummary summarize(const std::vector<EpisodeScore>& scores) {
  ScoreSummary summary;
  const auto count = static_cast<double>(scores.size());
  for (const EpisodeScore& score : scores) {
    summary.accuracy += score.accuracy / count;
    summary.accuracy_last += score.accuracy_last / count;
    summary.loss += score.loss / count;
    summary.curve.resize(score.curve.size());
    for (size_t w = 0; w < score.curve.size(); ++w) summary.curve[w] += score.curve[w] / count;
    summary.confusion.resize(score.confusion.size());
    for (size_t k = 0; k < score.confusion.size(); ++k) summary.confusion[k] += score.confusion[k];
  }
  double squares = 0;
  for (const EpisodeScore& score : scores) {
    squares += (score.accuracy - summary.accuracy) * (score.accuracy - summary.accuracy);
  }
  summary.accuracy_sd = scores.size() > 1 ? std::sqrt(squares / (count - 1)) : 0;
  return summary;
}

namespace {

// 97.5 % quantile of Student's t. Exact to 3 digits: the first by table, the rest by the
// Cornish-Fisher expansion around the normal quantile z.
double student_quantile(size_t freedom) {
  constexpr double kFirst[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365};
  if (freedom <= std::size(kFirst)) return kFirst[freedom - 1];
  const double z = 1.959964, v = static_cast<double>(freedom), z3 = z * z * z, z5 = z3 * z * z;
  return z + (z3 + z) / (4 * v) + (5 * z5 + 16 * z3 + 3 * z) / (96 * v * v);
}

}  // namespace

PairedDifference paired_difference(const std::vector<double>& a, const std::vector<double>& b) {
  const auto count = static_cast<double>(a.size());
  double mean = 0, squares = 0;
  for (size_t k = 0; k < a.size(); ++k) mean += (a[k] - b.at(k)) / count;
  for (size_t k = 0; k < a.size(); ++k) squares += (a[k] - b[k] - mean) * (a[k] - b[k] - mean);
  const double margin =
      a.size() < 2 ? std::numeric_limits<double>::infinity()
                   : student_quantile(a.size() - 1) * std::sqrt(squares / (count - 1) / count);
  return {mean, mean - margin, mean + margin};
}

}  // namespace vsml
