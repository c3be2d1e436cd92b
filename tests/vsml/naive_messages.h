// tests/vsml/naive_messages.h: sums of normalised messages and their gradients as plain loops in
// double: z = h m + b, x = (z - mean z) / sqrt(variance z + 1e-5).
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace vsml::test {

struct NaiveMessages {
  int layers, sets, inputs, outputs, state, directions, size;
  // As in vsml/kernels/layer_ticks.h: h [layers, inputs, outputs, state], messengers [sets,
  // state + 1, directions * size], not centred. Sums: [layers, outputs, size] and, with two
  // directions, [layers, inputs, size].
  std::vector<double> h, messengers, over_inputs, over_outputs;
  std::vector<double> dover_inputs, dover_outputs, dh, dmessengers;

  void run() {
    over_inputs.assign(at(layers * outputs * size), 0);
    over_outputs.assign(at(directions > 1 ? layers * inputs * size : 0), 0);
    dh.assign(h.size(), 0);
    dmessengers.assign(messengers.size(), 0);
    for (int cell = 0; cell < layers * inputs * outputs; ++cell) {
      const int input = cell / outputs, layer = input / inputs;
      add(cell, layer, 0, layer * outputs + cell % outputs, over_inputs, dover_inputs);
      if (directions > 1) add(cell, layer, 1, input, over_outputs, dover_outputs);
    }
  }

  // The scalar whose gradients these are.
  double loss() const {
    double sum = 0;
    for (size_t k = 0; k < over_inputs.size(); ++k) sum += over_inputs[k] * dover_inputs[k];
    for (size_t k = 0; k < over_outputs.size(); ++k) sum += over_outputs[k] * dover_outputs[k];
    return sum;
  }

 private:
  static size_t at(int k) { return static_cast<size_t>(k); }

  void add(int cell, int layer, int direction, int neuron, std::vector<double>& sums,
           const std::vector<double>& dsums) {
    const int width = directions * size, set = layer / (layers / sets);
    const auto weight = [&](int k, int f) {
      return at((set * (state + 1) + k) * width + direction * size + f);
    };
    std::vector<double> z(at(size)), dx(at(size));
    double mean = 0, variance = 0, dmean = 0, along = 0;
    for (int f = 0; f < size; ++f) {
      z[at(f)] = messengers[weight(state, f)];
      for (int k = 0; k < state; ++k)
        z[at(f)] += h[at(cell * state + k)] * messengers[weight(k, f)];
      mean += z[at(f)] / size;
    }
    for (double& x : z) variance += (x - mean) * (x - mean) / size;
    const double deviation = std::sqrt(variance + 1e-5);
    for (int f = 0; f < size; ++f) {
      z[at(f)] = (z[at(f)] - mean) / deviation;  // now x
      sums[at(neuron * size + f)] += z[at(f)];
      dx[at(f)] = dsums[at(neuron * size + f)];
      dmean += dx[at(f)] / size;
      along += dx[at(f)] * z[at(f)] / size;
    }
    for (int f = 0; f < size; ++f) {
      const double dz = (dx[at(f)] - dmean - z[at(f)] * along) / deviation;
      dmessengers[weight(state, f)] += dz;
      for (int k = 0; k < state; ++k) {
        dmessengers[weight(k, f)] += h[at(cell * state + k)] * dz;
        dh[at(cell * state + k)] += dz * messengers[weight(k, f)];
      }
    }
  }
};

}  // namespace vsml::test
