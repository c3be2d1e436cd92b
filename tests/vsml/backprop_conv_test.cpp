// Backpropagation written as LSTM parameters in convolutions, against textbook loops in double.
#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/backprop.h"
#include "vsml/learners/vsml_learner.h"

using engine::DType;
using engine::ParamSet;
using engine::Tensor;
using vsml::BackpropOptions;
using vsml::ImageShape;
using vsml::LayerOptions;
using vsml::LayerType;
using vsml::LearnerState;
using vsml::LearnerStep;
using vsml::NetworkOptions;
using vsml::TaskDims;
using vsml::VsmlLearner;
using namespace vsml::test;

namespace {

using Numbers = std::vector<double>;

// A layer from one image to the next, both row by row with channels fastest; a dense layer is a
// kernel as large as its image, and one more weight per channel for the bias.
struct Layer {
  ImageShape below, above;
  int64_t kernel_y, kernel_x, stride, padding;
  bool bias;
  Numbers w, v;  // [kernel_y, kernel_x, channels below (then the bias), channels above]

  // Calls use(index into x or -1 for the bias, index into w, index into y) for every product.
  template <class Use>
  void each_product(Use use) const {
    for (int64_t q = 0; q < above.height * above.width; ++q) {
      for (int64_t o = 0; o < above.channels; ++o) {
        const int64_t out = q * above.channels + o;
        for (int64_t a = 0; a < kernel_y; ++a) {
          for (int64_t b = 0; b < kernel_x; ++b) {
            const int64_t y = q / above.width * stride + a - padding;
            const int64_t x = q % above.width * stride + b - padding;
            if (y < 0 || x < 0 || y >= below.height || x >= below.width) continue;
            for (int64_t c = 0; c < below.channels; ++c) {
              const int64_t row = (a * kernel_x + b) * below.channels + c;
              use((y * below.width + x) * below.channels + c, row * above.channels + o, out);
            }
          }
        }
        if (!bias) continue;
        use(-1, kernel_y * kernel_x * below.channels * above.channels + o, out);
      }
    }
  }
};

double squashed(const Numbers& x, int64_t i) {
  return i < 0 ? 1 : std::tanh(x[static_cast<size_t>(i)]);
}

// y = sum of w tanh(x), softmax cross entropy, v = momentum v + gradient, w -= rate v.
struct Textbook {
  std::vector<Layer> layers;
  double rate, momentum;

  std::vector<Numbers> step(const std::vector<Numbers>& images,
                            const std::vector<Numbers>& labels) {
    std::vector<Numbers> gradients, predictions;
    for (const Layer& layer : layers) gradients.emplace_back(layer.w.size(), 0.0);
    for (size_t n = 0; n < images.size(); ++n) {
      std::vector<Numbers> x{images[n]};
      for (const Layer& layer : layers) {
        Numbers y(static_cast<size_t>(layer.above.size()), 0.0);
        layer.each_product([&](int64_t in, int64_t weight, int64_t out) {
          y[static_cast<size_t>(out)] +=
              squashed(x.back(), in) * layer.w[static_cast<size_t>(weight)];
        });
        x.push_back(y);
      }
      predictions.push_back(x.back());
      Numbers e = x.back();
      double sum = 0;
      for (double& p : e) sum += p = std::exp(p);
      for (size_t o = 0; o < e.size(); ++o) e[o] = e[o] / sum - labels[n][o];
      for (size_t k = layers.size(); k-- > 0;) {
        Numbers below(x[k].size(), 0.0);
        layers[k].each_product([&](int64_t in, int64_t weight, int64_t out) {
          const double z = squashed(x[k], in), eo = e[static_cast<size_t>(out)];
          gradients[k][static_cast<size_t>(weight)] += z * eo / static_cast<double>(images.size());
          if (in < 0) return;
          below[static_cast<size_t>(in)] +=
              layers[k].w[static_cast<size_t>(weight)] * eo * (1 - z * z);
        });
        e = below;
      }
    }
    for (size_t k = 0; k < layers.size(); ++k) {
      for (size_t j = 0; j < gradients[k].size(); ++j) {
        layers[k].v[j] = momentum * layers[k].v[j] + gradients[k][j];
        layers[k].w[j] -= rate * layers[k].v[j];
      }
    }
    return predictions;
  }
};

struct Case {
  const char* name;
  BackpropOptions options;
  int64_t batch = 1;
  bool separate = false;
};

LayerOptions conv(int64_t channels, int64_t stride, int64_t padding) {
  LayerOptions layer;
  layer.type = LayerType::Conv;
  layer.outputs = channels;
  layer.stride = stride;
  layer.padding = {padding, padding};
  return layer;
}

// 2 channels of 7 x 6 pixels; 3 channels of 4 x 3; 2 channels of 2 x 1; 3 classes.
NetworkOptions network_of(const Case& one) {
  NetworkOptions network;
  network.cell = {8, 1};
  network.output_channel = 0;
  network.separate_backward_cell = one.separate;
  network.layers = {conv(3, 2, 1), conv(2, 1, 0), {}};
  network.layers.back().constant_input = 20;  // its tanh is 1 in double, too
  return backprop_network(network, one.options);
}

constexpr ImageShape kImage{2, 7, 6};

Textbook textbook(const Case& one) {
  const ImageShape first{3, 4, 3}, second{2, 2, 1};
  return {{{kImage, first, 3, 3, 2, 1, false, {}, {}},
           {first, second, 3, 3, 1, 0, false, {}, {}},
           {second, {3, 1, 1}, 2, 1, 1, 0, true, {}, {}}},
          one.options.learning_rate,
          one.options.momentum};
}

// Rows of [1, B, n]; images [channels, height, width] as the textbook's [height, width, channels].
std::vector<Numbers> rows_of(const Tensor& x) {
  const auto flat = x.to_vector<double>();
  const auto n = static_cast<std::ptrdiff_t>(x.dim(2));
  std::vector<Numbers> rows;
  for (auto it = flat.begin(); it != flat.end(); it += n) rows.emplace_back(it, it + n);
  return rows;
}

std::vector<Numbers> images_of(const Tensor& x) {
  std::vector<Numbers> images = rows_of(x);
  const auto pixels = static_cast<size_t>(kImage.height * kImage.width);
  for (Numbers& image : images) {
    const Numbers planes = image;
    for (size_t j = 0; j < planes.size(); ++j) image[j % pixels * 2 + j / pixels] = planes[j];
  }
  return images;
}

// The largest differences over some examples, and the least that a layer's weights moved.
struct Deviation {
  double prediction = 0, weight = 0, moved = INFINITY;
};

Deviation against_textbook(const Case& one, DType dtype, uint64_t examples) {
  const TaskDims dims{kImage.size(), 3, kImage};
  const VsmlLearner learner(network_of(one), {vsml::InitType::Backprop, 1, {}, one.options}, dims,
                            dtype);
  const ParamSet params(learner.layout(), learner.initial_params({3, 1, 0, 0}));
  Textbook book = textbook(one);
  std::vector<Tensor> weights;
  for (size_t k = 0; k < book.layers.size(); ++k) {
    const auto layer = static_cast<int64_t>(k);
    weights.push_back(values({1, learner.network().rows(layer), learner.network().columns(layer)},
                             -0.8, 0.8, 30 + k));
    book.layers[k].w = weights.back().to_vector<double>();
    book.layers[k].v.assign(book.layers[k].w.size(), 0.0);
  }
  const std::vector<Layer> start = book.layers;
  std::vector<Tensor> rounded;
  for (const Tensor& w : weights) rounded.push_back(cast(w, dtype));
  LearnerState state = learner.state_of_weights(params, rounded, one.batch);
  Deviation deviation;
  const auto widest = [](double& worst, double difference) {
    worst = std::isnan(difference) ? INFINITY : std::max(worst, std::fabs(difference));
  };
  for (uint64_t t = 0; t < examples; ++t) {
    const Tensor input = values({1, one.batch, dims.inputs}, -1.5, 1.5, 100 + t);
    const Tensor label = labels(1, one.batch, dims.classes, 200 + t);
    LearnerStep step =
        learner.step(params, std::move(state), cast(input, dtype), cast(label, dtype));
    state = std::move(step.state);
    const auto want = book.step(images_of(input), rows_of(label));
    const auto got = rows_of(cast(step.prediction, DType::f64));
    for (size_t b = 0; b < want.size(); ++b) {
      for (size_t o = 0; o < want[b].size(); ++o) {
        widest(deviation.prediction, got[b][o] - want[b][o]);
      }
    }
  }
  const std::vector<Tensor> decoded = learner.weights(params, state);
  for (size_t k = 0; k < decoded.size(); ++k) {
    const auto got = cast(decoded[k], DType::f64).to_vector<double>();
    REQUIRE(got.size() == book.layers[k].w.size());
    double moved = 0;
    for (size_t j = 0; j < got.size(); ++j) {
      widest(deviation.weight, got[j] - book.layers[k].w[j]);
      widest(moved, book.layers[k].w[j] - start[k].w[j]);
    }
    deviation.moved = std::min(deviation.moved, moved);
  }
  return deviation;
}

}  // namespace

TEST_CASE("backprop through convolutions: predictions and weights are the textbook's up to eps^2") {
  BackpropOptions plain, batch, momentum;
  plain.learning_rate = batch.learning_rate = 0.1;
  batch.batch_size = 3;
  momentum.learning_rate = 0.02;
  momentum.momentum = 0.9;
  for (Case one : {Case{"one cell for both passes", plain}, Case{"a backward cell", plain, 1, true},
                   Case{"batch", batch, 3}, Case{"momentum", momentum}}) {
    CAPTURE(one.name);
    Deviation last;
    for (const double eps : {0.04, 0.02, 0.01, 1e-4}) {
      one.options.eps = eps;
      one.options.forget_bias = 40;  // sigmoid(20) is not yet 1 in double
      const Deviation now = against_textbook(one, DType::f64, 30);
      CAPTURE(eps);
      CAPTURE(now.prediction);
      CAPTURE(now.weight);
      CHECK(now.moved > 0.1);
      if (eps == 1e-4) {
        CHECK(now.prediction < 2e-7);
        CHECK(now.weight < 2e-7);
        break;
      }
      CHECK(now.prediction < 4 * eps * eps);
      CHECK(now.weight < 2 * eps * eps);
      // Halving eps leaves a quarter of the error.
      if (last.weight > 0) {
        CHECK(now.weight / last.weight == doctest::Approx(0.25).epsilon(0.1));
        CHECK(now.prediction / last.prediction == doctest::Approx(0.25).epsilon(0.1));
      }
      last = now;
    }
  }
}

TEST_CASE("backprop through convolutions: float32 stays near over 1000 examples") {
  // An average over equal numbers is rounded; over 12 positions and 2000 ticks that may add up to
  // 2000 ulps of a weight.
  Case one{"", {}};
  one.options.learning_rate = 0.03;
  const Deviation now = against_textbook(one, DType::f32, 1000);
  CHECK(now.moved > 0.1);
  CHECK(now.weight < 2000 * 1.2e-7);
  CHECK(now.prediction < 0.005);
}

TEST_CASE("backprop through convolutions: a cell for all layers has no rate that fits") {
  const Case one{"", {}};
  NetworkOptions network = network_of(one);
  CHECK(network.cell_per_layer);
  network.cell_per_layer = false;
  CHECK_THROWS_AS(backprop_params(vsml::Network(network, {kImage.size(), 3, kImage}), one.options,
                                  {1, 1, 0, 0}, DType::f32),
                  engine::Error);
}
