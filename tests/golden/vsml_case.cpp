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
constexpr double kBoundSingle = 1e-5;

// The file's names of a cell's parameters, in the order of our layout.
const char* const kPlain[] = {"W", "b", "Wf", "bf", "Wb", "bb"};
const char* const kNormed[] = {"W", "b", "Wf", "bf", "sf", "of", "Wb", "bb", "sb", "ob"};

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
  const std::vector<int64_t> sizes = spec.at("sizes");
  options.layers.assign(sizes.size() - 1, vsml::LayerOptions{});
  for (size_t k = 1; k + 1 < sizes.size(); ++k) options.layers[k - 1].outputs = sizes[k];
  return options;
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

// [P * B, ...] -> [P, B, ...].
Tensor batched(const Tensor& x, int64_t batch) {
  return reshape(x, Shape{x.dim(0) / batch, batch} + x.shape().part(1, x.rank()));
}

}  // namespace

CaseErrors run_vsml_case(const json& one, engine::DType dtype, engine::Device device) {
  const auto typed = [&](const json& value) { return cast(array(value), dtype).to(device); };
  const auto plain = [](const Tensor& x) { return cast(x.to({}), engine::DType::f64); };
  const json& spec = one.at("spec");
  const std::vector<int64_t> sizes = spec.at("sizes");
  const int64_t batch = spec.at("batch");
  const vsml::Network network(options_of(spec), sizes.front(), sizes.back());
  const Tensor flat = cast(flat_of(one.at("params"), spec), dtype).to(device);
  engine::Tape tape;
  tape.watch(flat);
  const engine::ParamSet params(network.layout(), flat);

  const Tensor inputs = typed(one.at("inputs")), labels = typed(one.at("labels"));
  vsml::NetworkState state;
  for (size_t k = 0; k + 1 < sizes.size(); ++k) {
    state.layers.push_back(
        {batched(typed(one.at("h0")[k]), batch), batched(typed(one.at("c0")[k]), batch)});
    const Shape message{inputs.dim(1) / batch, batch, sizes[k + 1], network.options().cell.message};
    state.reverse.push_back(Tensor::zeros(message, dtype, device));
  }
  std::vector<Tensor> outputs;
  for (int64_t t = 0; t < inputs.dim(0); ++t) {
    const auto at = [&](const Tensor& x) {
      return batched(reshape(slice(x, 0, t, t + 1), x.shape().part(1, 3)), batch);
    };
    vsml::NetworkStep step = network.step(params, std::move(state), at(inputs), at(labels));
    state = std::move(step.state);
    outputs.push_back(reshape(step.prediction, labels.shape().part(1, 3)));
  }
  const Tensor stacked = engine::stack(outputs, 0);
  const Tensor loss = mean(cross_entropy(stacked, labels));
  const Tensor gradient = tape.gradient(loss, {flat})[0];

  CaseErrors errors{
      spec.at("name"), dtype == engine::DType::f64 ? kBound : kBoundSingle, 0, 0, 0, 0};
  errors.outputs = error_of(plain(stacked), array(one.at("outputs")));
  errors.loss = error_of(plain(loss), Tensor::scalar(one.at("loss"), engine::DType::f64));
  const auto worse = [](double& worst, double error) {
    if (!(error <= worst) && !std::isnan(worst)) worst = error;
  };
  for (size_t k = 0; k < state.layers.size(); ++k) {
    const vsml::CellState& layer = state.layers[k];
    worse(errors.states, error_of(plain(layer.h), batched(array(one.at("h")[k]), batch)));
    worse(errors.states, error_of(plain(layer.c), batched(array(one.at("c")[k]), batch)));
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
