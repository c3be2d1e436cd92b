#include "tests/vsml/naive_network.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "engine/ops/elementwise.h"
#include "tests/vsml/naive_conv.h"

namespace vsml::test {
namespace {

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

// The nearest number with 8 bits, ties to even; of the sizes that states have.
double in_bf16(double x) {
  int exponent = 0;
  const double fraction = std::frexp(x, &exponent);  // 0.5 <= |fraction| < 1
  return std::ldexp(std::nearbyint(fraction * 256), exponent - 8);
}

bool h_in_bf16(StateType type) {
  return type != StateType::Float32;
}
bool c_in_bf16(StateType type) {
  return type == StateType::Bfloat16;
}

void keep_as(StateType type, NaiveLayer& layer) {
  if (h_in_bf16(type)) std::transform(layer.h.begin(), layer.h.end(), layer.h.begin(), in_bf16);
  if (c_in_bf16(type)) std::transform(layer.c.begin(), layer.c.end(), layer.c.begin(), in_bf16);
}

// Elements [index * size, (index + 1) * size).
Numbers part(const Numbers& all, int64_t index, int64_t size) {
  return Numbers(all.begin() + index * size, all.begin() + (index + 1) * size);
}

void update_cell(const NaiveCell& cell, const double* forward, const double* reverse, double* h,
                 double* c) {
  const int64_t hidden = cell.state, width = 4 * hidden;
  Numbers heard(forward, forward + cell.message);
  heard.insert(heard.end(), reverse, reverse + cell.message);
  heard.insert(heard.end(), h, h + hidden);
  Numbers gates = cell.bias;
  for (size_t k = 0; k < heard.size(); ++k) {
    for (int64_t g = 0; g < width; ++g) {
      gates[static_cast<size_t>(g)] +=
          heard[k] * cell.w[k * static_cast<size_t>(width) + static_cast<size_t>(g)];
    }
  }
  for (int64_t k = 0; k < hidden; ++k) {
    const auto gate = [&](int64_t which) { return gates[static_cast<size_t>(which * hidden + k)]; };
    c[k] = sigmoid(gate(2) + 5) * c[k] + sigmoid(gate(0) - 5) * std::tanh(gate(1));
    h[k] = sigmoid(gate(3)) * std::tanh(c[k]);
  }
}

Numbers normalised(const Numbers& x, const Numbers& scale, const Numbers& offset) {
  if (scale.empty()) return x;
  const auto count = static_cast<double>(x.size());
  double mean = 0, variance = 0;
  for (const double value : x) mean += value / count;
  for (const double value : x) variance += (value - mean) * (value - mean) / count;
  Numbers result;
  for (size_t k = 0; k < x.size(); ++k) {
    result.push_back((x[k] - mean) / std::sqrt(variance + 1e-5) * scale[k] + offset[k]);
  }
  return result;
}

// h M + b of one cell.
Numbers message_of(const double* h, const Numbers& m, const Numbers& b) {
  Numbers message = b;
  for (size_t f = 0; f < b.size(); ++f) {
    for (size_t k = 0; k * b.size() < m.size(); ++k) message[f] += h[k] * m[k * b.size() + f];
  }
  return message;
}

void add_at(Numbers& to, int64_t neuron, const Numbers& message, double factor) {
  for (size_t f = 0; f < message.size(); ++f) {
    to[static_cast<size_t>(neuron) * message.size() + f] += message[f] * factor;
  }
}

}  // namespace

NaiveCell naive_cell(const engine::ParamSet& params, const std::string& prefix,
                     const CellDims& dims, int64_t member) {
  const auto read = [&](const std::string& name) {
    const Numbers all = params[prefix + name].to_vector<double>();
    const int64_t size = params.layout().at(prefix + name).shape.size();
    return part(all, params.per_member() ? member : 0, size);
  };
  NaiveCell cell{dims.state,
                 dims.message,
                 read(".w"),
                 read(".bias"),
                 read(".m_forward"),
                 read(".b_forward"),
                 read(".m_reverse"),
                 read(".b_reverse"),
                 {},
                 {},
                 {},
                 {}};
  if (params.layout().contains(prefix + ".scale_forward")) {
    cell.scale_forward = read(".scale_forward");
    cell.offset_forward = read(".offset_forward");
    cell.scale_reverse = read(".scale_reverse");
    cell.offset_reverse = read(".offset_reverse");
  }
  return cell;
}

NaiveMessages naive_tick(const NaiveCell& cell, NaiveLayer& layer, int64_t micro_ticks,
                         Reduce reduce) {
  NaiveMessages out;
  out.forward.assign(static_cast<size_t>(layer.outputs * cell.message), 0);
  out.reverse.assign(static_cast<size_t>(layer.inputs * cell.message), 0);
  const bool mean = reduce == Reduce::Mean;
  for (int64_t i = 0; i < layer.inputs; ++i) {
    for (int64_t o = 0; o < layer.outputs; ++o) {
      double* h = layer.h.data() + (i * layer.outputs + o) * cell.state;
      double* c = layer.c.data() + (i * layer.outputs + o) * cell.state;
      for (int64_t k = 0; k < micro_ticks; ++k) {
        update_cell(cell, layer.forward.data() + i * cell.message,
                    layer.reverse.data() + o * cell.message, h, c);
      }
      add_at(out.forward, o,
             normalised(message_of(h, cell.m_forward, cell.b_forward), cell.scale_forward,
                        cell.offset_forward),
             mean ? 1 / static_cast<double>(layer.inputs) : 1);
      add_at(out.reverse, i,
             normalised(message_of(h, cell.m_reverse, cell.b_reverse), cell.scale_reverse,
                        cell.offset_reverse),
             mean ? 1 / static_cast<double>(layer.outputs) : 1);
    }
  }
  return out;
}

namespace {

std::shared_ptr<NaiveConv> naive_conv(const LayerOptions& layer, const ImageShape& image) {
  if (layer.type != LayerType::Conv) return nullptr;
  const auto [kernel_y, kernel_x] = layer.kernel_size;
  const std::array<int64_t, 2> half{kernel_y / 2, kernel_x / 2};
  const auto [padding_y, padding_x] = layer.padding.value_or(half);
  return std::make_shared<NaiveConv>(
      NaiveConv{image.height, image.width, image.channels, kernel_y, kernel_x, layer.stride,
                padding_y, padding_x, layer.outputs, layer.backward == ConvBackward::Authors});
}

}  // namespace

NaiveNetwork::NaiveNetwork(const Network& network, const engine::ParamSet& params,
                           const NetworkState& state, int64_t member)
    : options_(network.options()), inputs_(network.inputs()), classes_(network.classes()) {
  const int64_t batch = state.layers[0].h.dim(1), hidden = options_.cell.state;
  int64_t below = inputs_;
  ImageShape image = network.task().image.value_or(ImageShape{1, 1, inputs_});
  if (options_.layers[0].type == LayerType::Conv) channels_ = image.channels;
  for (size_t k = 0; k < options_.layers.size(); ++k) {
    const std::string suffix = options_.cell_per_layer ? fmt::format(".{}", k) : "";
    cells_.push_back(naive_cell(params, "cell" + suffix, options_.cell, member));
    backward_cells_.push_back(
        options_.separate_backward_cell
            ? naive_cell(params, "backward_cell" + suffix, options_.cell, member)
            : cells_.back());
    conv_.push_back(naive_conv(options_.layers[k], image));
    const int64_t rows = below + (options_.layers[k].constant_input ? 1 : 0);
    int64_t columns = options_.layers[k].outputs == 0 ? classes_ : options_.layers[k].outputs;
    int64_t cells = rows * columns;
    if (const NaiveConv* conv = conv_.back().get()) {
      cells = conv->kernel_y * conv->kernel_x * conv->channels * conv->outputs;
      image = {conv->outputs, conv->rows(), conv->columns()};
      columns = image.size();
    }
    const Numbers all_h = cast(state.layers[k].h, engine::DType::f64).to_vector<double>();
    const Numbers all_c = cast(state.layers[k].c, engine::DType::f64).to_vector<double>();
    const Numbers all_reverse = state.reverse[k].to_vector<double>();
    std::vector<NaiveLayer> entries;
    for (int64_t b = 0; b < batch; ++b) {
      const int64_t entry = member * batch + b;
      entries.push_back({rows,
                         columns,
                         part(all_h, entry, cells * hidden),
                         part(all_c, entry, cells * hidden),
                         {},
                         part(all_reverse, entry, columns * options_.cell.message)});
    }
    layers_.push_back(entries);
    below = columns;
  }
  last_forward_.resize(static_cast<size_t>(batch));
}

void NaiveNetwork::merge() {
  const auto hidden = static_cast<size_t>(options_.cell.state);
  for (std::vector<NaiveLayer>& entries : layers_) {
    for (Numbers NaiveLayer::*what : {&NaiveLayer::h, &NaiveLayer::c}) {
      const bool narrow =
          what == &NaiveLayer::h ? h_in_bf16(options_.state_type) : c_in_bf16(options_.state_type);
      for (size_t k = 0; k < (entries[0].*what).size(); ++k) {
        if (k % hidden >= hidden / 2) continue;
        double sum = 0;
        for (const NaiveLayer& entry : entries) sum += (entry.*what)[k];
        for (NaiveLayer& entry : entries) {
          const auto count = static_cast<double>(entries.size());
          // The average of states in bf16 is one of floats.
          (entry.*what)[k] = narrow
                                 ? in_bf16(static_cast<float>(sum) * static_cast<float>(1 / count))
                                 : sum / count;
        }
      }
    }
  }
}

void NaiveNetwork::tick(size_t layer, size_t entry, bool backward) {
  NaiveLayer& cells = layers_[layer][entry];
  const NaiveCell& cell = backward ? backward_cells_[layer] : cells_[layer];
  const NaiveConv* conv = conv_[layer].get();
  const NaiveMessages out =
      conv == nullptr ? naive_tick(cell, cells, options_.micro_ticks, options_.reduce)
                      : naive_conv_tick(cell, cells, *conv, options_.micro_ticks, options_.reduce);
  keep_as(options_.state_type, cells);
  const auto hand_on = [&](const Numbers& messages, Numbers& to, int64_t neurons) {
    std::copy_n(messages.begin(), neurons * options_.cell.message, to.begin());
  };
  if (layer + 1 < layers_.size()) {
    // The neurons of the layer above; its constant input comes after them and stays.
    hand_on(out.forward, layers_[layer + 1][entry].forward, cells.outputs);
  } else {
    last_forward_[entry] = out.forward;
  }
  if (layer > 0) {
    NaiveLayer& under = layers_[layer - 1][entry];
    hand_on(out.reverse, under.reverse, under.outputs);
  }
}

Numbers NaiveNetwork::predict() const {
  Numbers result;
  for (const Numbers& messages : last_forward_) {
    for (int64_t o = 0; o < classes_; ++o) {
      const double y =
          messages[static_cast<size_t>(o * options_.cell.message + options_.output_channel)];
      const double bound = options_.output_bound;
      result.push_back(bound == 0 ? y : bound * std::tanh(y / bound));
    }
  }
  return result;
}

Numbers NaiveNetwork::step(const Numbers& input, const Numbers& label) {
  const auto message = static_cast<size_t>(options_.cell.message);
  const size_t batch = last_forward_.size(), top = layers_.size() - 1;
  merge();
  for (size_t b = 0; b < batch; ++b) {
    for (size_t k = 0; k <= top; ++k) {
      NaiveLayer& layer = layers_[k][b];
      layer.forward.assign(static_cast<size_t>(layer.inputs) * message, 0);
      if (const auto constant = options_.layers[k].constant_input) {
        layer.forward[static_cast<size_t>(layer.inputs - 1) * message] = *constant;
      }
    }
    // Channel by channel in the input, channels fastest in the message of an image.
    const auto channels = static_cast<size_t>(channels_);
    const size_t pixels = static_cast<size_t>(inputs_) / channels;
    const double factor =
        options_.input_energy > 0 ? std::sqrt(options_.input_energy / inputs_) : 1;
    for (size_t i = 0; i < static_cast<size_t>(inputs_); ++i) {
      layers_[0][b].forward[(i % pixels * channels + i / pixels) * message] =
          factor * input[b * static_cast<size_t>(inputs_) + i];
    }
    for (size_t k = 0; k <= top; ++k) tick(k, b, false);
  }
  const Numbers prediction = predict();
  for (size_t b = 0; b < batch; ++b) {
    const Numbers p = part(prediction, static_cast<int64_t>(b), classes_);
    const Numbers y = part(label, static_cast<int64_t>(b), classes_);
    double total = 0;
    for (const double logit : p) total += std::exp(logit);
    Numbers& reverse = layers_[top][b].reverse;
    std::fill(reverse.begin(), reverse.end(), 0);
    for (size_t o = 0; o < p.size(); ++o) {
      reverse[o * message] = (std::exp(p[o]) / total - y[o]) / static_cast<double>(batch);
      if (options_.feed_label) reverse[o * message + 1] = y[o];
    }
    if (!options_.backward_pass) continue;
    for (size_t k = top + 1; k-- > 0;) tick(k, b, true);
    for (size_t k = 0; k <= top; ++k) {
      if (k < top && !options_.clear_reverse) continue;
      std::fill(layers_[k][b].reverse.begin(), layers_[k][b].reverse.end(), 0);
    }
  }
  return prediction;
}

namespace {

Numbers joined(const std::vector<NaiveLayer>& entries, Numbers NaiveLayer::*what) {
  Numbers all;
  for (const NaiveLayer& entry : entries) {
    all.insert(all.end(), (entry.*what).begin(), (entry.*what).end());
  }
  return all;
}

}  // namespace

Numbers NaiveNetwork::h(size_t layer) const {
  return joined(layers_[layer], &NaiveLayer::h);
}
Numbers NaiveNetwork::c(size_t layer) const {
  return joined(layers_[layer], &NaiveLayer::c);
}
Numbers NaiveNetwork::reverse(size_t layer) const {
  return joined(layers_[layer], &NaiveLayer::reverse);
}

}  // namespace vsml::test
