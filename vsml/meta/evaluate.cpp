#include "vsml/meta/evaluate.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "engine/parallel.h"
#include "engine/tape.h"
#include "vsml/random_purpose.h"

namespace vsml {
namespace {

using engine::Tensor;

// Examples asked for at a time; they are the same however they are asked for.
constexpr int64_t kBlock = 64;

// Adds the scores of one step, [P] each, to the episodes'.
void add_scores(const Tensor& prediction, const Tensor& label, const EvaluateOptions& options,
                bool last, EpisodeScore* scores) {
  const int64_t tail = std::max<int64_t>(1, options.episode_length / 10);
  const auto hits = cast(equal(argmax(prediction, -1), argmax(label, -1)), engine::DType::f64)
                        .to_vector<double>();
  const auto losses =
      cast(cross_entropy(prediction, label), engine::DType::f64).to_vector<double>();
  for (size_t p = 0; p < hits.size(); ++p) {
    scores[p].accuracy += hits[p] / static_cast<double>(options.episode_length);
    scores[p].loss += losses[p] / static_cast<double>(options.episode_length);
    if (last) scores[p].accuracy_last += hits[p] / static_cast<double>(tail);
  }
}

void run_chunk(const Learner& learner, const engine::ParamSet& params, std::vector<Lane>& lanes,
               const EvaluateOptions& options, EpisodeScore* scores) {
  std::vector<Lane*> group;
  for (Lane& lane : lanes) group.push_back(&lane);
  LearnerState state = gather_states(group);
  for (Lane& lane : lanes) lane.state = {};
  const int64_t tail = std::max<int64_t>(1, options.episode_length / 10);
  for (int64_t done = 0; done < options.episode_length; done += kBlock) {
    const int64_t steps = std::min(kBlock, options.episode_length - done);
    const ExampleBlock block =
        next_examples(group, steps, 1, params.flat().dtype(), params.flat().device());
    for (int64_t t = 0; t < steps; ++t) {
      const auto k = static_cast<size_t>(t);
      LearnerStep next = learner.step(params, std::move(state), block.inputs[k], block.labels[k]);
      state = std::move(next.state);
      add_scores(next.prediction, block.labels[k], options,
                 done + t >= options.episode_length - tail, scores);
    }
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
  require_long_enough(*task, options.episode_length);
  const TaskMixture only({task}, {1});
  const engine::ParamSet set(learners.layout(), params);
  const Learner& learner = learners.for_dims({task->inputs(), task->num_classes()});
  std::vector<EpisodeScore> scores(static_cast<size_t>(options.episodes));
  const int64_t chunks = (options.episodes + options.chunk_size - 1) / options.chunk_size;
  engine::parallel_for(chunks, [&](int64_t chunk) {
    const int64_t first = chunk * options.chunk_size;
    const int64_t last = std::min(options.episodes, first + options.chunk_size);
    std::vector<Lane> lanes;
    for (int64_t episode = first; episode < last; ++episode) {
      lanes.push_back(
          begin_lane(only, learners, set, episode_key(seed, episode), options.episode_length, 1));
    }
    run_chunk(learner, set, lanes, options, &scores[static_cast<size_t>(first)]);
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

}  // namespace vsml
