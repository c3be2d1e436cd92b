#include "vsml/backprop.h"

#include <array>
#include <cmath>
#include <fmt/format.h>
#include <vector>

#include "engine/error.h"
#include "engine/ops/elementwise.h"

namespace vsml {
namespace {

using engine::Tensor;

// The order of the gates in a cell's matrix.
enum Gate { kInput, kCandidate, kForget, kOutput };

// The state units, by what their memory c is.
struct Units {
  // eps w, three times: seen through output gates at 2x, at -2x and at 0, the first two with
  // 2 eps e on top.
  int64_t weight_pos, weight_neg, weight_still;
  // tanh(eps e) through input gates at 2x and -2x: their difference is the gradient, eps e tanh(x).
  // In the first half of the channels, which batches average.
  int64_t gradient_pos = 0, gradient_neg = 1;

  // The weights are in the other half: their copies over a batch are the same without being
  // averaged, to the last bit.
  explicit Units(int64_t state)
      : weight_pos(state / 2), weight_neg(state / 2 + 1), weight_still(state / 2 + 2) {}
  std::array<int64_t, 3> weights() const { return {weight_pos, weight_neg, weight_still}; }
  bool spare(int64_t unit) const {
    return unit > gradient_neg && (unit < weight_pos || unit > weight_still);
  }
};

// One cell's numbers in the flat parameters.
class CellWriter {
 public:
  CellWriter(const engine::ParamLayout& layout, const std::string& prefix, const CellDims& dims,
             std::vector<double>& flat)
      : dims_(dims),
        w_(flat.data() + layout.at(prefix + ".w").offset),
        bias_(flat.data() + layout.at(prefix + ".bias").offset),
        m_forward_(flat.data() + layout.at(prefix + ".m_forward").offset),
        m_reverse_(flat.data() + layout.at(prefix + ".m_reverse").offset) {}

  // What a gate of a unit makes of the forward message, the reverse message, another unit's h.
  double& from_x(int64_t unit, Gate gate) const { return w(0, unit, gate); }
  double& from_e(int64_t unit, Gate gate) const { return w(dims_.message, unit, gate); }
  double& from_h(int64_t other, int64_t unit, Gate gate) const {
    return w(2 * dims_.message + other, unit, gate);
  }
  // Bias in total: the cell's own +5 and -5 included.
  void set_bias(int64_t unit, Gate gate, double total) const {
    const double own = gate == kForget ? 5 : gate == kInput ? -5 : 0;
    bias_[gate * dims_.state + unit] = total - own;
  }
  double& forward_message(int64_t unit, int64_t channel) const {
    return m_forward_[unit * dims_.message + channel];
  }
  double& reverse_message(int64_t unit) const { return m_reverse_[unit * dims_.message]; }
  int64_t num_rows() const { return 2 * dims_.message + dims_.state; }
  double& w(int64_t row, int64_t unit, Gate gate) const {
    return w_[row * 4 * dims_.state + gate * dims_.state + unit];
  }

 private:
  CellDims dims_;
  double *w_, *bias_, *m_forward_, *m_reverse_;
};

// What a cell does in its passes. With one cell for both, it does all of it: in the forward pass
// e = 0, so no gradient is heard; in the reverse pass the gradient has been used up.
struct Role {
  bool moves_weights = true;    // adds the gradient that waits in h to the weights
  bool hears_error = true;      // makes a new gradient from e
  double keeps_gradient = -20;  // forget gate of the gradient, before the sigmoid
};

// `scale`: how many gradients an average stands for, over batch and positions.
void write_weights(const CellWriter& cell, const Units& unit, const BackpropOptions& o,
                   const Role& role, double scale) {
  for (const int64_t weight : unit.weights()) {
    cell.set_bias(weight, kForget, o.forget_bias);
    cell.set_bias(weight, kInput, 0);
    if (!role.moves_weights) continue;
    // The gradient passes two gates at 1/2: its own output, h = c / 2, and the input here.
    const double rate = 4 * o.learning_rate * scale;
    cell.from_h(unit.gradient_pos, weight, kCandidate) = -rate;
    cell.from_h(unit.gradient_neg, weight, kCandidate) = rate;
  }
  cell.from_x(unit.weight_pos, kOutput) = 2;
  cell.from_x(unit.weight_neg, kOutput) = -2;
  if (!role.hears_error) return;
  cell.from_e(unit.weight_pos, kOutput) = 2 * o.eps;
  cell.from_e(unit.weight_neg, kOutput) = 2 * o.eps;
}

void write_gradient(const CellWriter& cell, const Units& unit, const BackpropOptions& o,
                    const Role& role) {
  for (const int64_t gradient : {unit.gradient_pos, unit.gradient_neg}) {
    cell.set_bias(gradient, kForget, role.keeps_gradient);
    cell.set_bias(gradient, kInput, 0);
    if (role.hears_error) cell.from_e(gradient, kCandidate) = o.eps;
  }
  cell.from_x(unit.gradient_pos, kInput) = 2;
  cell.from_x(unit.gradient_neg, kInput) = -2;
}

void write_messengers(const CellWriter& cell, const Units& unit, const BackpropOptions& o,
                      int64_t output_channel) {
  for (const int64_t channel : {int64_t{0}, output_channel}) {
    cell.forward_message(unit.weight_pos, channel) = 1 / o.eps;
    cell.forward_message(unit.weight_neg, channel) = -1 / o.eps;
  }
  const double gain = 1 / (o.eps * o.eps);
  cell.reverse_message(unit.weight_pos) = cell.reverse_message(unit.weight_neg) = gain;
  cell.reverse_message(unit.weight_still) = -2 * gain;
}

// Makes units that backpropagation leaves alone hear everything, at random.
void wake_spare_units(const CellWriter& cell, const Units& unit, double scale, int64_t state,
                      engine::RandomStream& random) {
  const double deviation = scale / std::sqrt(static_cast<double>(cell.num_rows()));
  for (int64_t row = 0; row < cell.num_rows(); ++row) {
    for (const Gate gate : {kInput, kCandidate, kForget, kOutput}) {
      for (int64_t k = 0; k < state; ++k) {
        const double draw = random.normal();
        if (unit.spare(k)) cell.w(row, k, gate) = deviation * draw;
      }
    }
  }
}

// Where a layer's cells are at once.
int64_t positions(const LayerShape& shape) {
  return shape.conv ? shape.conv->positions() : 1;
}

void require_fitting(const NetworkOptions& network, const BackpropOptions& options) {
  if (network.cell.state < kBackpropStateSize) {
    throw engine::Error(fmt::format("init backprop: expected a state size of {} or more, got {}",
                                    kBackpropStateSize, network.cell.state));
  }
  if (!(backprop_network(network, options) == network)) {
    throw engine::Error("init backprop: expected the network options that it needs",
                        "vsml::backprop_network() sets them");
  }
}

}  // namespace

NetworkOptions backprop_network(NetworkOptions network, const BackpropOptions& options) {
  network.micro_ticks = 1;
  network.reduce = Reduce::Sum;
  network.output_bound = 0;
  network.backward_pass = true;
  network.layer_norm = false;
  network.random_state_fraction = 0;
  network.encoded_weights = true;
  // A gradient that is kept must not move the weights in the reverse pass as well.
  if (options.momentum > 0) network.separate_backward_cell = true;
  if (!network.separate_backward_cell) network.clear_reverse = true;
  // A convolution averages over its positions, so that its rate is its own.
  if (has_convolutions(network)) network.cell_per_layer = true;
  return network;
}

Tensor backprop_params(const Network& network, const BackpropOptions& options,
                       const engine::RngKey& key, engine::DType dtype) {
  const NetworkOptions& net = network.options();
  require_fitting(net, options);
  const Units unit(net.cell.state);
  std::vector<double> flat(static_cast<size_t>(network.layout().size()), 0.0);
  engine::RandomStream random(key);

  const auto write_cell = [&](const std::string& prefix, const Role& role, double scale) {
    const CellWriter cell(network.layout(), prefix, net.cell, flat);
    write_weights(cell, unit, options, role, scale);
    write_gradient(cell, unit, options, role);
    write_messengers(cell, unit, options, net.output_channel);
    if (options.spare_scale > 0) {
      wake_spare_units(cell, unit, options.spare_scale, net.cell.state, random);
    }
  };
  const double forgets = -options.forget_bias, keeps = options.forget_bias;
  const double momentum =
      options.momentum > 0 ? std::log(options.momentum / (1 - options.momentum)) : forgets;
  for (int64_t layer = 0; layer < network.num_layers(); ++layer) {
    if (layer > 0 && !net.cell_per_layer) break;
    const std::string suffix = net.cell_per_layer ? fmt::format(".{}", layer) : "";
    const double scale = static_cast<double>(options.batch_size * positions(network.shape(layer)));
    if (net.separate_backward_cell) {
      write_cell("cell" + suffix, {true, false, options.momentum > 0 ? keeps : forgets}, scale);
      write_cell("backward_cell" + suffix, {false, true, momentum}, scale);
    } else {
      write_cell("cell" + suffix, {true, true, forgets}, scale);
    }
    const engine::ParamLayout& layout = network.layout();
    double* write = flat.data() + layout.at("weight" + suffix + ".write").offset;
    double* read = flat.data() + layout.at("weight" + suffix + ".read").offset;
    // All copies, and the update that waits for the next forward pass.
    for (const int64_t weight : unit.weights()) {
      write[weight] = options.eps;
      read[weight] = 1 / (3 * options.eps);
    }
    const double rate = options.learning_rate * scale / options.eps;
    read[unit.gradient_pos] = -rate;
    read[unit.gradient_neg] = rate;
  }
  return cast(Tensor::from(flat, {network.layout().size()}), dtype);
}

}  // namespace vsml
