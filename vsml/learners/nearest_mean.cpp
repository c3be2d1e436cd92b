#include "vsml/learners/nearest_mean.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"

namespace vsml {

using engine::KeepAxes;
using engine::Tensor;

Tensor NearestMeanLearner::initial_params(const engine::RngKey&) const {
  return Tensor::zeros({0}, dtype_, device_);
}

LearnerMemory NearestMeanLearner::memory(int64_t members, int64_t batch) const {
  const auto means = static_cast<double>(members * dims_.classes * (dims_.inputs + 1));
  const double step = 2 * means * (1 + static_cast<double>(batch));
  const auto unit = static_cast<double>(engine::size_of(dtype_));
  return {means * unit, step * unit, step * unit};
}

LearnerState NearestMeanLearner::initial_state(const engine::ParamSet&,
                                               const std::vector<engine::RngKey>& members,
                                               int64_t) const {
  const auto population = static_cast<int64_t>(members.size());
  return {{Tensor::zeros({population, dims_.classes, dims_.inputs}, dtype_, device_),
           Tensor::zeros({population, dims_.classes}, dtype_, device_)}};
}

LearnerStep NearestMeanLearner::step(const engine::ParamSet&, LearnerState state,
                                     const Tensor& input, const Tensor& label) const {
  require_examples("nearest_mean", dims_, state, input, label);
  const Tensor &sums = state.tensors[0], &counts = state.tensors[1];
  const Tensor one = Tensor::scalar(1, dtype_, device_);
  const Tensor seen = expand(less(Tensor::scalar(0, dtype_, device_), counts), 1);  // [P, 1, C]
  const Tensor means = sums / expand(maximum(counts, one), -1);                     // [P, C, D]
  // -|x - m|^2 / 2 = x m - |m|^2 / 2 - |x|^2 / 2
  const Tensor half_norms = expand(sum(square(means), {2}), 1) * 0.5;  // [P, 1, C]
  const Tensor density = matmul(input, transpose(means)) - half_norms -
                         sum(square(input), {2}, KeepAxes::Yes) * 0.5;  // [P, B, C]
  const Tensor none_yet = Tensor::full(density.shape(), 0, dtype_, device_);
  // Unseen classes are set to the largest density before the smallest is looked for.
  const Tensor largest = max(density, {2}, KeepAxes::Yes);
  const Tensor smallest = min(where(seen, density, largest), {2}, KeepAxes::Yes);
  LearnerStep result;
  result.prediction = where(seen, density, none_yet + smallest - 1);
  result.state.tensors = {sums + matmul(transpose(label), input), counts + sum(label, {1})};
  return result;
}

}  // namespace vsml
