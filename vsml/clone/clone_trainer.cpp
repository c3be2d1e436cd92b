#include "vsml/clone/clone_trainer.h"

#include <cmath>
#include <fmt/format.h>

#include "vsml/meta/meta_trainer.h"

namespace vsml {
namespace {

using engine::DType;
using engine::Tensor;

Tensor tensor_of(const std::vector<double>& values, DType dtype) {
  const auto size = static_cast<int64_t>(values.size());
  if (dtype == DType::f64) return Tensor::from(values, {size});
  return Tensor::from(std::vector<float>(values.begin(), values.end()), {size});
}

size_t index_of(CloneTarget target) {
  return static_cast<size_t>(target);
}

double weight_of(const ClonePhase& phase, CloneTarget target) {
  const double weights[kCloneTargets] = {phase.forward_loss, phase.reverse_loss, phase.update_loss,
                                         phase.manifold_loss};
  return weights[index_of(target)];
}

// Errors of one target, of all cells.
std::array<int64_t, kCloneTargets> counts(const CloneWindow& window) {
  std::array<int64_t, kCloneTargets> count{};
  for (const CloneResidual& residual : window.residuals()) {
    count[index_of(residual.target)] += static_cast<int64_t>(residual.value.size());
  }
  return count;
}

}  // namespace

CloneTrainer::CloneTrainer(const CloneOptions& options, int64_t state_size, int64_t micro_ticks,
                           uint64_t seed, DType dtype)
    : options_(options),
      state_size_(state_size),
      micro_ticks_(micro_ticks),
      seed_(seed),
      dtype_(dtype),
      layout_(clone_layout(options, state_size)) {}

int64_t CloneTrainer::steps() const {
  int64_t sum = 0;
  for (const ClonePhase& phase : options_.phases) sum += phase.steps;
  return sum;
}

CloneTrainer::Place CloneTrainer::place_of(int64_t step) const {
  for (const ClonePhase& phase : options_.phases) {
    if (step < phase.steps) return {&phase, step};
    step -= phase.steps;
  }
  throw engine::Error(fmt::format("cloning: expected a step below {}", steps()));
}

CloneState CloneTrainer::initial_state() const {
  CloneState state;
  state.params = initial_clone_params(options_, state_size_, seed_, dtype_);
  return state;
}

CloneReport CloneTrainer::report_of(const ClonePhase& phase, const CloneWindow& window) {
  CloneReport report;
  const auto count = counts(window);
  for (const CloneResidual& residual : window.residuals()) {
    double& sum = report.error[index_of(residual.target)];
    for (const double value : residual.value) sum += value * value;
  }
  for (size_t k = 0; k < report.error.size(); ++k) {
    if (count[k] == 0) continue;
    const double mean_square = report.error[k] / static_cast<double>(count[k]);
    report.loss += weight_of(phase, static_cast<CloneTarget>(k)) *
                   std::log(mean_square + phase.loss_floor * phase.loss_floor);
    report.error[k] = std::sqrt(mean_square);
  }
  return report;
}

double CloneTrainer::loss(const ClonePhase& phase, const Tensor& params, int64_t step,
                          int64_t batch) const {
  const engine::ParamSet set(layout_, params);
  const CloneCells lone = clone_cells(options_, set, state_size_);
  const CloneBatch drawn = draw_clone_batch(options_, phase.cells, seed_, step, batch);
  return report_of(phase, CloneWindow(options_, lone, drawn, micro_ticks_, dtype_)).loss;
}

// What a target's mean squared error counts for around the present parameters.
double CloneTrainer::share(const ClonePhase& phase, const CloneReport& report, CloneTarget target) {
  const double error = report.error[index_of(target)];
  return weight_of(phase, target) / (error * error + phase.loss_floor * phase.loss_floor);
}

CloneReport CloneTrainer::gradient(const ClonePhase& phase, const Tensor& params, int64_t step,
                                   std::vector<double>& gradient) const {
  const engine::ParamSet set(layout_, params);
  const CloneCells lone = clone_cells(options_, set, state_size_);
  const CloneBatch drawn = draw_clone_batch(options_, phase.cells, seed_, step, 0);
  const CloneWindow window(options_, lone, drawn, micro_ticks_, dtype_);
  CloneReport report = report_of(phase, window);
  const auto count = counts(window);
  std::vector<std::vector<double>> weights;
  for (const CloneResidual& residual : window.residuals()) {
    const double factor = 2 * share(phase, report, residual.target) /
                          static_cast<double>(count[index_of(residual.target)]);
    weights.push_back(residual.value);
    for (double& value : weights.back()) value *= factor;
  }
  gradient = window.gradient(weights, layout_);
  return report;
}

CloneReport CloneTrainer::step(CloneState& state) const {
  const Place place = place_of(state.step);
  const ClonePhase& phase = *place.phase;
  CloneState next = state;
  if (place.step == 0) next.adam = {};
  std::vector<double> values;
  CloneReport report = gradient(phase, next.params, next.step, values);
  const Tensor all = tensor_of(values, dtype_);
  report.gradient_norm = engine::global_norm(all);
  report.learning_rate =
      phase.learning_rate * engine::linear_warmup(place.step, phase.warmup) *
      engine::cosine_decay(place.step, phase.steps,
                           phase.final_learning_rate / std::max(phase.learning_rate, 1e-300));
  engine::AdamResult result =
      engine::adam_update(next.params, engine::clip_by_global_norm(all, phase.clip_norm), next.adam,
                          report.learning_rate, {.beta1 = phase.beta1, .beta2 = phase.beta2});
  next.params = result.params;
  next.adam = result.state;
  if (!std::isfinite(report.loss) || !std::isfinite(engine::global_norm(next.params))) {
    throw DivergedError(fmt::format("cloning step {}: loss or parameters not finite", state.step),
                        "lower the learning_rate of the phase in clone.phases");
  }
  ++next.step;
  state = std::move(next);
  return report;
}

double CloneTrainer::predicted_bytes() const {
  const auto size = static_cast<double>(state_size_);
  const double ticks = 2 * static_cast<double>(micro_ticks_ * (options_.burn_in + options_.unroll));
  double most = 0;
  for (const ClonePhase& phase : options_.phases) {
    const auto cells = static_cast<double>(phase.cells);
    most = std::max(most, cells * ticks * 4 * (8 * size + 8));
  }
  return most;
}

}  // namespace vsml
