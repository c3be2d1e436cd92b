#include "vsml/meta/es.h"

#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "vsml/random_purpose.h"

namespace vsml {

using engine::Tensor;

Tensor pair_noise(uint64_t seed, int64_t step, int64_t pair, int64_t size, engine::DType dtype,
                  engine::Device device) {
  const engine::RngKey key{seed, 0, static_cast<uint32_t>(step), static_cast<uint32_t>(pair)};
  return engine::normal({size}, key_for(key, RandomPurpose::Noise), dtype, device);
}

std::vector<PairLoss> es_losses(const LearnerSource& learners, const TaskMixture& tasks,
                                const engine::ParamSet& params, const MetaOptions& options,
                                uint64_t seed, int64_t step, int64_t first, int64_t last) {
  const engine::NoRecord none;
  const Tensor& flat = params.flat();
  // Lanes in order +, -, +, -, ...; the two of a pair differ in nothing but the parameters.
  std::vector<Lane> lanes;
  std::vector<Tensor> perturbed;
  for (int64_t pair = first; pair < last; ++pair) {
    const Tensor noise =
        pair_noise(seed, step, pair, flat.dim(0), flat.dtype(), flat.device()) * options.noise_std;
    const engine::RngKey key{seed, 0, static_cast<uint32_t>(step), static_cast<uint32_t>(pair)};
    for (const Tensor& own : {flat + noise, flat - noise}) {
      perturbed.push_back(own);
      lanes.push_back(begin_lane(tasks, learners, engine::ParamSet(params.layout(), own), key,
                                 options.episode_length, options.batch_size));
    }
  }
  std::vector<double> loss(lanes.size(), 0), correct(lanes.size(), 0);
  for (const std::vector<Lane*>& group : groups_of_equal_size(lanes)) {
    std::vector<Tensor> own;
    for (const Lane* lane : group) own.push_back(perturbed[static_cast<size_t>(lane - &lanes[0])]);
    const engine::ParamSet group_params(params.layout(), engine::stack(own, 0));
    const Learner& learner = learners.for_dims(group[0]->dims);
    LearnerState state = gather_states(group);
    const int64_t steps = options.episode_length;
    for (int64_t t = 0; t < steps; ++t) {
      const ExampleBlock block =
          next_examples(group, 1, options.batch_size, flat.dtype(), flat.device());
      LearnerStep next =
          learner.step(group_params, std::move(state), block.inputs[0], block.labels[0]);
      state = std::move(next.state);
      const auto entropy =
          cast(mean(cross_entropy(next.prediction, block.labels[0]), {1}), engine::DType::f64)
              .to_vector<double>();
      const Tensor hit = equal(argmax(next.prediction, -1), argmax(block.labels[0], -1));  // [P, B]
      const auto hits = mean(cast(hit, engine::DType::f64), {1}).to_vector<double>();
      for (size_t p = 0; p < group.size(); ++p) {
        const auto k = static_cast<size_t>(group[p] - &lanes[0]);
        const bool counts = options.loss == MetaLoss::Mean || t + 1 == steps;
        const double share = options.loss == MetaLoss::Mean ? 1 / static_cast<double>(steps) : 1;
        if (counts) loss[k] += entropy[p] * share;
        correct[k] += hits[p] / static_cast<double>(steps);
        group[p]->age += 1;
      }
    }
  }
  std::vector<PairLoss> result;
  for (size_t k = 0; k < lanes.size(); k += 2) {
    result.push_back({loss[k], loss[k + 1], (correct[k] + correct[k + 1]) / 2});
  }
  return result;
}

Tensor es_gradient(const std::vector<PairLoss>& losses, const engine::ParamSet& params,
                   const MetaOptions& options, uint64_t seed, int64_t step) {
  const engine::NoRecord none;
  const Tensor& flat = params.flat();
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
  Tensor gradient = Tensor::zeros(flat.shape(), flat.dtype(), flat.device());
  for (size_t k = 0; k < losses.size(); ++k) {
    const double weight =
        scale * (losses[k].plus - losses[k].minus) / (2 * options.noise_std * count);
    const Tensor noise =
        pair_noise(seed, step, static_cast<int64_t>(k), flat.dim(0), flat.dtype(), flat.device());
    gradient = gradient + noise * weight;
  }
  return gradient;
}

}  // namespace vsml
