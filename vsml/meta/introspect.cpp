#include "vsml/meta/introspect.h"

#include <algorithm>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"

namespace vsml {
namespace {

using engine::Tensor;

// One-hot labels of the next class: c becomes c + 1, the last one 0.
Tensor next_class(const Tensor& label) {
  const int64_t classes = label.dim(-1);
  return engine::concat({slice(label, 2, classes - 1, classes), slice(label, 2, 0, classes - 1)},
                        2);
}

// The probability of a one-hot label, per member.
std::vector<double> probability(const Tensor& prediction, const Tensor& label) {
  return cast(sum(softmax(prediction, -1) * label, {-1}), engine::DType::f64).to_vector<double>();
}

using Part = std::vector<double> Introspection::*;
constexpr Part kParts[] = {&Introspection::before, &Introspection::after,
                           &Introspection::false_before, &Introspection::false_after,
                           &Introspection::old};

Introspection nothing_seen(int64_t swap_at, int64_t length) {
  Introspection nothing;
  nothing.swap_at = swap_at;
  for (const Part part : kParts) (nothing.*part).resize(static_cast<size_t>(num_windows(length)));
  return nothing;
}

double total(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

class Chunk {
 public:
  Chunk(const Learner& learner, const engine::ParamSet& params, const EvaluateOptions& options,
        int64_t swap_at)
      : learner_(learner),
        params_(params),
        options_(options),
        sums_(nothing_seen(swap_at, options.episode_length)) {}

  void run(std::vector<Lane>& lanes, EpisodeScore* scores) {
    std::vector<Lane*> group;
    for (Lane& lane : lanes) group.push_back(&lane);
    support_ = lanes.front().support;
    state_ = begin_states(learner_, params_, group, 1);
    const int64_t at_a_time = steps_at_a_time(group, 1);
    for (int64_t done = 0; done < options_.episode_length; done += at_a_time) {
      const int64_t steps = std::min(at_a_time, options_.episode_length - done);
      const ExampleBlock block =
          next_examples(group, steps, 1, params_.flat().dtype(), params_.flat().device());
      for (int64_t t = 0; t < steps; ++t) {
        const auto k = static_cast<size_t>(t);
        see(block.inputs[k], block.labels[k], done + t, scores);
      }
      for (Lane& lane : lanes) lane.age += steps;
    }
  }

  // Summed over the episodes.
  const Introspection& sums() const { return sums_; }

 private:
  void see(const Tensor& input, const Tensor& original, int64_t t, EpisodeScore* scores) {
    const bool swapped = sums_.swap_at > 0 && t >= sums_.swap_at;
    const Tensor label = swapped ? next_class(original) : original;
    const Tensor wrong = next_class(label);
    const LearnerState untouched = state_;
    LearnerStep first = learner_.step(params_, state_, input, label);
    const LearnerStep misled = learner_.step(params_, untouched, input, wrong);
    const Tensor again = learner_.step(params_, first.state, input, label).prediction;
    const Tensor again_misled = learner_.step(params_, misled.state, input, wrong).prediction;
    state_ = std::move(first.state);

    const int64_t length = options_.episode_length;
    const int64_t window = window_of(t, length);
    const auto w = static_cast<size_t>(window);
    const auto width = static_cast<double>(window_width(window, length));
    sums_.before[w] += total(probability(first.prediction, label)) / width;
    sums_.after[w] += total(probability(again, label)) / width;
    sums_.false_before[w] += total(probability(first.prediction, wrong)) / width;
    sums_.false_after[w] += total(probability(again_misled, wrong)) / width;
    sums_.old[w] += total(probability(first.prediction, original)) / width;
    add_example_score(first.prediction, label, t, {length, support_}, scores);
  }

  const Learner& learner_;
  const engine::ParamSet& params_;
  const EvaluateOptions& options_;
  LearnerState state_;
  int64_t support_ = 0;
  Introspection sums_;
};

}  // namespace

IntrospectedEpisodes introspect(const LearnerSource& learners, const Tensor& params,
                                const std::shared_ptr<const Task>& task,
                                const EvaluateOptions& options, int64_t swap_at, uint64_t seed) {
  const engine::ParamSet set(learners.layout(), params);
  const Learner& learner = learners.for_dims(task->dims());
  IntrospectedEpisodes all{
      empty_scores(options.episodes, options.episode_length, task->num_classes()),
      nothing_seen(swap_at, options.episode_length)};
  std::vector<Introspection> sums(static_cast<size_t>(num_chunks(options)));
  for_each_chunk(task, options, seed, [&](int64_t number, int64_t first, std::vector<Lane>& lanes) {
    Chunk chunk(learner, set, options, swap_at);
    chunk.run(lanes, &all.scores[static_cast<size_t>(first)]);
    sums[static_cast<size_t>(number)] = chunk.sums();
  });
  const auto episodes = static_cast<double>(options.episodes);
  for (const Introspection& chunk : sums) {
    for (const Part part : kParts) {
      std::vector<double>& mean = all.introspection.*part;
      for (size_t w = 0; w < mean.size(); ++w) mean[w] += (chunk.*part)[w] / episodes;
    }
  }
  return all;
}

}  // namespace vsml
