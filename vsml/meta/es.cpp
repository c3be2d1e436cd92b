#include "vsml/meta/es.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "vsml/example_loop.h"
#include "vsml/random_purpose.h"

namespace vsml {

using engine::Tensor;

Tensor pair_noise(uint64_t seed, int64_t step, int64_t pair, int64_t size, engine::DType dtype,
                  engine::Device device) {
  const engine::RngKey key{seed, 0, static_cast<uint32_t>(step), static_cast<uint32_t>(pair)};
  return engine::normal({size}, key_for(key, RandomPurpose::Noise), dtype, device);
}

namespace {

Tensor noise_like(const Tensor& flat, const EsStep& es, int64_t pair) {
  return pair_noise(es.seed, es.step, pair, flat.dim(0), flat.dtype(), flat.device());
}

}  // namespace

std::array<engine::ParamSet, 2> perturbed_pair(const engine::ParamSet& params, const EsStep& es,
                                               int64_t pair) {
  const engine::NoRecord none;
  const Tensor& flat = params.flat();
  const Tensor drawn = noise_like(flat, es, pair) * es.options.noise_std;
  const Tensor noise = es.scale.defined() ? drawn * es.scale : drawn;
  return {engine::ParamSet(params.layout(), flat + noise),
          engine::ParamSet(params.layout(), flat - noise)};
}

namespace {

// State that a core's caches hold next to everything else.
constexpr double kCachedBytes = 1 << 20;

std::vector<std::vector<Lane*>> parts_of(const std::vector<Lane*>& group, int64_t members) {
  std::vector<std::vector<Lane*>> parts;
  for (size_t k = 0; k < group.size(); ++k) {
    if (k % static_cast<size_t>(members) == 0) parts.emplace_back();
    parts.back().push_back(group[k]);
  }
  return parts;
}

struct Score {
  double loss = 0, correct = 0;
};

// Takes lanes of one size, each with a set of parameters of its own, through `steps` steps.
std::vector<Score> run_steps(const Learner& learner, const engine::ParamSet& params,
                             const std::vector<Lane*>& lanes, const MetaOptions& options,
                             int64_t steps, LearnerState& state) {
  std::vector<Score> scores(lanes.size());
  ExampleLoop loop(learner, params, std::move(state));
  const int64_t at_a_time = steps_at_a_time(lanes, options.batch_size);
  for (int64_t done = 0; done < steps; done += at_a_time) {
    const int64_t now = std::min(at_a_time, steps - done);
    const ExampleBlock block = next_examples(lanes, now, options.batch_size, params.flat().dtype(),
                                             params.flat().device());
    std::vector<Tensor> predictions;
    for (size_t k = 0; k < block.inputs.size(); ++k) {
      predictions.push_back(loop.step(block.inputs[k], block.labels[k]));
    }
    // [T, P], one copy to the host for all steps.
    const Tensor prediction = engine::stack(predictions, 0), label = engine::stack(block.labels, 0);
    const auto entropy =
        cast(mean(cross_entropy(prediction, label), {2}), engine::DType::f64).to_vector<double>();
    const Tensor hit = equal(argmax(prediction, -1), argmax(label, -1));
    const auto correct = mean(cast(hit, engine::DType::f64), {2}).to_vector<double>();
    for (size_t place = 0; place < entropy.size(); ++place) {
      const auto t = static_cast<int64_t>(place / lanes.size());
      const Lane& lane = *lanes[place % lanes.size()];
      Score& score = scores[place % lanes.size()];
      const double weight = score_weight(lane, lane.age + t, options.batch_size);
      const bool last = done + t + 1 == steps && weight > 0;
      const double share = options.loss == MetaLoss::Mean ? weight / static_cast<double>(steps)
                           : last                         ? 1
                                                          : 0;
      score.loss += entropy[place] * share;
      score.correct += correct[place] * weight / static_cast<double>(steps);
    }
    for (Lane* lane : lanes) lane->age += now;
  }
  state = std::move(loop).take_state();
  return scores;
}

}  // namespace

int64_t es_lanes_together(const Learner& learner, int64_t batch, engine::Device device) {
  if (device.kind != engine::Device::Kind::Cpu) return std::numeric_limits<int64_t>::max();
  const double one = std::max(1.0, learner.memory(1, batch).state);
  return std::max<int64_t>(1, static_cast<int64_t>(kCachedBytes / one));
}

std::vector<PairLoss> es_unroll(const LearnerSource& learners, const engine::ParamSet& params,
                                const EsStep& es, int64_t first, std::vector<Lane>& lanes,
                                int64_t steps) {
  const engine::NoRecord none;
  const MetaOptions& options = es.options;
  std::vector<Tensor> perturbed;  // of each lane
  for (size_t k = 0; k < lanes.size(); k += 2) {
    const auto pair = first + static_cast<int64_t>(k / 2);
    for (const engine::ParamSet& own : perturbed_pair(params, es, pair)) {
      perturbed.push_back(own.flat());
    }
  }
  std::vector<Score> scores(lanes.size());
  const auto place = [&](const Lane* lane) { return static_cast<size_t>(lane - &lanes[0]); };
  for (const std::vector<Lane*>& group : groups_of_equal_size(lanes)) {
    const Learner& learner = learners.for_dims(group[0]->dims);
    for (const std::vector<Lane*>& part :
         parts_of(group, es_lanes_together(learner, options.batch_size, params.flat().device()))) {
      std::vector<Tensor> own;
      for (const Lane* lane : part) own.push_back(perturbed[place(lane)]);
      const engine::ParamSet sets(params.layout(), engine::stack(own, 0));
      const bool born = part[0]->state.tensors.empty();
      LearnerState state =
          born ? begin_states(learner, sets, part, options.batch_size) : gather_states(part);
      const std::vector<Score> of_part = run_steps(learner, sets, part, options, steps, state);
      for (size_t p = 0; p < part.size(); ++p) scores[place(part[p])] = of_part[p];
      if (!born) scatter_states(state, part);
    }
  }
  std::vector<PairLoss> result;
  for (size_t k = 0; k < lanes.size(); k += 2) {
    result.push_back(
        {scores[k].loss, scores[k + 1].loss, (scores[k].correct + scores[k + 1].correct) / 2});
  }
  return result;
}

std::vector<PairLoss> es_losses(const LearnerSource& learners, const TaskMixture& tasks,
                                const engine::ParamSet& params, const EsStep& es, int64_t first,
                                int64_t last) {
  // The two of a pair differ in nothing but the parameters.
  std::vector<Lane> lanes;
  for (int64_t pair = first; pair < last; ++pair) {
    const engine::RngKey key{es.seed, 0, static_cast<uint32_t>(es.step),
                             static_cast<uint32_t>(pair)};
    lanes.insert(lanes.end(), 2, enter_lifetime(tasks, key, es.options.episode_length));
  }
  return es_unroll(learners, params, es, first, lanes, es.options.episode_length);
}

std::vector<double> pair_weights(const std::vector<PairLoss>& losses, const MetaOptions& options) {
  const auto count = static_cast<double>(losses.size());
  double scale = 1;
  if (options.standardize_fitness) {
    double mean = 0, squares = 0;
    for (const PairLoss& pair : losses) mean += (pair.plus + pair.minus) / (2 * count);
    for (const PairLoss& pair : losses) {
      squares +=
          (pair.plus - mean) * (pair.plus - mean) + (pair.minus - mean) * (pair.minus - mean);
    }
    const double deviation = std::sqrt(squares / (2 * count));
    scale = deviation > 0 ? 1 / deviation : 1;
  }
  std::vector<double> weights;
  for (const PairLoss& pair : losses) {
    weights.push_back(scale * (pair.plus - pair.minus) / (2 * options.noise_std * count));
  }
  return weights;
}

Tensor es_gradient(const std::vector<PairLoss>& losses, const engine::ParamSet& params,
                   const EsStep& es) {
  const engine::NoRecord none;
  const Tensor& flat = params.flat();
  const std::vector<double> weights = pair_weights(losses, es.options);
  Tensor gradient = Tensor::zeros(flat.shape(), flat.dtype(), flat.device());
  for (size_t k = 0; k < losses.size(); ++k) {
    gradient = gradient + noise_like(flat, es, static_cast<int64_t>(k)) * weights[k];
  }
  return es.scale.defined() ? gradient / es.scale : gradient;
}

Tensor pes_gradient(const std::vector<PairLoss>& losses, const engine::ParamSet& params,
                    const EsStep& es, Tensor& noise) {
  const engine::NoRecord none;
  const Tensor& flat = params.flat();
  const std::vector<double> weights = pair_weights(losses, es.options);
  Tensor gradient = Tensor::zeros(flat.shape(), flat.dtype(), flat.device());
  std::vector<Tensor> sums;
  for (size_t k = 0; k < losses.size(); ++k) {
    const auto pair = static_cast<int64_t>(k);
    const Tensor before = reshape(slice(noise, 0, pair, pair + 1), flat.shape());
    sums.push_back(before + noise_like(flat, es, pair));
    gradient = gradient + sums.back() * weights[k];
  }
  noise = engine::stack(sums, 0);
  return es.scale.defined() ? gradient / es.scale : gradient;
}

}  // namespace vsml
