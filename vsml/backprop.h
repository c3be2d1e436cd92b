// vsml/backprop.h: backpropagation, written down as the parameters of a VSML network.
//
// With these parameters the network is an online multi-layer perceptron,
//   y_o = sum_i tanh(x_i) w_io   in every layer, the image included,
// that learns by stochastic gradient descent, w -= learning_rate tanh(x) e, although all it does is
// to tick once forward and once in reverse per example. docs/backprop-as-lstm.md derives every
// number; backprop.cpp has them in one place. Five of the state units are used. The cells of a
// convolution are at many positions and average over them: their rate is times that many.
#pragma once

#include "engine/rng.h"
#include "vsml/network.h"

namespace vsml {

struct BackpropOptions {
  double learning_rate = 0.01;
  int64_t batch_size = 1;  // B that it is for: errors come divided by B and updates are averaged
  double momentum = 0;     // v = momentum v + gradient, w -= learning_rate v; with a backward cell
  // A weight w is the memory c = eps w, and an error e is heard as tanh(eps e) / eps. Relative
  // errors are of order (eps w)^2 and (eps e)^2.
  double eps = 0.01;
  // Forget gates are sigmoid(forget_bias) where something is kept and sigmoid(-forget_bias) where
  // nothing is. 20 is 1 in float32; less is weight decay, and easier to meta-train.
  double forget_bias = 20;
  // Factor on the deviation of the weights of the units that are not needed, which nothing listens
  // to at first; with 0 they stay silent, and no gradient would ever wake them.
  double spare_scale = 0;

  friend bool operator==(const BackpropOptions&, const BackpropOptions&) = default;
};

// `network` with everything that the parameters count on: sums, one tick each way, error and
// messages as they are, cells that start from encoded weights. Where there is no backward cell of
// its own, clear_reverse: one cell then serves both directions. Left free: layers (a constant_input
// of 10 is a bias: tanh(10) = 1 in float32), state_size (8 or more), message_size, output_channel,
// feed_label, cell_per_layer, loss.
NetworkOptions backprop_network(NetworkOptions network, const BackpropOptions& options);

constexpr int64_t kBackpropStateSize = 8;  // the least
constexpr double kBackpropConstantInput = 10;

// The parameters, flat [n]. `key` is for spare_scale alone. Throws Error unless the network's
// options are those of backprop_network() and its state size is 8 or more.
engine::Tensor backprop_params(const Network& network, const BackpropOptions& options,
                               const engine::RngKey& key, engine::DType dtype);

}  // namespace vsml
