// Every number of the walk-through in docs/backprop-as-lstm.md, computed again: the cells by plain
// loops over the parameters that init backprop sets, beside the textbook's formulas. A table in the
// text stands between <!-- table NAME --> and <!-- /table --> and must be what is made here.
#include <cmath>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>
#include <sstream>

#include "tests/vsml/naive_network.h"
#include "vsml/backprop.h"

using namespace vsml::test;
using engine::DType;
using engine::ParamSet;

namespace {

constexpr double kEps = 0.1, kRate = 0.5;
// The state units of a cell with 8 channels (vsml/backprop.cpp).
enum Unit { kGradientPos = 0, kGradientNeg, kWeightPos = 4, kWeightNeg, kWeightStill };
enum Gate { kInput, kCandidate, kForget, kOutput };

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

// Four digits behind the point; small numbers with four digits.
std::string text(double x) {
  if (x == 0) return "0";
  const std::string fixed = fmt::format("{:.5f}", x);
  return std::fabs(x) < 0.01 ? fmt::format("{:.3e}", x) : fixed;
}

struct Rows {
  std::string lines;
  void add(const std::vector<std::string>& fields) {
    lines += "|";
    for (const std::string& field : fields) lines += " " + field + " |";
    lines += "\n";
  }
  void head(const std::vector<std::string>& fields) {
    add(fields);
    lines += "|";
    for (size_t k = 0; k < fields.size(); ++k) lines += " --- |";
    lines += "\n";
  }
};

// A layer's cells with what they hear; the gates of the latest tick beside h and c.
struct Layer {
  NaiveCell cell;
  NaiveLayer cells;
  Numbers gates;  // [I, O, 4, H] after sigmoid and tanh

  Layer(const NaiveCell& from, int64_t inputs, int64_t outputs, const Numbers& weights)
      : cell(from) {
    const auto count = static_cast<size_t>(inputs * outputs * 8);
    cells = {inputs,
             outputs,
             Numbers(count, 0),
             Numbers(count, 0),
             Numbers(static_cast<size_t>(inputs), 0),
             Numbers(static_cast<size_t>(outputs), 0)};
    for (size_t k = 0; k < weights.size(); ++k) {
      for (const Unit unit : {kWeightPos, kWeightNeg, kWeightStill}) {
        cells.c[k * 8 + unit] = kEps * weights[k];
      }
    }
  }

  NaiveMessages tick(const Numbers& forward, const Numbers& reverse) {
    cells.forward = forward;
    cells.reverse = reverse;
    gates.clear();
    for (int64_t i = 0; i < cells.inputs; ++i) {
      for (int64_t o = 0; o < cells.outputs; ++o) add_gates(i, o);
    }
    return naive_tick(cell, cells, 1, vsml::Reduce::Sum);
  }

  double gate(size_t index, Gate which, Unit unit) const {
    return gates[index * 32 + static_cast<size_t>(which * 8 + unit)];
  }
  double h(size_t index, Unit unit) const { return cells.h[index * 8 + unit]; }
  double c(size_t index, Unit unit) const { return cells.c[index * 8 + unit]; }

 private:
  void add_gates(int64_t i, int64_t o) {
    Numbers heard{cells.forward[static_cast<size_t>(i)], cells.reverse[static_cast<size_t>(o)]};
    const auto first = cells.h.begin() + (i * cells.outputs + o) * 8;
    heard.insert(heard.end(), first, first + 8);
    for (size_t k = 0; k < 32; ++k) {
      double sum = cell.bias[k];
      for (size_t row = 0; row < heard.size(); ++row) sum += heard[row] * cell.w[row * 32 + k];
      if (k / 8 == kInput) sum -= 5;
      if (k / 8 == kForget) sum += 5;
      gates.push_back(k / 8 == kCandidate ? std::tanh(sum) : sigmoid(sum));
    }
  }
};

std::string cell_name(size_t layer, size_t index, size_t outputs) {
  return fmt::format("{}: {} -> {}", layer + 1, index / outputs + 1, index % outputs + 1);
}

// The tables, by name.
std::vector<std::pair<std::string, std::string>> tables() {
  const vsml::BackpropOptions options{kRate, 1, 0, kEps, 20, 0};
  vsml::NetworkOptions network;
  network.cell = {8, 1};
  network.output_channel = 0;
  network.loss = vsml::OutputLoss::Squared;
  network.layers = {{vsml::LayerType::Dense, 2, {}}, {}};
  const vsml::Network built(backprop_network(network, options), 2, 1);
  const ParamSet params(built.layout(), backprop_params(built, options, {}, DType::f64));
  const NaiveCell cell = naive_cell(params, "cell", {8, 1}, 0);

  const Numbers x{1, -0.5}, none1{0}, none2{0, 0};
  const double target = 1;
  const std::vector<Numbers> w{{0.5, -0.25, 1, 0.75}, {0.8, -0.6}};  // [I, O]
  Layer first(cell, 2, 2, w[0]), second(cell, 2, 1, w[1]);
  std::vector<std::pair<std::string, std::string>> all;

  const auto forward_table = [&](const char* name, const Layer& layer, size_t number,
                                 const Numbers& below, size_t outputs) {
    Rows rows;
    rows.head({"cell", "x", "w", "c of weight", "o at +2x", "o at -2x", "h+", "h-",
               "(h+ - h-) / eps", "tanh(x) w"});
    for (size_t k = 0; k < w[number].size(); ++k) {
      const double in = below[k / outputs];
      rows.add({cell_name(number, k, outputs), text(in), text(w[number][k]),
                text(layer.c(k, kWeightPos)), text(layer.gate(k, kOutput, kWeightPos)),
                text(layer.gate(k, kOutput, kWeightNeg)), text(layer.h(k, kWeightPos)),
                text(layer.h(k, kWeightNeg)),
                text((layer.h(k, kWeightPos) - layer.h(k, kWeightNeg)) / kEps),
                text(std::tanh(in) * w[number][k])});
    }
    all.emplace_back(name, rows.lines);
  };
  const auto reverse_tables = [&](const std::string& name, const Layer& layer, size_t number,
                                  const Numbers& below, const Numbers& error,
                                  const Numbers& true_error, size_t outputs) {
    Rows gradient, message;
    gradient.head(
        {"cell", "e", "g", "i at +2x", "i at -2x", "c+", "c-", "(c+ - c-) / eps", "e tanh(x)"});
    message.head({"cell", "c of weight", "o at 2x + 2 eps e", "o at -2x + 2 eps e", "h+", "h-",
                  "h0", "(h+ + h- - 2 h0) / eps^2", "w e tanh'(x)"});
    for (size_t k = 0; k < w[number].size(); ++k) {
      const double z = std::tanh(below[k / outputs]), e = true_error[k % outputs];
      const std::string cell_text = cell_name(number, k, outputs);
      gradient.add(
          {cell_text, text(error[k % outputs]), text(layer.gate(k, kCandidate, kGradientPos)),
           text(layer.gate(k, kInput, kGradientPos)), text(layer.gate(k, kInput, kGradientNeg)),
           text(layer.c(k, kGradientPos)), text(layer.c(k, kGradientNeg)),
           text((layer.c(k, kGradientPos) - layer.c(k, kGradientNeg)) / kEps), text(e * z)});
      const double h_pos = layer.h(k, kWeightPos), h_neg = layer.h(k, kWeightNeg),
                   h_still = layer.h(k, kWeightStill);
      message.add({cell_text, text(layer.c(k, kWeightPos)),
                   text(layer.gate(k, kOutput, kWeightPos)),
                   text(layer.gate(k, kOutput, kWeightNeg)), text(h_pos), text(h_neg),
                   text(h_still), text((h_pos + h_neg - 2 * h_still) / (kEps * kEps)),
                   text(w[number][k] * e * (1 - z * z))});
    }
    all.emplace_back(name + " gradient", gradient.lines);
    all.emplace_back(name + " message", message.lines);
  };

  // What the LSTMs do, and the textbook's y, error and errors below.
  const Numbers hidden = first.tick(x, none2).forward;
  Numbers true_hidden{0, 0};
  for (size_t k = 0; k < 4; ++k) true_hidden[k % 2] += std::tanh(x[k / 2]) * w[0][k];
  forward_table("forward 1", first, 0, x, 2);
  const Numbers y = second.tick(hidden, none1).forward;
  double true_y = 0;
  for (size_t k = 0; k < 2; ++k) true_y += std::tanh(true_hidden[k]) * w[1][k];
  forward_table("forward 2", second, 1, hidden, 1);
  const Numbers error{y[0] - target}, true_error{true_y - target};
  Rows output;
  output.head({"", "LSTMs", "textbook"});
  output.add({"x of the hidden neuron 1", text(hidden[0]), text(true_hidden[0])});
  output.add({"x of the hidden neuron 2", text(hidden[1]), text(true_hidden[1])});
  output.add({"y", text(y[0]), text(true_y)});
  output.add({"e = y - target", text(error[0]), text(true_error[0])});

  const Numbers below = second.tick(hidden, error).reverse;
  Numbers true_below{0, 0};
  for (size_t k = 0; k < 2; ++k) {
    const double z = std::tanh(true_hidden[k]);
    true_below[k] = w[1][k] * true_error[0] * (1 - z * z);
  }
  reverse_tables("reverse 2", second, 1, hidden, error, true_error, 1);
  first.tick(x, below);
  reverse_tables("reverse 1", first, 0, x, below, true_below, 2);
  output.add({"e at the hidden neuron 1", text(below[0]), text(true_below[0])});
  output.add({"e at the hidden neuron 2", text(below[1]), text(true_below[1])});
  all.emplace_back("output", output.lines);

  // The next example begins: the gradient that waited in h is added to the weights.
  Rows update;
  update.head({"cell", "h+ - h- of gradient", "g of weight", "c of weight before", "after",
               "w = c / eps", "w - rate tanh(x) e"});
  for (size_t layer = 0; layer < 2; ++layer) {
    Layer& cells = layer == 0 ? first : second;
    const size_t outputs = layer == 0 ? 2 : 1;
    const Layer before = cells;
    cells.tick(layer == 0 ? x : hidden, layer == 0 ? none2 : none1);
    const Numbers& under = layer == 0 ? x : true_hidden;
    const Numbers& e = layer == 0 ? true_below : true_error;
    for (size_t k = 0; k < w[layer].size(); ++k) {
      update.add({cell_name(layer, k, outputs),
                  text(before.h(k, kGradientPos) - before.h(k, kGradientNeg)),
                  text(cells.gate(k, kCandidate, kWeightPos)), text(before.c(k, kWeightPos)),
                  text(cells.c(k, kWeightPos)), text(cells.c(k, kWeightPos) / kEps),
                  text(w[layer][k] - kRate * std::tanh(under[k / outputs]) * e[k % outputs])});
    }
  }
  all.emplace_back("update", update.lines);
  return all;
}

}  // namespace

TEST_CASE("walk-through: every number in the text is what comes out") {
  std::ifstream file(VSML_DOCS_DIR "/backprop-as-lstm.md");
  REQUIRE(file.good());
  std::ostringstream content;
  content << file.rdbuf();
  const std::string document = content.str();
  for (const auto& [name, want] : tables()) {
    CAPTURE(name);
    const std::string begin = "<!-- table " + name + " -->\n", end = "<!-- /table -->";
    const size_t first = document.find(begin);
    CHECK_MESSAGE(first != std::string::npos, "expected\n", begin, want, end);
    if (first == std::string::npos) continue;
    const size_t last = document.find(end, first);
    REQUIRE(last != std::string::npos);
    const std::string got = document.substr(first + begin.size(), last - first - begin.size());
    CHECK_MESSAGE(got == want, "expected\n", want);
  }
}
