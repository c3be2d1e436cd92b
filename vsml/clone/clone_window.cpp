#include "vsml/clone/clone_window.h"

#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/tape.h"

namespace vsml {
namespace {

using engine::DType;
using engine::ParamLayout;
using engine::Tensor;

constexpr int kGates = 4;

std::vector<double> numbers(const Tensor& x) {
  const Tensor whole = x.contiguous();
  if (x.dtype() == DType::f64) return {whole.data<double>(), whole.data<double>() + x.size()};
  return {whole.data<float>(), whole.data<float>() + x.size()};
}

// Columns of M numbers side by side, [M, k].
template <class T>
void fill_columns(const std::vector<const std::vector<double>*>& columns, Tensor& to) {
  T* at = to.data<T>();
  const auto rows = static_cast<size_t>(to.dim(0));
  for (size_t row = 0; row < rows; ++row) {
    for (const auto* column : columns) *at++ = static_cast<T>((*column)[row]);
  }
}

Tensor columns_of(const std::vector<const std::vector<double>*>& columns, DType dtype) {
  Tensor result = Tensor::empty(
      {static_cast<int64_t>(columns[0]->size()), static_cast<int64_t>(columns.size())}, dtype);
  if (dtype == DType::f64) {
    fill_columns<double>(columns, result);
  } else {
    fill_columns<float>(columns, result);
  }
  return result;
}

// [M, units] as the first channels of [M, size].
template <class T>
void fill_units(const std::vector<double>& values, double factor, Tensor& to) {
  T* at = to.data<T>();
  const int64_t rows = to.dim(0), size = to.dim(1);
  const int64_t units = static_cast<int64_t>(values.size()) / std::max<int64_t>(rows, 1);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t k = 0; k < units; ++k) {
      at[row * size + k] = static_cast<T>(factor * values[static_cast<size_t>(row * units + k)]);
    }
  }
}

Tensor as_units(const std::vector<double>& values, double factor, int64_t rows, int64_t size,
                DType dtype) {
  Tensor result = Tensor::zeros({rows, size}, dtype);
  if (dtype == DType::f64) {
    fill_units<double>(values, factor, result);
  } else {
    fill_units<float>(values, factor, result);
  }
  return result;
}

double tanh_slope_at(double x) {
  const double t = std::tanh(x);
  return 1 - t * t;
}

void add_to(std::vector<double>& sum, const std::vector<double>& more) {
  if (sum.empty()) sum.assign(more.size(), 0.0);
  for (size_t i = 0; i < more.size(); ++i) sum[i] += more[i];
}

}  // namespace

// The gates' gradients of every tick, and what reaches the messengers and the encoder.
struct CloneWindow::Backward {
  struct Tick {
    const CloneWindow::Tick* tick;
    Tensor gates;  // [M, 4H]
  };
  std::vector<Tick> ticks;
  Tensor c;  // [M, H]  of the state before the window
};

CloneWindow::CloneWindow(const CloneOptions& options, const CloneCells& cells,
                         const CloneBatch& batch, int64_t micro_ticks, DType dtype)
    : options_(options),
      cells_(cells),
      batch_(batch),
      micro_ticks_(micro_ticks),
      size_(cells.messenger.dim(0)),
      dtype_(dtype) {
  const engine::NoRecord none;
  const int64_t count = batch.cells();
  LoneState state = encoded({Tensor::zeros({count, size_}, dtype), {}});
  for (int64_t t = 0; t < options.burn_in; ++t) run_example(static_cast<size_t>(t), state);
  if (options.burn_in > 0) {
    std::vector<double> known;
    for (const char newborn : batch.newborn) known.push_back(newborn != 0 ? 0 : 1);
    state = encoded({state.h * columns_of({&known}, dtype), {}});
  }
  std::vector<double> weight = batch.weight;
  for (int64_t t = 0; t < options.unroll; ++t) {
    const auto index = static_cast<size_t>(options.burn_in + t);
    examples_.push_back(run_example(index, state));
    add_residuals(t, weight);
    for (size_t m = 0; m < weight.size(); ++m) {
      weight[m] -= options.teacher_rate * std::tanh(batch.x[index][m]) * batch.e[index][m];
    }
  }
}

// The teacher's weights, as the drift has them, in place of c.
LoneState CloneWindow::encoded(LoneState state) const {
  const size_t units = cells_.encoder.size();
  std::vector<double> values(batch_.weight.size() * units);
  for (size_t m = 0; m < batch_.weight.size(); ++m) {
    const double* drift = batch_.drift.data() + m * units;
    double along = 0;
    for (size_t k = 0; k < units; ++k) along += drift[k] * cells_.decoder[k];
    for (size_t k = 0; k < units; ++k) {
      values[m * units + k] =
          cells_.encoder[k] * batch_.weight[m] + drift[k] - along * cells_.encoder[k];
    }
  }
  state.c = as_units(values, 1 / options_.weight_scale, batch_.cells(), size_, dtype_);
  return state;
}

CloneWindow::Example CloneWindow::run_example(size_t index, LoneState& state) const {
  Example example;
  const std::vector<double> ones(batch_.weight.size(), 1.0);
  const Tensor forward = columns_of({&batch_.x[index], &ones}, dtype_);
  const Tensor reverse = columns_of({&batch_.x[index], &batch_.e[index], &ones}, dtype_);
  example.c_start = state.c;
  for (const bool back : {false, true}) {
    const LoneCell& cell = back ? cells_.reverse : cells_.forward;
    for (int64_t k = 0; k < micro_ticks_; ++k) {
      example.ticks.push_back({back, back ? reverse : forward, state});
      state = tick_lone(cell, example.ticks.back().heard, state);
    }
    (back ? example.h_reverse : example.h_forward) = state.h;
  }
  example.c_end = state.c;
  return example;
}

void CloneWindow::add_residuals(int64_t t, const std::vector<double>& weight) {
  const Example& example = examples_.back();
  const auto index = static_cast<size_t>(options_.burn_in + t);
  const std::vector<double>&x = batch_.x[index], &e = batch_.e[index];
  const std::vector<double> forward = numbers(matmul(example.h_forward, cells_.messenger));
  const std::vector<double> reverse = numbers(matmul(example.h_reverse, cells_.back_messenger));
  const std::vector<double> moved = numbers(example.c_end - example.c_start);
  const size_t count = weight.size(), units = cells_.encoder.size();
  CloneResidual y{CloneTarget::Forward, t, 0, std::vector<double>(count),
                  std::vector<double>(count)};
  CloneResidual back = y, update = y;
  back.target = CloneTarget::Reverse;
  update.target = CloneTarget::Update;
  std::vector<CloneResidual> manifold(units > 1 ? units : 0, y);
  for (size_t m = 0; m < count; ++m) {
    const double size_w = std::abs(weight[m]) + options_.weight_floor;
    const double size_e = std::abs(e[m]) + options_.error_floor;
    const auto set = [m](CloneResidual& residual, double error, double slope) {
      residual.value[m] = error * slope;
      residual.slope[m] = slope;
    };
    set(y, forward[m] - std::tanh(x[m]) * weight[m], 1 / size_w);
    set(back, reverse[m] - weight[m] * e[m] * tanh_slope_at(x[m]), 1 / (size_w * size_e));
    const double* step = moved.data() + m * static_cast<size_t>(size_);
    double decoded = 0;
    for (size_t k = 0; k < units; ++k) decoded += cells_.decoder[k] * step[k];
    const double scale = options_.weight_scale, slope = 1 / (options_.teacher_rate * size_e);
    set(update, scale * decoded + options_.teacher_rate * std::tanh(x[m]) * e[m], slope);
    for (size_t k = 0; k < manifold.size(); ++k) {
      set(manifold[k], scale * (step[k] - cells_.encoder[k] * decoded), slope);
    }
  }
  residuals_.push_back(std::move(y));
  residuals_.push_back(std::move(back));
  residuals_.push_back(std::move(update));
  for (size_t k = 0; k < manifold.size(); ++k) {
    manifold[k].target = CloneTarget::Manifold;
    manifold[k].unit = static_cast<int64_t>(k);
    residuals_.push_back(std::move(manifold[k]));
  }
}

// What a residual with a weight per cell sends back: into messages, into S c and, by the decoder,
// to the encoder [M, units].
void CloneWindow::add_flow(const CloneResidual& residual, const std::vector<double>& weights,
                           Flow& flow, std::vector<double>& dencoder) const {
  const size_t count = weights.size(), units = cells_.encoder.size();
  std::vector<double> slope(count);
  for (size_t m = 0; m < count; ++m) slope[m] = weights[m] * residual.slope[m];
  if (residual.target == CloneTarget::Forward) return add_to(flow.forward, slope);
  if (residual.target == CloneTarget::Reverse) return add_to(flow.reverse, slope);
  const Example& example = examples_[static_cast<size_t>(residual.example)];
  const std::vector<double> moved = numbers(example.c_end - example.c_start);
  if (flow.change.empty()) flow.change.assign(count * units, 0.0);
  const std::vector<double>&u = cells_.encoder, &d = cells_.decoder;
  double square = 0;
  for (const double value : u) square += value * value;
  const auto j = static_cast<size_t>(residual.unit);
  const bool update = residual.target == CloneTarget::Update;
  // S <d, step>, or S (step_j - u_j <d, step>).
  for (size_t m = 0; m < count; ++m) {
    const double* step = moved.data() + m * static_cast<size_t>(size_);
    const double along = slope[m] * (update ? 1 : -u[j]);
    double decoded = 0;
    for (size_t k = 0; k < units; ++k) decoded += d[k] * step[k];
    for (size_t k = 0; k < units; ++k) {
      flow.change[m * units + k] += along * d[k];
      // d = u / |u|^2
      dencoder[m * units + k] +=
          options_.weight_scale * along * (step[k] / square - 2 * d[k] * decoded);
    }
    if (update) continue;
    flow.change[m * units + j] += slope[m];
    dencoder[m * units + j] -= options_.weight_scale * slope[m] * decoded;
  }
}

CloneWindow::Backward CloneWindow::backward(const std::vector<Flow>& flows) const {
  Backward result;
  LoneState d;  // empty: zeros
  const auto add = [](Tensor& sum, const Tensor& more) { sum = sum.defined() ? sum + more : more; };
  const Tensor zeros = Tensor::zeros({batch_.cells(), size_}, dtype_);
  const auto add_message = [&](const std::vector<double>& flow, const Tensor& messenger) {
    if (!flow.empty()) add(d.h, matmul(columns_of({&flow}, dtype_), transpose(messenger)));
  };
  for (size_t t = examples_.size(); t-- > 0;) {
    const Example& example = examples_[t];
    const Flow& flow = flows[t];
    Tensor change;
    if (!flow.change.empty()) {
      change = as_units(flow.change, options_.weight_scale, batch_.cells(), size_, dtype_);
      add(d.c, change);
    }
    add_message(flow.reverse, cells_.back_messenger);
    for (size_t k = example.ticks.size(); k-- > 0;) {
      const Tick& tick = example.ticks[k];
      if (k + 1 == static_cast<size_t>(micro_ticks_)) add_message(flow.forward, cells_.messenger);
      if (!d.h.defined() && !d.c.defined()) continue;
      if (!d.h.defined()) d.h = zeros;
      if (!d.c.defined()) d.c = zeros;
      const LoneCell& cell = tick.reverse ? cells_.reverse : cells_.forward;
      LoneGradient gradient = tick_lone_gradient(cell, tick.heard, tick.before, d);
      result.ticks.push_back({&tick, gradient.gates});
      d = {gradient.h, gradient.c};
    }
    if (change.defined()) d.c = d.c - change;
  }
  result.c = d.c.defined() ? d.c : zeros;
  return result;
}

namespace {

// Adds the gradients of a row of all gates, [4H], to those of what is trained, [3, H].
void add_row(const CloneOptions& options, const double* gates, int64_t size, double* to) {
  for (int k = 0; k < kTrainedGates; ++k) {
    for (int64_t unit = 0; unit < size; ++unit) {
      *to++ += gate_scale(options, kTrainedGate[k], unit) * gates[kTrainedGate[k] * size + unit];
    }
  }
}

}  // namespace

std::vector<double> CloneWindow::gradient(const std::vector<std::vector<double>>& weights,
                                          const ParamLayout& layout) const {
  const engine::NoRecord none;
  std::vector<Flow> flows(examples_.size());
  std::vector<double> dencoder(batch_.weight.size() * cells_.encoder.size(), 0.0);
  for (size_t k = 0; k < residuals_.size(); ++k) {
    if (weights[k].empty()) continue;
    add_flow(residuals_[k], weights[k], flows[static_cast<size_t>(residuals_[k].example)],
             dencoder);
  }
  const Backward back = backward(flows);
  std::vector<double> result(static_cast<size_t>(layout.size()), 0.0);
  const auto at = [&](const char* name) { return result.data() + layout.at(name).offset; };
  for (const Backward::Tick& one : back.ticks) {
    double* to = at(one.tick->reverse ? "reverse.gates" : "forward.gates");
    for (const Tensor& in : {one.tick->heard, one.tick->before.h}) {
      const std::vector<double> sums = numbers(matmul(transpose(in), one.gates));
      for (int64_t row = 0; row < in.dim(1); ++row, to += kTrainedGates * size_) {
        add_row(options_, sums.data() + row * kGates * size_, size_, to);
      }
    }
  }
  for (size_t t = 0; t < flows.size(); ++t) {
    for (const bool reverse : {false, true}) {
      const std::vector<double>& flow = reverse ? flows[t].reverse : flows[t].forward;
      if (flow.empty()) continue;
      const Tensor& h = reverse ? examples_[t].h_reverse : examples_[t].h_forward;
      const std::vector<double> sums = numbers(matmul(transpose(columns_of({&flow}, dtype_)), h));
      double* to = at(reverse ? "reverse.messenger" : "forward.messenger");
      for (size_t k = 0; k < sums.size(); ++k) to[k] += options_.weight_scale * sums[k];
    }
  }
  const std::vector<double> dc = numbers(back.c);
  const size_t units = cells_.encoder.size();
  for (size_t m = 0; m < batch_.weight.size(); ++m) {
    for (size_t k = 0; k < units; ++k) {
      at("encoder")[k] += dencoder[m * units + k] + dc[m * static_cast<size_t>(size_) + k] *
                                                        batch_.weight[m] / options_.weight_scale;
    }
  }
  return result;
}

}  // namespace vsml
