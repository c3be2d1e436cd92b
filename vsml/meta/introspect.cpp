#include "vsml/meta/introspect.h"

#include <algorithm>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "engine/parallel.h"

namespace vsml {
namespace {

using engine::Tensor;

constexpr int64_t kBlock = 64;

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

// Sums over the episodes of a chunk, window by window.
struct Sums {
  explicit Sums(size_t windows)
      : before(windows),
        after(windows),
        false_before(windows),
        false_after(windows),
        old(windows) {}
  std::vector<double> before, after, false_before, false_after, old;
};

double total(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

class Chunk {
 public:
  Chunk(const Learner& learner, const engine::ParamSet& params, const EvaluateOptions& options,
        int64_t swap_at, int64_t windows)
      : learner_(learner),
        params_(params),
        options_(options),
        swap_at_(swap_at),
        windows_(windows),
        sums_(static_cast<size_t>(windows)) {}

  void run(std::vector<Lane>& lanes, EpisodeScore* scores) {
    std::vector<Lane*> group;
    for (Lane& lane : lanes) group.push_back(&lane);
    state_ = begin_states(learner_, params_, group, 1);
    for (int64_t done = 0; done < options_.episode_length; done += kBlock) {
      const int64_t steps = std::min(kBlock, options_.episode_length - done);
      const ExampleBlock block =
          next_examples(group, steps, 1, params_.flat().dtype(), params_.flat().device());
      for (int64_t t = 0; t < steps; ++t) {
        const auto k = static_cast<size_t>(t);
        see(block.inputs[k], block.labels[k], done + t, scores);
      }
      for (Lane& lane : lanes) lane.age += steps;
    }
  }

  const Sums& sums() const { return sums_; }

 private:
  void see(const Tensor& input, const Tensor& original, int64_t t, EpisodeScore* scores) {
    const bool swapped = swap_at_ > 0 && t >= swap_at_;
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
    const auto width =
        static_cast<double>(length * (window + 1) / windows_ - length * window / windows_);
    sums_.before[w] += total(probability(first.prediction, label)) / width;
    sums_.after[w] += total(probability(again, label)) / width;
    sums_.false_before[w] += total(probability(first.prediction, wrong)) / width;
    sums_.false_after[w] += total(probability(again_misled, wrong)) / width;
    sums_.old[w] += total(probability(first.prediction, original)) / width;
    add_example_score(first.prediction, label, t, length, scores);
  }

  const Learner& learner_;
  const engine::ParamSet& params_;
  const EvaluateOptions& options_;
  int64_t swap_at_, windows_;
  LearnerState state_;
  Sums sums_;
};

}  // namespace

IntrospectedEpisodes introspect(const LearnerSource& learners, const Tensor& params,
                                const std::shared_ptr<const Task>& task,
                                const EvaluateOptions& options, int64_t swap_at, uint64_t seed) {
  require_long_enough(*task, options.episode_length);
  const TaskMixture only({task}, {1});
  const engine::ParamSet set(learners.layout(), params);
  const Learner& learner = learners.for_dims(task->dims());
  IntrospectedEpisodes all;
  all.scores = empty_scores(options.episodes, options.episode_length, task->num_classes());
  const int64_t windows = std::min(kCurveWindows, options.episode_length);
  const int64_t chunks = (options.episodes + options.chunk_size - 1) / options.chunk_size;
  std::vector<Sums> sums(static_cast<size_t>(chunks), Sums(static_cast<size_t>(windows)));
  engine::parallel_for(chunks, [&](int64_t number) {
    const int64_t first = number * options.chunk_size;
    const int64_t last = std::min(options.episodes, first + options.chunk_size);
    std::vector<Lane> lanes;
    for (int64_t episode = first; episode < last; ++episode) {
      lanes.push_back(enter_lifetime(only, episode_key(seed, episode), options.episode_length));
    }
    Chunk chunk(learner, set, options, swap_at, windows);
    chunk.run(lanes, &all.scores[static_cast<size_t>(first)]);
    sums[static_cast<size_t>(number)] = chunk.sums();
  });
  Introspection& mean = all.introspection;
  mean.swap_at = swap_at;
  for (std::vector<double>* part :
       {&mean.before, &mean.after, &mean.false_before, &mean.false_after, &mean.old}) {
    part->resize(static_cast<size_t>(windows));
  }
  const auto episodes = static_cast<double>(options.episodes);
  for (const Sums& chunk : sums) {
    for (size_t w = 0; w < mean.before.size(); ++w) {
      mean.before[w] += chunk.before[w] / episodes;
      mean.after[w] += chunk.after[w] / episodes;
      mean.false_before[w] += chunk.false_before[w] / episodes;
      mean.false_after[w] += chunk.false_after[w] / episodes;
      mean.old[w] += chunk.old[w] / episodes;
    }
  }
  return all;
}

}  // namespace vsml
