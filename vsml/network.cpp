#include "vsml/network.h"

#include <cmath>
#include <fmt/format.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/op.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "vsml/conv_layer.h"
#include "vsml/random_purpose.h"
#include "vsml/readout.h"

namespace vsml {
namespace {

using engine::DType;
using engine::Shape;
using engine::Tensor;

constexpr int kBatchAxis = 1;

std::string cell_prefix(const NetworkOptions& options, int64_t layer, bool backward) {
  std::string prefix = backward && options.separate_backward_cell ? "backward_cell" : "cell";
  if (options.cell_per_layer) prefix += fmt::format(".{}", layer);
  return prefix;
}

std::string code_prefix(const NetworkOptions& options, int64_t layer) {
  return options.cell_per_layer ? fmt::format("weight.{}", layer) : "weight";
}

Tensor merged(const Tensor& x) {
  const int64_t shared = x.dim(-1) / 2;
  const DType computed = x.dtype() == DType::bf16 ? DType::f32 : x.dtype();
  const Tensor average =
      cast(mean(cast(slice(x, -1, 0, shared), computed), {kBatchAxis}, engine::KeepAxes::Yes),
           x.dtype());
  return engine::concat(
      {broadcast_to(average, x.shape().with(-1, shared)), slice(x, -1, shared, x.dim(-1))}, -1);
}

// [P, B, n] as channel 0 of messages [P, B, n, M].
Tensor as_message(const Tensor& values, int64_t message) {
  return pad(expand(values, -1), -1, 0, message - 1);
}

}  // namespace

CellState merged_over_batch(const CellState& state) {
  if (state.h.dim(kBatchAxis) == 1) return state;
  return {merged(state.h), merged(state.c)};
}

Network::Network(const NetworkOptions& options, const TaskDims& task)
    : options_(options), task_(task) {
  const auto require = [](bool holds, const std::string& rule) {
    if (!holds) throw engine::Error("network: expected " + rule);
  };
  require(task.inputs >= 1 && task.classes >= 1, "at least one input and one class");
  require(options.cell.state >= 1 && options.cell.message >= 1,
          "state_size and message_size of 1 or more");
  require(options.micro_ticks >= 1, "micro_ticks of 1 or more");
  require(!options.layers.empty() && options.layers.back().outputs == 0,
          "at least one layer, the last with outputs 0 (the task's classes)");
  require(options.layers.back().type == LayerType::Dense, "dense for the last layer");
  for (size_t k = 0; k + 1 < options.layers.size(); ++k) {
    require(options.layers[k].outputs >= 1, fmt::format("outputs in layer {}", k));
  }
  require(options.output_channel >= 0 && options.output_channel < options.cell.message,
          "output_channel below message_size");
  require(options.output_bound >= 0, "output_bound of 0 or more");
  require(options.input_energy >= 0, "input_energy of 0 or more");
  require(options.random_state_fraction >= 0 && options.random_state_fraction <= 1,
          "random_state_fraction from 0 to 1");
  require(!options.feed_label || options.cell.message >= 2, "message_size of 2 with feed_label");
  require(options.backward_pass || !options.separate_backward_cell,
          "backward_pass with separate_backward_cell");
  require(options.backward_pass || !options.clear_reverse, "backward_pass with clear_reverse");
  shapes_ = layer_shapes(options, task);
  for (const LayerShape& layer : shapes_) {
    require(!layer.conv || !options.encoded_weights, "dense layers with encoded_weights");
  }
  const int64_t cells = options.cell_per_layer ? num_layers() : 1;
  for (const bool backward : {false, true}) {
    if (backward && !options.separate_backward_cell) continue;
    for (int64_t layer = 0; layer < cells; ++layer) {
      add_cell_params(cell_prefix(options, layer, backward), options.cell, options.layer_norm,
                      layout_);
    }
  }
  if (!options.encoded_weights) return;
  for (int64_t layer = 0; layer < cells; ++layer) {
    add_weight_code(code_prefix(options, layer), options.cell, layout_);
  }
}

StateTypes Network::kept_in(DType computed) const {
  const StateType type = options_.state_type;
  return {type == StateType::Float32 ? computed : DType::bf16,
          type == StateType::Bfloat16 ? DType::bf16 : computed};
}

bool Network::has_constant(int64_t layer) const {
  return options_.layers[static_cast<size_t>(layer)].constant_input.has_value();
}

int64_t Network::num_cells() const {
  int64_t cells = 0;
  for (int64_t layer = 0; layer < num_layers(); ++layer) cells += rows(layer) * columns(layer);
  return cells;
}

NetworkState Network::initial_state(const engine::ParamSet& params,
                                    const std::vector<engine::RngKey>& members,
                                    int64_t batch) const {
  const DType dtype = params.flat().dtype();
  const StateTypes kept = kept_in(dtype);
  const engine::Device device = params.flat().device();
  const int64_t hidden = options_.cell.state;
  const auto random = static_cast<int64_t>(
      std::floor(options_.random_state_fraction * static_cast<double>(hidden)));
  const auto population = static_cast<int64_t>(members.size());
  NetworkState coded;
  if (options_.encoded_weights) {
    coded = state_of_weights(params, initial_weights(members, dtype, device), batch);
    if (random == 0) return coded;
  }
  NetworkState state;
  int64_t first = 0;
  for (int64_t layer = 0; layer < num_layers(); ++layer) {
    const Shape grid{population, batch, rows(layer), columns(layer)};
    CellState cells{Tensor::zeros(grid + Shape{hidden}, kept.h, device),
                    Tensor::zeros(grid + Shape{hidden}, kept.c, device)};
    const double deviation = 1 / std::sqrt(static_cast<double>(grid[2]));
    const Tensor drawn = slice(cells.c, -1, 0, random);
    for (int64_t p = 0; p < population; ++p) {
      for (int64_t b = 0; b < batch; ++b) {
        const Tensor one = slice(slice(drawn, 0, p, p + 1), 1, b, b + 1);
        draw_truncated_normal(one, members[static_cast<size_t>(p)], first, deviation);
      }
    }
    first += grid[2] * grid[3] * random;
    state.layers.push_back(std::move(cells));
    state.reverse.push_back(Tensor::zeros(
        {population, batch, shape(layer).outputs, options_.cell.message}, dtype, device));
  }
  for (size_t k = 0; k < coded.layers.size(); ++k) {
    Tensor& c = state.layers[k].c;
    c = cast(cast(c, dtype) + cast(coded.layers[k].c, dtype), kept.c);
  }
  return state;
}

std::vector<Tensor> Network::initial_weights(const std::vector<engine::RngKey>& members,
                                             DType dtype, engine::Device device) const {
  std::vector<Tensor> draws;
  for (const engine::RngKey& key : members) {
    draws.push_back(engine::truncated_normal(
        {num_cells()}, key_for(key, RandomPurpose::InitialWeights), dtype, device));
  }
  const Tensor drawn = stack(draws, 0);
  std::vector<Tensor> weights;
  int64_t first = 0;
  for (int64_t layer = 0; layer < num_layers(); ++layer) {
    const Shape shape{drawn.dim(0), rows(layer), columns(layer)};
    const int64_t count = shape[1] * shape[2];
    const Tensor w = reshape(slice(drawn, 1, first, first + count), shape) *
                     (1 / std::sqrt(static_cast<double>(shape[1])));
    first += count;
    const int64_t constant = has_constant(layer) ? 1 : 0;
    weights.push_back(pad(slice(w, 1, 0, shape[1] - constant), 1, 0, constant));
  }
  return weights;
}

NetworkState Network::state_of_weights(const engine::ParamSet& params,
                                       const std::vector<Tensor>& weights, int64_t batch) const {
  NetworkState state;
  for (int64_t layer = 0; layer < num_layers(); ++layer) {
    const Tensor& w = weights.at(static_cast<size_t>(layer));
    if (w.rank() != 3 || w.dim(1) != rows(layer) || w.dim(2) != columns(layer)) {
      engine::throw_shape_error(
          "network", fmt::format("weights [P, {}, {}]", rows(layer), columns(layer)), {w.shape()});
    }
    state.layers.push_back(
        cast_state(encode_weights(code_of(params, layer), w, batch), kept_in(w.dtype())));
    state.reverse.push_back(Tensor::zeros({w.dim(0), batch, columns(layer), options_.cell.message},
                                          w.dtype(), w.device()));
  }
  return state;
}

WeightCode Network::code_of(const engine::ParamSet& params, int64_t layer) const {
  return weight_code(params, code_prefix(options_, layer));
}

// Channel 0 of what the first layer hears. A convolution takes an image with its channels fastest.
Tensor Network::first_message(const Tensor& input) const {
  const int64_t message = options_.cell.message;
  const double energy = options_.input_energy;
  const Tensor driven =
      energy > 0 ? input * std::sqrt(energy / static_cast<double>(inputs())) : input;
  const auto& conv = shape(0).conv;
  if (!conv || conv->image.channels == 1) return as_message(driven, message);
  const int64_t members = input.dim(0), batch = input.dim(1), channels = conv->image.channels;
  const Tensor by_channel = reshape(driven, {members, batch, channels, inputs() / channels});
  return as_message(reshape(permute(by_channel, {0, 1, 3, 2}), input.shape()), message);
}

// One example on its way through the layers.
struct Network::Pass {
  const engine::ParamSet& params;
  NetworkState& state;
  // Forward message waiting at each layer's inputs, [P, B, I, F] without the constant input; the
  // last entry is what leaves the network.
  std::vector<Tensor> forward;
};

Tensor Network::with_constant(const Tensor& forward, int64_t layer) const {
  const auto& constant = options_.layers[static_cast<size_t>(layer)].constant_input;
  if (!constant) return forward;
  const Tensor value = Tensor::full({forward.dim(0), forward.dim(1), 1}, *constant, forward.dtype(),
                                    forward.device());
  return engine::concat({forward, as_message(value, options_.cell.message)}, 2);
}

void Network::tick_layer(Pass& pass, int64_t layer, bool backward) const {
  const auto k = static_cast<size_t>(layer);
  const CellParams cell =
      cell_params(pass.params, cell_prefix(options_, layer, backward), options_.cell);
  const Messages in{with_constant(pass.forward[k], layer), pass.state.reverse[k]};
  const TickOptions options{options_.micro_ticks, options_.reduce, layer > 0};
  CellState state = std::move(pass.state.layers[k]);
  LayerTick result = shape(layer).conv
                         ? conv_tick(cell, std::move(state), in, *shape(layer).conv, options)
                         : tick(cell, std::move(state), in, options);
  pass.state.layers[k] = std::move(result.state);
  pass.forward[k + 1] = std::move(result.out.forward);
  if (layer > 0) {
    pass.state.reverse[k - 1] = slice(result.out.reverse, 2, 0, shape(layer - 1).outputs);
  }
}

Tensor Network::forward_pass(Pass& pass) const {
  for (int64_t layer = 0; layer < num_layers(); ++layer) tick_layer(pass, layer, false);
  const int64_t channel = options_.output_channel;
  const Tensor y = slice(pass.forward.back(), -1, channel, channel + 1);
  return bounded(reshape(y, y.shape().part(0, 3)), options_.output_bound);
}

void Network::reverse_pass(Pass& pass) const {
  for (int64_t layer = num_layers(); layer-- > 0;) tick_layer(pass, layer, true);
  const auto clear = [](Tensor& message) {
    message = Tensor::zeros(message.shape(), message.dtype(), message.device());
  };
  clear(pass.state.reverse.back());
  if (!options_.clear_reverse) return;
  for (Tensor& message : pass.state.reverse) clear(message);
}

NetworkStep Network::step(const engine::ParamSet& params, NetworkState state, const Tensor& input,
                          const Tensor& label) const {
  if (input.rank() != 3 || label.rank() != 3 || input.dim(2) != inputs() ||
      label.dim(2) != classes() || input.shape().part(0, 2) != label.shape().part(0, 2)) {
    engine::throw_shape_error(
        "network", fmt::format("input [P, B, {}] and label [P, B, {}]", inputs(), classes()),
        {input.shape(), label.shape()});
  }
  const int64_t message = options_.cell.message;
  for (CellState& layer : state.layers) layer = merged_over_batch(layer);
  Pass pass{params, state, std::vector<Tensor>(static_cast<size_t>(num_layers()) + 1)};
  pass.forward[0] = first_message(input);
  NetworkStep result;
  result.prediction = forward_pass(pass);
  const Tensor error = output_error(options_.loss, result.prediction, label);
  if (options_.feed_label) {
    state.reverse.back() = engine::pad(engine::stack({error, label}, -1), -1, 0, message - 2);
  } else {
    state.reverse.back() = as_message(error, message);
  }
  if (options_.backward_pass) reverse_pass(pass);
  result.state = std::move(state);
  return result;
}

}  // namespace vsml
