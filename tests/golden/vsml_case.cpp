#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "tests/golden/golden.h"
#include "vsml/network.h"

namespace golden {
namespace {

using engine::Shape;
using engine::Tensor;
using nlohmann::json;

constexpr double kBound = 1e-10;
constexpr double kBoundConv = 1e-9;
constexpr double kBoundSingle = 1e-5;

// The file's names of a cell's parameters, in the order of our layout.
const char* const kPlain[] = {"W", "b", "Wf", "bf", "Wb", "bb"};
const char* const kNormed[] = {"W", "b", "Wf", "bf", "sf", "of", "Wb", "bb", "sb", "ob"};

bool is_conv(const json& spec) {
  return spec.contains("image");
}

vsml::LayerOptions layer_of(const json& layer, bool as_authors) {
  vsml::LayerOptions options;
  if (layer.at("type") == "dense") {
    options.outputs = layer.value("out_size", 0);
    return options;
  }
  options.type = vsml::LayerType::Conv;
  options.outputs = layer.at("out_channels");
  options.kernel_size.fill(layer.at("kernel_size").get<int64_t>());
  options.stride = layer.at("stride");
  if (as_authors) options.backward = vsml::ConvBackward::Authors;
  return options;
}

vsml::NetworkOptions options_of(const json& spec) {
  vsml::NetworkOptions options;
  options.cell = {spec.at("N"), spec.at("M")};
  options.micro_ticks = spec.at("K");
  options.output_bound = spec.at("tanh_bound");
  options.output_channel = spec.at("output_idx");
  options.feed_label = spec.at("feed_label");
  options.backward_pass = spec.at("backward_pass");
  options.layer_norm = spec.at("layer_norm");
  options.separate_backward_cell = spec.at("separate");
  options.cell_per_layer = spec.at("layerwise");
  if (is_conv(spec)) {
    options.layers.clear();
    for (const json& layer : spec.at("layers")) {
      options.layers.push_back(layer_of(layer, spec.at("backward") == "authors"));
    }
    options.layers.back().outputs = 0;
    return options;
  }
  const std::vector<int64_t> sizes = spec.at("sizes");
  options.layers.assign(sizes.size() - 1, vsml::LayerOptions{});
  for (size_t k = 1; k + 1 < sizes.size(); ++k) options.layers[k - 1].outputs = sizes[k];
  return options;
}

vsml::TaskDims task_of(const json& spec) {
  if (!is_conv(spec)) return {spec.at("sizes").front(), spec.at("sizes").back()};
  const std::vector<int64_t> image = spec.at("image");  // height, width, channels
  const vsml::ImageShape shape{image[2], image[0], image[1]};
  return {shape.size(), spec.at("O"), shape};
}

// [T, P, ...] -> [T, P / B, B, D]; of images, height, width, channel in the file, channel by
// channel.
Tensor examples_of(const Tensor& x, int64_t batch) {
  const Shape ahead{x.dim(0), x.dim(1) / batch, batch};
  const Tensor ordered = x.rank() == 5 ? permute(x, {0, 1, 4, 2, 3}) : x;
  return reshape(ordered, ahead + Shape{x.size() / ahead.size()});
}

// All parameter sets of a case side by side: [n], or [P, n] with one set per member.
Tensor flat_of(const json& sets, const json& spec) {
  const int64_t members = spec.at("own").get<bool>() ? spec.at("P").get<int64_t>() : 1;
  std::vector<Tensor> parts;
  for (const json& set : sets) {
    const auto append = [&](const char* name) {
      parts.push_back(reshape_inferred(array(set.at(name)), {members, -1}));
    };
    if (spec.at("layer_norm")) {
      for (const char* name : kNormed) append(name);
    } else {
      for (const char* name : kPlain) append(name);
    }
  }
  const Tensor flat = engine::concat(parts, 1);
  return spec.at("own").get<bool>() ? flat : reshape(flat, {flat.dim(1)});
}

}  // namespace

CaseErrors run_vsml_case(const json& one, engine::DType dtype, engine::Device device) {
  const auto typed = [&](const json& value) { return cast(array(value), dtype).to(device); };
  const auto plain = [](const Tensor& x) { return cast(x.to({}), engine::DType::f64); };
  const json& spec = one.at("spec");
  const int64_t batch = spec.at("batch");
  const vsml::Network network(options_of(spec), task_of(spec));
  const Tensor flat = cast(flat_of(one.at("params"), spec), dtype).to(device);
  engine::Tape tape;
  tape.watch(flat);
  const engine::ParamSet params(network.layout(), flat);

  const Tensor inputs = examples_of(typed(one.at("inputs")), batch),
               labels = examples_of(typed(one.at("labels")), batch);
  // The file's states have an axis for each side of a kernel.
  const auto cells = [&](const Tensor& x, size_t k) {
    const vsml::LayerShape& shape = network.shape(static_cast<int64_t>(k));
    return reshape(x, {x.dim(0) / batch, batch, shape.rows, shape.columns, x.dim(-1)});
  };
  vsml::NetworkState state;
  for (size_t k = 0; k < one.at("h0").size(); ++k) {
    state.layers.push_back({cells(typed(one.at("h0")[k]), k), cells(typed(one.at("c0")[k]), k)});
    const Shape message{inputs.dim(1), batch, network.shape(static_cast<int64_t>(k)).outputs,
                        network.options().cell.message};
    state.reverse.push_back(Tensor::zeros(message, dtype, device));
  }
  std::vector<Tensor> outputs;
  for (int64_t t = 0; t < inputs.dim(0); ++t) {
    const auto at = [&](const Tensor& x) {
      return reshape(slice(x, 0, t, t + 1), x.shape().part(1, 4));
    };
    vsml::NetworkStep step = network.step(params, std::move(state), at(inputs), at(labels));
    state = std::move(step.state);
    outputs.push_back(step.prediction);
  }
  const Tensor stacked = engine::stack(outputs, 0);
  const Tensor loss = mean(cross_entropy(stacked, labels));
  const Tensor gradient = tape.gradient(loss, {flat})[0];

  CaseErrors errors{spec.at("name"),
                    dtype != engine::DType::f64 ? kBoundSingle
                    : is_conv(spec)             ? kBoundConv
                                                : kBound,
                    0,
                    0,
                    0,
                    0};
  errors.outputs = error_of(plain(stacked), examples_of(array(one.at("outputs")), batch));
  errors.loss = error_of(plain(loss), Tensor::scalar(one.at("loss"), engine::DType::f64));
  const auto worse = [](double& worst, double error) {
    if (!(error <= worst) && !std::isnan(worst)) worst = error;
  };
  for (size_t k = 0; k < state.layers.size(); ++k) {
    const vsml::CellState& layer = state.layers[k];
    worse(errors.states, error_of(plain(layer.h), cells(array(one.at("h")[k]), k)));
    worse(errors.states, error_of(plain(layer.c), cells(array(one.at("c")[k]), k)));
  }
  // A gradient that is all but zero is measured against the case's largest: in f32 every gradient,
  // since that of b_forward is a sum of larger terms that cancel out but for their rounding.
  const Tensor want = flat_of(one.at("grads"), spec);
  const double floor = (dtype == engine::DType::f64 ? 1e-3 : 1) * max(abs(want)).item();
  const engine::ParamSet got_parts(network.layout(), plain(gradient)),
      want_parts(network.layout(), want);
  for (const auto& entry : network.layout().entries()) {
    worse(errors.gradients, error_of(got_parts[entry.name], want_parts[entry.name], floor));
  }
  return errors;
}

}  // namespace golden
