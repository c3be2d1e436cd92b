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
  std::vector<EpisodeScore*> scores;  // of the chunk's first episode, per length
};

// Of some steps, [P] each: whether the prediction was right, and the cross entropy.
struct StepScores {
  std::vector<Tensor> hits, losses;
  void add(const Tensor& prediction, const Tensor& label) {
    hits.push_back(cast(equal(argmax(prediction, -1), argmax(label, -1)), engine::DType::f64));
    losses.push_back(cast(cross_entropy(prediction, label), engine::DType::f64));
  }
};

// Adds the scores of steps first, first + 1, ... to the episodes'.
void add_scores(const StepScores& steps, int64_t first, const ChunkScores& to) {
  const auto all_hits = engine::stack(steps.hits, 0).to_vector<double>();
  const auto all_losses = engine::stack(steps.losses, 0).to_vector<double>();
  const size_t members = all_hits.size() / steps.hits.size();
  for (size_t place = 0; place < all_hits.size(); ++place) {
    const int64_t t = first + static_cast<int64_t>(place / members);
    for (size_t k = 0; k < to.lengths.size(); ++k) {
      const int64_t length = to.lengths[k], tail = std::max<int64_t>(1, length / 10);
      if (t >= length) continue;
      EpisodeScore& score = to.scores[k][place % members];
      score.accuracy += all_hits[place] / static_cast<double>(length);
      score.loss += all_losses[place] / static_cast<double>(length);
      if (t >= length - tail) score.accuracy_last += all_hits[place] / static_cast<double>(tail);
    }
  }
}

void run_chunk(const Learner& learner, const engine::ParamSet& params, std::vector<Lane>& lanes,
               const EvaluateOptions& options, const ChunkScores& scores) {
  std::vector<Lane*> group;
  for (Lane& lane : lanes) group.push_back(&lane);
  ExampleLoop loop(learner, params, begin_states(learner, params, group, 1));
  const int64_t at_a_time = steps_at_a_time(group, 1);
  for (int64_t done = 0; done < options.episode_length; done += at_a_time) {
    const int64_t steps = std::min(at_a_time, options.episode_length - done);
    const ExampleBlock block =
        next_examples(group, steps, 1, params.flat().dtype(), params.flat().device());
    StepScores of_steps;
    for (int64_t t = 0; t < steps; ++t) {
      const auto k = static_cast<size_t>(t);
      of_steps.add(loop.step(block.inputs[k], block.labels[k]), block.labels[k]);
    }
    add_scores(of_steps, done, scores);
    for (Lane& lane : lanes) lane.age += steps;
  }
}

}  // namespace

engine::RngKey episode_key(uint64_t seed, int64_t episode) {
  return key_for({seed, 0, static_cast<uint32_t>(episode), 0}, RandomPurpose::EvaluationLifetime,
                 0);
}

void require_long_enough(const Task& task, int64_t episode_length) {
  if (episode_length <= task.max_examples()) return;
  throw engine::Error(
      fmt::format("task {}: expected at least {} examples for one episode, found {}", task.name(),
                  episode_length, task.max_examples()),
      "shorten evaluate.episode_length, or let the task repeat");
}

std::vector<EpisodeScore> evaluate(const LearnerSource& learners, const Tensor& params,
                                   const std::shared_ptr<const Task>& task,
                                   const EvaluateOptions& options, uint64_t seed) {
  return evaluate_lengths(learners, params, task, options, {options.episode_length}, seed)[0];
}

std::vector<std::vector<EpisodeScore>> evaluate_lengths(
    const LearnerSource& learners, const Tensor& params, const std::shared_ptr<const Task>& task,
    const EvaluateOptions& options, const std::vector<int64_t>& lengths, uint64_t seed) {
  require_long_enough(*task, options.episode_length);
  const TaskMixture only({task}, {1});
  const engine::ParamSet set(learners.layout(), params);
  const Learner& learner = learners.for_dims(task->dims());
  std::vector<std::vector<EpisodeScore>> scores(
      lengths.size(), std::vector<EpisodeScore>(static_cast<size_t>(options.episodes)));
  const int64_t chunks = (options.episodes + options.chunk_size - 1) / options.chunk_size;
  engine::parallel_for(chunks, [&](int64_t chunk) {
    const int64_t first = chunk * options.chunk_size;
    const int64_t last = std::min(options.episodes, first + options.chunk_size);
    std::vector<Lane> lanes;
    for (int64_t episode = first; episode < last; ++episode) {
      lanes.push_back(enter_lifetime(only, episode_key(seed, episode), options.episode_length));
    }
    ChunkScores mine{lengths, {}};
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
