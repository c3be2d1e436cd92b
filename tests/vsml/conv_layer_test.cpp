// Convolutions of cells: sizes, the fused path, threads, channels of an input, and that a network
// with them can be meta-trained. That values and gradients are right is tested with networks
// (network_test.cpp, network_gradient_test.cpp).
#include "vsml/conv_layer.h"

#include <cmath>
#include <doctest/doctest.h>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "tests/vsml/meta_setup.h"
#include "tests/vsml/network_variants.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/learners/learner_family.h"

using engine::DType;
using engine::ParamSet;
using engine::Shape;
using engine::Tensor;
using vsml::ConvBackward;
using vsml::ImageShape;
using vsml::LayerOptions;
using vsml::LayerShape;
using vsml::LayerType;
using vsml::Network;
using vsml::NetworkOptions;
using vsml::NetworkState;
using vsml::NetworkStep;
using vsml::TaskDims;
using namespace vsml::test;

namespace {

LayerOptions conv(int64_t channels, int64_t kernel = 3, int64_t stride = 1) {
  LayerOptions layer;
  layer.type = LayerType::Conv;
  layer.outputs = channels;
  layer.kernel_size = {kernel, kernel};
  layer.stride = stride;
  return layer;
}

TaskDims images(int64_t channels, int64_t height, int64_t width, int64_t classes = 2) {
  const ImageShape image{channels, height, width};
  return {image.size(), classes, image};
}

// Two convolutions of the usual cells.
NetworkOptions usual_network() {
  NetworkOptions options;
  options.layers = {conv(3, 3, 2), conv(4, 3, 2), LayerOptions{}};
  options.backward_pass = true;
  return options;
}

std::string error_text(const NetworkOptions& options, const TaskDims& task) {
  try {
    Network(options, task);
  } catch (const engine::Error& error) {
    return error.what();
  }
  return "";
}

struct Episode {
  std::vector<Tensor> predictions;
  NetworkState state;
  Tensor gradient;
};

// Three examples, two members with a batch of two each; the gradient of the loss if `recorded`.
Episode episode(const NetworkOptions& options, const TaskDims& task, DType dtype, bool recorded) {
  const Network network(options, task);
  const Tensor flat = cast(lively_params(network.layout(), 5), dtype);
  engine::Tape tape;
  if (recorded) tape.watch(flat);
  const ParamSet params(network.layout(), flat);
  Episode result;
  for (const auto& layer : lively_state(network, 2, 2, 8).layers) {
    result.state.layers.push_back({cast(layer.h, dtype), cast(layer.c, dtype)});
  }
  for (const Tensor& message : lively_state(network, 2, 2, 9).reverse) {
    result.state.reverse.push_back(cast(message, dtype));
  }
  Tensor loss = Tensor::scalar(0, dtype);
  for (uint64_t t = 0; t < 3; ++t) {
    const Tensor input = cast(values({2, 2, task.inputs}, -1.5, 1.5, 70 + t), dtype);
    const Tensor label = cast(labels(2, 2, task.classes, 80 + t), dtype);
    NetworkStep step = network.step(params, std::move(result.state), input, label);
    loss = loss + sum(cross_entropy(step.prediction, label));
    result.predictions.push_back(std::move(step.prediction));
    result.state = std::move(step.state);
  }
  if (recorded) result.gradient = tape.gradient(loss, {flat})[0];
  return result;
}

}  // namespace

TEST_CASE("conv: sizes of the layers") {
  NetworkOptions options;
  options.layers = {conv(8, 3, 2), conv(5, 3, 2), LayerOptions{}};
  const Network network(options, images(3, 28, 15, 10));
  CHECK(network.rows(0) == 9 * 3);
  CHECK(network.columns(0) == 8);
  CHECK(network.shape(0).conv->height() == 14);
  CHECK(network.shape(0).conv->width() == 8);
  CHECK(network.shape(0).outputs == 14 * 8 * 8);
  CHECK(network.rows(1) == 9 * 8);
  CHECK(network.shape(1).outputs == 7 * 4 * 5);
  CHECK(network.rows(2) == 7 * 4 * 5);
  CHECK(network.columns(2) == 10);
  CHECK(network.layout().size() == 2384);

  options.layers[0].padding = {0, 2};
  CHECK(Network(options, images(1, 28, 15)).shape(0).conv->height() == 13);
  CHECK(Network(options, images(1, 28, 15)).shape(0).conv->width() == 9);
  // What is no image is a row.
  CHECK(Network(usual_network(), 9, 2).shape(0).conv->width() == 5);
  CHECK(Network(usual_network(), 9, 2).shape(0).conv->height() == 1);
}

TEST_CASE("conv: the smallest task of a network is the smallest") {
  for (const int64_t padding : {0, 1, 2}) {
    NetworkOptions options;
    options.layers = {conv(2, 5, 2), conv(2, 3, 3), LayerOptions{}};
    options.layers[0].padding = {padding, 0};
    options.layers[1].padding = {0, padding};
    const TaskDims task = smallest_task(options);
    CHECK(error_text(options, task) == "");
    for (const auto& [height, width] : {std::pair{1, 0}, {0, 1}}) {
      const ImageShape& image = *task.image;
      if (image.height <= height || image.width <= width) continue;
      CHECK(error_text(options, images(1, image.height - height, image.width - width)) != "");
    }
  }
  CHECK(smallest_task(NetworkOptions{}) == images(1, 1, 1, 1));
}

TEST_CASE("conv: layers that do not fit are told") {
  const auto text = [](auto change, const TaskDims& task = images(1, 4, 4)) {
    NetworkOptions options = usual_network();
    change(options.layers);
    return error_text(options, task);
  };
  using Layers = std::vector<LayerOptions>&;
  CHECK(text([](Layers) {}) == "");
  CHECK(text([](Layers l) {
          l[1].padding = {0, 0};
        }) ==
        "network: layer 1: expected a kernel within the image, which with its padding has 2 x 2 "
        "pixels, got 3 x 3");
  CHECK(text([](Layers l) {
          l.insert(l.begin(), {LayerType::Dense, 3});
        }) == "network: layer 1: expected conv layers before dense ones, got conv after dense");
  CHECK(text([](Layers l) { l.pop_back(); }) != "");
  CHECK(text([](Layers l) { l[0].outputs = 0; }) == "network: expected outputs in layer 0");
  CHECK(text([](Layers l) { l[0].stride = 0; }).find("stride") != std::string::npos);
  CHECK(text([](Layers l) { l[0].kernel_size = {3, 0}; }).find("kernel_size") != std::string::npos);
  CHECK(text([](Layers l) { l[0].padding = {-1, 1}; }).find("padding") != std::string::npos);
  CHECK(text([](Layers l) { l[0].constant_input = 1; }).find("constant_input") !=
        std::string::npos);
  CHECK(text([](Layers l) { l[0].backward = ConvBackward::Authors; }) == "");
  CHECK(text([](Layers l) {
          l[0].kernel_size = {5, 5};
          l[0].backward = ConvBackward::Authors;
        }) ==
        "network: layer 0: expected kernel_size [3, 3] and padding [1, 1] with backward "
        "authors");
  CHECK(text([](Layers) {}, {15, 2, ImageShape{1, 4, 4}}) ==
        "network: expected an image of 15 numbers, got 1 x 4 x 4");
}

TEST_CASE("conv: a kernel of one pixel on one pixel is a dense layer") {
  NetworkOptions one = small_network(), other = small_network();
  one.layers[0] = conv(2, 1);
  one.backward_pass = other.backward_pass = true;
  const Episode a = episode(one, images(3, 1, 1), DType::f64, true);
  const Episode b = episode(other, {3, 2}, DType::f64, true);
  for (size_t t = 0; t < 3; ++t) CHECK(error_of(a.predictions[t], b.predictions[t]) < 1e-14);
  CHECK(error_of(a.gradient, b.gradient) < 1e-12);
}

TEST_CASE("conv: without layer norm a uniform image has uniform states and messages inside") {
  // Positions that hear the same give what one of them gives: averaging changes nothing.
  NetworkOptions options = small_network();
  options.layers[0] = conv(2, 3);
  options.layers[0].padding = {0, 0};
  const Network small(options, images(1, 3, 3)), large(options, images(1, 6, 5));
  const ParamSet params(small.layout(), lively_params(small.layout(), 5));
  NetworkState state = lively_state(small, 1, 1, 4);
  const auto first = [&](const Network& network) {
    const vsml::CellParams cell = vsml::cell_params(params, "cell", options.cell);
    const auto& shape = *network.shape(0).conv;
    const Tensor one_forward = values({1, 1, 1, 2}, -1, 1, 7),
                 one_reverse = values({1, 1, 2, 2}, -1, 1, 8);
    const Tensor forward = broadcast_to(one_forward, {1, 1, shape.image.size(), 2}) + 0.0;
    const Tensor reverse =
        reshape(broadcast_to(expand(one_reverse, 2), {1, 1, shape.positions(), 2, 2}),
                {1, 1, shape.positions() * 2, 2});
    return conv_tick(cell, state.layers[0], {forward, reverse}, shape, {3, vsml::Reduce::Mean});
  };
  const vsml::LayerTick a = first(small), b = first(large);
  CHECK(error_of(b.state.h, a.state.h) < 1e-14);
  CHECK(error_of(b.state.c, a.state.c) < 1e-14);
  const Tensor everywhere =
      reshape(broadcast_to(expand(a.out.forward, 2), {1, 1, 12, 2, 2}), b.out.forward.shape());
  CHECK(error_of(b.out.forward, everywhere) < 1e-14);
}

TEST_CASE("conv: fused kernels and engine ops in float64 agree, values and gradients") {
  // float32 rounding over three examples of five layers' ticks; 1e-4 leaves room.
  for (const bool layer_norm : {false, true}) {
    NetworkOptions options = usual_network();
    options.layer_norm = layer_norm;
    const TaskDims task = images(2, 7, 6);
    const Episode want = episode(options, task, DType::f64, true);
    const Episode got = episode(options, task, DType::f32, true);
    const auto error = [](const Tensor& a, const Tensor& b) {
      return error_of(cast(a, DType::f64), b);
    };
    for (size_t t = 0; t < 3; ++t) CHECK(error(got.predictions[t], want.predictions[t]) < 1e-4);
    for (size_t k = 0; k < 3; ++k) {
      CHECK(error(got.state.layers[k].c, want.state.layers[k].c) < 1e-4);
    }
    CHECK(error(got.gradient, want.gradient) < 1e-4);
  }
}

TEST_CASE("conv: neither threads nor a tape change a bit") {
  const TaskDims task = images(2, 9, 8);
  Episode first;
  for (const int count : {1, 2, 5}) {
    const Threads threads(count);
    const Episode recorded = episode(usual_network(), task, DType::f32, true);
    const Episode plain = episode(usual_network(), task, DType::f32, false);
    if (count == 1) first = recorded;
    CHECK(same_bits(recorded.gradient, first.gradient));
    for (size_t k = 0; k < 3; ++k) {
      CHECK(same_bits(recorded.state.layers[k].c, first.state.layers[k].c));
      CHECK(same_bits(plain.state.layers[k].c, first.state.layers[k].c));
      CHECK(same_bits(plain.predictions[k], first.predictions[k]));
    }
  }
}

TEST_CASE("conv: a state begins with the deviation of its kernel") {
  NetworkOptions options;
  options.layers = {conv(40, 5), LayerOptions{}};
  const Network network(options, images(2, 6, 6));
  const ParamSet params(network.layout(), Tensor::zeros({network.layout().size()}, DType::f64));
  const NetworkState state = network.initial_state(params, member_keys(1, 2), 1);
  CHECK(state.layers[0].c.shape() == Shape{2, 1, 50, 40, 16});
  CHECK(state.reverse[0].shape() == Shape{2, 1, 36 * 40, 8});
  // 32,000 numbers: five deviations of the variance's estimate are 3 %. Cut at two deviations, a
  // normal of deviation 1 has variance 0.774.
  const double variance = mean(square(slice(state.layers[0].c, -1, 0, 8))).item();
  CHECK(std::abs(variance * 50 / 0.7737 - 1) < 0.03);
  CHECK(max(abs(slice(state.layers[0].c, -1, 8, 16))).item() == 0);
}

TEST_CASE("conv: shapes that do not fit are told") {
  const Network network(usual_network(), images(1, 4, 4));
  const ParamSet params(network.layout(), lively_params(network.layout(), 3));
  const vsml::CellParams cell = vsml::cell_params(params, "cell", {16, 8});
  const auto& shape = *network.shape(0).conv;
  const NetworkState state = lively_state(network, 1, 1, 4);
  const Tensor forward = Tensor::zeros({1, 1, 16, 8}, DType::f64);
  CHECK_NOTHROW(conv_tick(cell, state.layers[0], {forward, state.reverse[0]}, shape, {}));
  CHECK_THROWS_AS(conv_tick(cell, state.layers[0], {state.reverse[0], state.reverse[0]}, shape, {}),
                  engine::ShapeError);
  CHECK_THROWS_AS(conv_tick(cell, state.layers[0], {forward, forward}, shape, {}),
                  engine::ShapeError);
  CHECK_THROWS_AS(conv_tick(cell, state.layers[1], {forward, state.reverse[0]}, shape, {}),
                  engine::ShapeError);
}

TEST_CASE("conv: meta-training makes the loss smaller, on images and rows, to the same bits") {
  vsml::LearnerOptions learner;
  learner.network = small_network();
  learner.network.cell = {8, 4};
  learner.network.layers = {conv(2, 3, 2), LayerOptions{}};
  learner.network.layers[0].padding = {0, 1};  // which a task of one pixel would not fit
  learner.network.layers[0].kernel_size = {1, 3};
  learner.network.backward_pass = true;
  const vsml::LearnerFamily family(learner, DType::f32, {});
  const vsml::TaskMixture tasks({lit_pixel_task({0, 1, 1, 0}), random_task(5, 2, 3)}, {1, 1});
  vsml::MetaOptions options = small_meta_options();
  options.population = 8;
  options.episode_length = 8;
  options.learning_rate = 0.03;
  const vsml::MetaTrainer trainer(options, family, tasks, kMetaSeed);
  const Tensor start = cast(lively_params(family.layout(), 5), DType::f32) * 0.5;
  std::vector<double> losses;
  const auto trained = [&] {
    vsml::MetaState state = trainer.initial_state(start);
    losses.clear();
    for (int t = 0; t < 30; ++t) losses.push_back(trainer.step(state).loss);
    return state;
  };
  Threads one(1);
  const vsml::MetaState a = trained();
  const double before = mean_of({losses.begin(), losses.begin() + 5});
  const double after = mean_of({losses.end() - 5, losses.end()});
  CAPTURE(before);
  CAPTURE(after);
  CHECK(after < 0.97 * before);
  const Threads three(3);
  CHECK(same_bits(trained(), a));
}
