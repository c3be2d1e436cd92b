// Backpropagation written as LSTM parameters, against textbook loops in double and against the sgd
// learner on images.
#include "vsml/backprop.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/learners/mlp.h"
#include "vsml/learners/vsml_learner.h"
#include "vsml/tasks/task.h"

using engine::DType;
using engine::ParamSet;
using engine::Shape;
using engine::Tensor;
using vsml::BackpropOptions;
using vsml::LearnerState;
using vsml::LearnerStep;
using vsml::LearnerType;
using vsml::NetworkOptions;
using vsml::OutputLoss;
using vsml::TaskDims;
using vsml::VsmlLearner;
using namespace vsml::test;

namespace {

using Numbers = std::vector<double>;

// The textbook: y = W^T tanh(x) in each layer, errors handed down through W and tanh', and
// v = momentum v + gradient, W = decay W - rate v, for the mean loss over a batch. Row I of a
// layer's W is the bias.
struct Textbook {
  std::vector<int64_t> widths;
  double rate = 0.01, momentum = 0, decay = 1;
  OutputLoss loss = OutputLoss::CrossEntropy;
  std::vector<Numbers> w, v;  // per layer [I + 1, O]

  size_t index(size_t layer, int64_t i, int64_t o) const {
    return static_cast<size_t>(i * widths[layer + 1] + o);
  }

  Numbers forward(size_t layer, const Numbers& x) const {
    const int64_t inputs = widths[layer], outputs = widths[layer + 1];
    Numbers y(static_cast<size_t>(outputs));
    for (int64_t o = 0; o < outputs; ++o) {
      double sum = w[layer][index(layer, inputs, o)];
      for (int64_t i = 0; i < inputs; ++i) {
        sum += std::tanh(x[static_cast<size_t>(i)]) * w[layer][index(layer, i, o)];
      }
      y[static_cast<size_t>(o)] = sum;
    }
    return y;
  }

  // inputs [B][D], labels [B][C] -> predictions [B][C]
  std::vector<Numbers> step(const std::vector<Numbers>& inputs,
                            const std::vector<Numbers>& labels) {
    const size_t layers = w.size(), batch = inputs.size();
    std::vector<Numbers> gradient, predictions;
    for (const Numbers& one : w) gradient.emplace_back(one.size(), 0.0);
    for (size_t b = 0; b < batch; ++b) {
      std::vector<Numbers> x{inputs[b]};
      for (size_t k = 0; k < layers; ++k) x.push_back(forward(k, x[k]));
      predictions.push_back(x.back());
      Numbers e = error(x.back(), labels[b]);
      for (size_t k = layers; k-- > 0;) {
        Numbers below(x[k].size(), 0.0);
        for (int64_t o = 0; o < widths[k + 1]; ++o) {
          const double eo = e[static_cast<size_t>(o)];
          for (int64_t i = 0; i <= widths[k]; ++i) {
            const double z = i == widths[k] ? 1 : std::tanh(x[k][static_cast<size_t>(i)]);
            gradient[k][index(k, i, o)] += z * eo / static_cast<double>(batch);
            if (i < widths[k]) {
              below[static_cast<size_t>(i)] += w[k][index(k, i, o)] * eo * (1 - z * z);
            }
          }
        }
        e = below;
      }
    }
    for (size_t k = 0; k < layers; ++k) {
      for (size_t j = 0; j < w[k].size(); ++j) {
        v[k][j] = momentum * v[k][j] + gradient[k][j];
        w[k][j] = decay * w[k][j] - rate * v[k][j];
      }
    }
    return predictions;
  }

  Numbers error(const Numbers& y, const Numbers& label) const {
    Numbers e = y;
    if (loss == OutputLoss::CrossEntropy) {
      double sum = 0;
      for (double& p : e) sum += p = std::exp(p);
      for (double& p : e) p /= sum;
    }
    for (size_t o = 0; o < e.size(); ++o) e[o] -= label[o];
    return e;
  }
};

struct Case {
  const char* name;
  BackpropOptions options;
  int64_t batch = 1;
  OutputLoss loss = OutputLoss::CrossEntropy;
  bool separate = false, per_layer = false;
  vsml::CellDims cell{8, 1};
  int64_t output_channel = 0;
};

NetworkOptions network_of(const Case& one, const std::vector<int64_t>& hidden) {
  NetworkOptions network;
  network.cell = one.cell;
  network.output_channel = one.output_channel;
  network.loss = one.loss;
  network.separate_backward_cell = one.separate;
  network.cell_per_layer = one.per_layer;
  network.layers.clear();
  for (const int64_t width : hidden) network.layers.push_back({vsml::LayerType::Dense, width, {}});
  network.layers.push_back({});
  // tanh(20) is 1 in double, too.
  for (vsml::LayerOptions& layer : network.layers) layer.constant_input = 20;
  return backprop_network(network, one.options);
}

std::vector<Numbers> rows_of(const Tensor& x) {  // [1, B, n]
  const auto flat = x.to_vector<double>();
  const auto n = static_cast<std::ptrdiff_t>(x.dim(2));
  std::vector<Numbers> rows;
  for (auto it = flat.begin(); it != flat.end(); it += n) rows.emplace_back(it, it + n);
  return rows;
}

// The largest difference of predictions and of decoded weights over `steps` examples in double, and
// the sum of the weight changes that it should be small against.
struct Deviation {
  double prediction = 0, weight = 0, moved = 0;
};

Deviation against_textbook(const Case& one, int64_t steps) {
  const TaskDims dims{5, 3};
  const NetworkOptions network = network_of(one, {4, 6});
  const VsmlLearner learner(network, {vsml::InitType::Backprop, 1, {}, one.options}, dims,
                            DType::f64);
  const ParamSet params(learner.layout(), learner.initial_params({3, 1, 0, 0}));
  Textbook book;
  book.widths = {5, 4, 6, 3};
  book.rate = one.options.learning_rate;
  book.momentum = one.options.momentum;
  book.loss = one.loss;
  std::vector<Tensor> weights;
  for (int64_t k = 0; k < 3; ++k) {
    weights.push_back(values({1, learner.network().rows(k), learner.network().columns(k)}, -0.8,
                             0.8, static_cast<uint64_t>(30 + k)));
    book.w.push_back(weights.back().to_vector<double>());
    book.v.emplace_back(book.w.back().size(), 0.0);
  }
  const std::vector<Numbers> start = book.w;
  LearnerState state = flatten(learner.network().state_of_weights(params, weights, one.batch));
  Deviation deviation;
  const auto widest = [](double& worst, double difference) {
    worst = std::isnan(difference) ? INFINITY : std::max(worst, std::fabs(difference));
  };
  for (int64_t t = 0; t < steps; ++t) {
    const auto salt = static_cast<uint64_t>(t);
    const Tensor input = values({1, one.batch, dims.inputs}, -1.5, 1.5, 100 + salt);
    const Tensor label = labels(1, one.batch, dims.classes, 200 + salt);
    LearnerStep step = learner.step(params, std::move(state), input, label);
    state = std::move(step.state);
    const auto want = book.step(rows_of(input), rows_of(label));
    const auto got = rows_of(step.prediction);
    for (size_t b = 0; b < want.size(); ++b) {
      for (size_t o = 0; o < want[b].size(); ++o) {
        widest(deviation.prediction, got[b][o] - want[b][o]);
      }
    }
  }
  const vsml::NetworkState final = vsml::unflatten(state);
  for (size_t k = 0; k < 3; ++k) {
    const vsml::WeightCode code = learner.network().code_of(params, static_cast<int64_t>(k));
    const auto got = mean(decode_weights(code, final.layers[k]), {1}).to_vector<double>();
    REQUIRE(got.size() == book.w[k].size());
    for (size_t j = 0; j < got.size(); ++j) {
      widest(deviation.weight, got[j] - book.w[k][j]);
      widest(deviation.moved, book.w[k][j] - start[k][j]);
    }
  }
  return deviation;
}

std::vector<Case> cases() {
  BackpropOptions plain, momentum, batch, spare;
  plain.learning_rate = momentum.learning_rate = batch.learning_rate = spare.learning_rate = 0.1;
  momentum.momentum = 0.9;
  momentum.learning_rate = 0.02;
  batch.batch_size = 3;
  spare.spare_scale = 1;
  BackpropOptions both = momentum;
  both.batch_size = 3;
  return {
      {"one cell for both passes", plain},
      {"a backward cell", plain, 1, OutputLoss::CrossEntropy, true},
      {"squared error", plain, 1, OutputLoss::Squared},
      {"batch", batch, 3},
      {"batch, backward cell", batch, 3, OutputLoss::CrossEntropy, true},
      {"momentum", momentum},
      {"momentum, batch", both, 3},
      {"a cell per layer", plain, 1, OutputLoss::CrossEntropy, false, true},
      {"backward cells per layer", plain, 1, OutputLoss::Squared, true, true},
      {"wide cells and messages", plain, 1, OutputLoss::CrossEntropy, false, false, {12, 3}, 2},
      {"spare units that hear", spare, 1, OutputLoss::CrossEntropy, false, false, {16, 2}, 1},
  };
}

}  // namespace

TEST_CASE("backprop: predictions and weights are the textbook's up to eps^2") {
  for (Case one : cases()) {
    CAPTURE(one.name);
    Deviation last;
    for (const double eps : {0.04, 0.02, 0.01}) {
      one.options.eps = eps;
      one.options.forget_bias = 40;  // sigmoid(20) is not yet 1 in double
      const Deviation now = against_textbook(one, 40);
      CAPTURE(eps);
      CAPTURE(now.prediction);
      CAPTURE(now.weight);
      CHECK(now.moved > 0.2);
      CHECK(now.prediction < 2 * eps * eps);
      CHECK(now.weight < eps * eps);
      // Halving eps leaves a quarter of the error.
      if (last.weight > 0) {
        CHECK(now.weight / last.weight == doctest::Approx(0.25).epsilon(0.1));
        CHECK(now.prediction / last.prediction == doctest::Approx(0.25).epsilon(0.1));
      }
      last = now;
    }
  }
}

TEST_CASE("backprop: with the smallest eps double precision has it to seven digits") {
  for (Case one : cases()) {
    CAPTURE(one.name);
    one.options.eps = 1e-4;
    one.options.forget_bias = 40;
    const Deviation deviation = against_textbook(one, 40);
    CHECK(deviation.prediction < 2e-7);
    CHECK(deviation.weight < 2e-7);
  }
}

TEST_CASE("backprop: networks without the options that it needs are an error") {
  const Case one = cases()[0];
  NetworkOptions network = network_of(one, {});
  const auto params = [&] {
    return backprop_params(vsml::Network(network, 4, 3), one.options, {1, 1, 0, 0}, DType::f32);
  };
  CHECK_NOTHROW(params());
  network.micro_ticks = 2;
  CHECK_THROWS_AS(params(), engine::Error);
  network.micro_ticks = 1;
  network.cell.state = 7;
  CHECK_THROWS_WITH_AS(params(), doctest::Contains("state size of 8 or more, got 7"),
                       engine::Error);
}
