#include "vsml/clone/clone_params.h"

#include <cmath>

#include "engine/error.h"
#include "engine/ops/movement.h"
#include "vsml/random_purpose.h"

namespace vsml {
namespace {

using engine::DType;
using engine::ParamSet;
using engine::Tensor;

constexpr double kKeep = 20;                     // a total bias; sigmoid(20) is 1 in float32
constexpr double kHiddenBias[] = {-5, 0, 5, 0};  // what the cell adds by itself (vsml/cell.h)
constexpr int kGates = 4, kCandidate = 1, kForget = 2;

Tensor tensor_of(const std::vector<double>& values, const engine::Shape& shape, DType dtype) {
  if (dtype == DType::f64) return Tensor::from(values, shape);
  return Tensor::from(std::vector<float>(values.begin(), values.end()), shape);
}

std::vector<double> numbers(const Tensor& x) {
  if (x.dtype() == DType::f64) return x.to_vector<double>();
  const std::vector<float> values = x.to_vector<float>();
  return {values.begin(), values.end()};
}

// All rows of a cell with all four gates, [rows, 4H]; `bias` is the row of the biases.
std::vector<double> all_gates(const CloneOptions& options, const std::vector<double>& trained,
                              int64_t state_size, int64_t bias) {
  const auto rows = static_cast<int64_t>(trained.size()) / (kTrainedGates * state_size);
  std::vector<double> gates(static_cast<size_t>(rows * kGates * state_size), 0.0);
  for (int64_t row = 0; row < rows; ++row) {
    for (int k = 0; k < kTrainedGates; ++k) {
      for (int64_t unit = 0; unit < state_size; ++unit) {
        const auto from = static_cast<size_t>((row * kTrainedGates + k) * state_size + unit);
        const int gate = kTrainedGate[k];
        gates[static_cast<size_t>((row * kGates + gate) * state_size + unit)] =
            trained[from] * gate_scale(options, gate, unit);
      }
    }
  }
  for (int64_t unit = 0; unit < state_size; ++unit) {
    gates[static_cast<size_t>((bias * kGates + kForget) * state_size + unit)] =
        unit < options.weight_units ? kKeep : -kKeep;
  }
  return gates;
}

LoneCell lone_cell(const CloneOptions& options, const Tensor& trained, int64_t state_size,
                   int64_t heard) {
  const int64_t width = kGates * state_size;
  const std::vector<double> gates = all_gates(options, numbers(trained), state_size, heard - 1);
  const auto cut = gates.begin() + heard * width;
  return {tensor_of({gates.begin(), cut}, {heard, width}, trained.dtype()),
          tensor_of({cut, gates.end()}, {state_size, width}, trained.dtype())};
}

std::vector<double> scaled(std::vector<double> values, double factor) {
  for (double& value : values) value *= factor;
  return values;
}

std::vector<double> decoder_of(const std::vector<double>& encoder) {
  double square = 0;
  for (const double u : encoder) square += u * u;
  return scaled(encoder, 1 / square);
}

}  // namespace

engine::ParamLayout clone_layout(const CloneOptions& options, int64_t state_size) {
  engine::ParamLayout layout;
  layout.add("forward.gates", {2 + state_size, kTrainedGates, state_size});
  layout.add("reverse.gates", {3 + state_size, kTrainedGates, state_size});
  layout.add("forward.messenger", {state_size});
  layout.add("reverse.messenger", {state_size});
  layout.add("encoder", {options.weight_units});
  return layout;
}

Tensor initial_clone_params(const CloneOptions& options, int64_t state_size, uint64_t seed,
                            DType dtype) {
  const engine::ParamLayout layout = clone_layout(options, state_size);
  engine::RandomStream draws(key_for({seed, 0, 0, 0}, RandomPurpose::CloneParams));
  std::vector<double> values;
  const double recurrent = options.recurrent_std / std::sqrt(static_cast<double>(state_size));
  for (const int64_t messages : {1, 2}) {
    for (int64_t row = 0; row < messages + 1 + state_size; ++row) {
      const double deviation = row < messages ? options.input_std : row == messages ? 0 : recurrent;
      for (int64_t k = 0; k < kTrainedGates * state_size; ++k) {
        values.push_back(deviation * draws.normal());
      }
    }
  }
  for (int64_t k = 0; k < 2 * state_size; ++k) {
    values.push_back(options.messenger_std * draws.normal());
  }
  for (int64_t k = 0; k < options.weight_units; ++k) {
    const double sign = draws.uniform() < 0.5 ? -1 : 1;
    values.push_back(sign * draws.uniform(0.7, 1.3));
  }
  return tensor_of(values, {layout.size()}, dtype);
}

double gate_scale(const CloneOptions& options, int gate, int64_t unit) {
  if (gate != kCandidate || unit >= options.weight_units) return 1;
  return 2 * options.teacher_rate / options.weight_scale;
}

CloneCells clone_cells(const CloneOptions& options, const ParamSet& params, int64_t state_size) {
  const DType dtype = params.flat().dtype();
  CloneCells cells;
  cells.forward = lone_cell(options, params["forward.gates"], state_size, 2);
  cells.reverse = lone_cell(options, params["reverse.gates"], state_size, 3);
  cells.messenger = tensor_of(scaled(numbers(params["forward.messenger"]), options.weight_scale),
                              {state_size, 1}, dtype);
  cells.back_messenger = tensor_of(
      scaled(numbers(params["reverse.messenger"]), options.weight_scale), {state_size, 1}, dtype);
  cells.encoder = numbers(params["encoder"]);
  cells.decoder = decoder_of(cells.encoder);
  return cells;
}

Tensor learner_params(const CloneOptions& options, const ParamSet& params,
                      const NetworkOptions& network, const engine::ParamLayout& layout) {
  const int64_t size = network.cell.state, message = network.cell.message;
  const int64_t width = kGates * size;
  std::vector<float> flat(static_cast<size_t>(layout.size()), 0.0F);
  const auto at = [&](const std::string& name) { return flat.data() + layout.at(name).offset; };
  for (const bool backward : {false, true}) {
    const std::string cell = backward ? "backward_cell" : "cell";
    const std::string direction = backward ? "reverse" : "forward";
    const int64_t bias = backward ? 2 : 1;
    const std::vector<double> gates =
        all_gates(options, numbers(params[direction + ".gates"]), size, bias);
    const auto copy_row = [&](int64_t from, float* to) {
      for (int64_t q = 0; q < width; ++q) {
        to[q] = static_cast<float>(gates[static_cast<size_t>(from * width + q)]);
      }
    };
    float* w = at(cell + ".w");
    copy_row(0, w);
    if (backward) copy_row(1, w + message * width);
    for (int64_t k = 0; k < size; ++k) copy_row(bias + 1 + k, w + (2 * message + k) * width);
    float* total = at(cell + ".bias");
    copy_row(bias, total);
    for (int64_t q = 0; q < width; ++q) total[q] -= static_cast<float>(kHiddenBias[q / size]);
    const std::vector<double> sends =
        scaled(numbers(params[direction + ".messenger"]), options.weight_scale);
    float* messenger = at(cell + (backward ? ".m_reverse" : ".m_forward"));
    for (int64_t k = 0; k < size; ++k) {
      messenger[k * message] = static_cast<float>(sends[static_cast<size_t>(k)]);
      if (!backward) messenger[k * message + network.output_channel] = messenger[k * message];
    }
  }
  const std::vector<double> encoder = numbers(params["encoder"]), decoder = decoder_of(encoder);
  for (size_t k = 0; k < encoder.size() && layout.contains("weight.write"); ++k) {
    at("weight.write")[k] = static_cast<float>(encoder[k] / options.weight_scale);
    at("weight.read")[k] = static_cast<float>(decoder[k] * options.weight_scale);
  }
  return Tensor::from(flat, {layout.size()});
}

}  // namespace vsml
