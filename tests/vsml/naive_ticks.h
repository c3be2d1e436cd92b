// tests/vsml/naive_ticks.h: ticks of a layer's cells and their gradients as plain loops in double,
// straight from the equations of an LSTM.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace vsml::test {

struct NaiveTicks {
  int layers, sets, inputs, outputs, state, ticks;
  // Inputs and results, laid out as in vsml/kernels/layer_ticks.h.
  std::vector<double> from_input, from_output, w, h, c;
  std::vector<double> next_h, next_c, over_inputs, over_outputs;
  // Gradients: of the results, given; of the inputs, computed.
  std::vector<double> dnext_h, dnext_c, dover_inputs, dover_outputs;
  std::vector<double> dfrom_input, dfrom_output, dw, dh, dc;

  static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

  void run() {
    const int n = state, g = 4 * state;
    next_h.assign(h.size(), 0);
    next_c.assign(h.size(), 0);
    dh.assign(h.size(), 0);
    dc.assign(h.size(), 0);
    over_inputs.assign(static_cast<size_t>(layers * outputs * n), 0);
    over_outputs.assign(static_cast<size_t>(layers * inputs * n), 0);
    dfrom_input.assign(from_input.size(), 0);
    dfrom_output.assign(from_output.size(), 0);
    dw.assign(w.size(), 0);
    for (int layer = 0; layer < layers; ++layer) {
      const double* weights = &w[at(layer / (layers / sets) * n * g)];
      double* dweights = &dw[at(layer / (layers / sets) * n * g)];
      for (int i = 0; i < inputs; ++i) {
        for (int o = 0; o < outputs; ++o) {
          const int input = layer * inputs + i, output = layer * outputs + o;
          const int cell = input * outputs + o;
          std::vector<std::vector<double>> hs{part(h, cell, n)}, cs{part(c, cell, n)}, all;
          for (int k = 0; k < ticks; ++k) {
            std::vector<double> gates(at(g)), h2(at(n)), c2(at(n));
            for (int q = 0; q < g; ++q) {
              double x = from_input[at(input * g + q)] + from_output[at(output * g + q)];
              for (int j = 0; j < n; ++j) x += hs.back()[at(j)] * weights[j * g + q];
              gates[at(q)] = q / n == 1 ? std::tanh(x) : sigmoid(x);
            }
            for (int j = 0; j < n; ++j) {
              c2[at(j)] = gates[at(2 * n + j)] * cs.back()[at(j)] + gates[at(j)] * gates[at(n + j)];
              h2[at(j)] = gates[at(3 * n + j)] * std::tanh(c2[at(j)]);
            }
            hs.push_back(h2);
            cs.push_back(c2);
            all.push_back(gates);
          }
          std::vector<double> eh(at(n)), ec(at(n));
          for (int j = 0; j < n; ++j) {
            next_h[at(cell * n + j)] = hs.back()[at(j)];
            next_c[at(cell * n + j)] = cs.back()[at(j)];
            over_inputs[at(output * n + j)] += hs.back()[at(j)];
            over_outputs[at(input * n + j)] += hs.back()[at(j)];
            eh[at(j)] = dnext_h[at(cell * n + j)] + dover_inputs[at(output * n + j)] +
                        dover_outputs[at(input * n + j)];
            ec[at(j)] = dnext_c[at(cell * n + j)];
          }
          for (int k = ticks - 1; k >= 0; --k) {
            const std::vector<double>& a = all[at(k)];
            std::vector<double> dgates(at(g)), before(at(n));
            for (int j = 0; j < n; ++j) {
              const double in = a[at(j)], value = a[at(n + j)], keep = a[at(2 * n + j)];
              const double out = a[at(3 * n + j)], shown = std::tanh(cs[at(k + 1)][at(j)]);
              const double dmemory = ec[at(j)] + eh[at(j)] * out * (1 - shown * shown);
              dgates[at(j)] = dmemory * value * in * (1 - in);
              dgates[at(n + j)] = dmemory * in * (1 - value * value);
              dgates[at(2 * n + j)] = dmemory * cs[at(k)][at(j)] * keep * (1 - keep);
              dgates[at(3 * n + j)] = eh[at(j)] * shown * out * (1 - out);
              ec[at(j)] = dmemory * keep;
            }
            for (int q = 0; q < g; ++q) {
              dfrom_input[at(input * g + q)] += dgates[at(q)];
              dfrom_output[at(output * g + q)] += dgates[at(q)];
              for (int j = 0; j < n; ++j) {
                before[at(j)] += weights[j * g + q] * dgates[at(q)];
                dweights[j * g + q] += hs[at(k)][at(j)] * dgates[at(q)];
              }
            }
            eh = before;
          }
          for (int j = 0; j < n; ++j) {
            dh[at(cell * n + j)] = eh[at(j)];
            dc[at(cell * n + j)] = ec[at(j)];
          }
        }
      }
    }
  }

  // The scalar whose gradients these are.
  double loss() const {
    const auto dot = [](const std::vector<double>& a, const std::vector<double>& b) {
      double sum = 0;
      for (size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
      return sum;
    };
    return dot(next_h, dnext_h) + dot(next_c, dnext_c) + dot(over_inputs, dover_inputs) +
           dot(over_outputs, dover_outputs);
  }

 private:
  static size_t at(int k) { return static_cast<size_t>(k); }
  static std::vector<double> part(const std::vector<double>& x, int k, int n) {
    return {x.begin() + k * n, x.begin() + (k + 1) * n};
  }
};

}  // namespace vsml::test
