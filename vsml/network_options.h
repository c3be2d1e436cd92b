// vsml/network_options.h: everything that can be chosen about a VSML network. Plain data, the same
// words as in a spec; docs/spec.schema.json has them with ranges.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vsml/dims.h"
#include "vsml/output_error.h"

namespace vsml {

// How a neuron combines the messages of its cells: the authors' code takes the mean, the paper's
// equations the sum.
enum class Reduce { Mean, Sum };

// What h and c are kept in from example to example. Ticks compute in the parameters' type in any
// case, which Float32 stands for. Bfloat16 has half the memory and 8 bits of precision, to which a
// state is rounded once, after the ticks of a layer; Bfloat16H keeps only h in it, and loses
// nothing of c, which is where algorithms keep what they have learned (docs/performance.md).
enum class StateType { Float32, Bfloat16H, Bfloat16 };

enum class LayerType { Dense, Conv };

// Which positions of a kernel send reverse messages: all of them, so that reverse messages go where
// forward messages came from; or, with a stride above 1, only those that the authors' code has in
// its mask, in about the first half of each side of the image.
enum class ConvBackward { Transpose, Authors };

struct LayerOptions {
  LayerType type = LayerType::Dense;
  // Neurons of the layer, or channels of a convolution. 0 = the number of the task's classes; only
  // the last layer may say so, which is dense.
  int64_t outputs = 0;
  // Dense: one more input whose forward message is this constant and whose reverse message is
  // dropped.
  std::optional<double> constant_input = {};
  // Conv: pixels, vertically and horizontally.
  std::array<int64_t, 2> kernel_size{3, 3};
  int64_t stride = 1;
  // Zero messages on each side of the image. None: half the kernel, rounded down.
  std::optional<std::array<int64_t, 2>> padding = {};
  ConvBackward backward = ConvBackward::Transpose;

  friend bool operator==(const LayerOptions&, const LayerOptions&) = default;
};

struct NetworkOptions {
  CellDims cell;
  int64_t micro_ticks = 2;  // ticks of a layer on the same incoming messages
  std::vector<LayerOptions> layers{LayerOptions{}};
  // Above 0, inputs are multiplied by sqrt(input_energy / inputs), so that standardised examples
  // drive a network of any size with this expected sum of squares; 0: they enter as they are.
  double input_energy = 0;
  Reduce reduce = Reduce::Mean;
  int64_t output_channel = 1;  // channel of the last forward message that is read as y
  double output_bound = 100;   // prediction = bound tanh(y / bound); 0: prediction = y
  OutputLoss loss = OutputLoss::CrossEntropy;  // whose derivative is fed back
  bool feed_label = false;                     // the label enters as channel 1 beside the error
  bool backward_pass = false;  // after each example, a pass over the layers in reverse order
  bool separate_backward_cell = false;  // that pass has cell parameters of its own
  bool clear_reverse = false;           // after the backward pass, zero every reverse message
  bool cell_per_layer = false;          // each layer has cell parameters of its own
  bool layer_norm = false;              // normalise each cell's messages
  double random_state_fraction = 0.5;   // part of c's channels that starts random
  // Cells start from random weights, written and read by vectors among the parameters.
  bool encoded_weights = false;
  StateType state_type =
      StateType::Float32;  // what h and c are kept in between the ticks of a layer

  friend bool operator==(const NetworkOptions&, const NetworkOptions&) = default;
};

}  // namespace vsml
