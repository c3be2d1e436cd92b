// Backpropagation as LSTM parameters against the sgd learner, in float32 on images, from the same
// weights.
#include <cmath>
#include <doctest/doctest.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/backprop.h"
#include "vsml/learners/mlp.h"
#include "vsml/learners/vsml_learner.h"
#include "vsml/tasks/task.h"

using engine::DType;
using engine::ParamSet;
using engine::Tensor;
using vsml::LearnerState;
using vsml::LearnerStep;
using namespace vsml::test;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr int64_t kExamples = 100, kExamplesDeep = 20;  // the sanitizers are slow
#else
constexpr int64_t kExamples = 2000, kExamplesDeep = 2000;
#endif
constexpr int64_t kBlock = 100;

double correlation(const Tensor& a, const Tensor& b) {
  const Tensor x = cast(a, DType::f64) - mean(cast(a, DType::f64));
  const Tensor y = cast(b, DType::f64) - mean(cast(b, DType::f64));
  return sum(x * y).item() / std::sqrt(sum(square(x)).item() * sum(square(y)).item());
}

int64_t count_equal(const Tensor& a, const Tensor& b) {  // [1, B, C] each: same largest class
  return static_cast<int64_t>(sum(cast(equal(argmax(a, -1), argmax(b, -1)), DType::f64)).item());
}

void compare(const std::vector<int64_t>& hidden, int64_t examples) {
  vsml::TaskOptions images;
  images.dataset = "fashion_mnist";
  const vsml::Task task(images, {{VSML_DATA_DIR}});
  const vsml::TaskDims dims{task.inputs(), task.num_classes()};
  const vsml::Lifetime lifetime = task.lifetime({1, 0, 0, 0});

  vsml::NetworkOptions network;
  network.cell = {8, 1};
  network.output_channel = 0;
  network.layers.clear();
  for (const int64_t width : hidden) network.layers.push_back({vsml::LayerType::Dense, width, {}});
  network.layers.push_back({});
  for (vsml::LayerOptions& layer : network.layers) {
    layer.constant_input = vsml::kBackpropConstantInput;
  }
  const vsml::InitOptions init{vsml::InitType::Backprop, 1, {}, {}};
  const vsml::VsmlLearner lstms(backprop_network(network, init.backprop), init, dims);
  vsml::MlpOptions mlp;
  mlp.hidden = hidden;
  mlp.input_activation = vsml::InputActivation::Tanh;
  const vsml::MlpLearner sgd(vsml::MlpRule::Sgd, mlp, init.backprop.learning_rate, dims);

  const ParamSet params(lstms.layout(), lstms.initial_params({}));
  const ParamSet rate(sgd.layout(), sgd.initial_params({}));
  const std::vector<Tensor> start = lstms.network().initial_weights(member_keys(1, 1), DType::f32);
  LearnerState state = flatten(lstms.network().state_of_weights(params, start, 1));
  LearnerState want = sgd.state_of_weights(start);

  int64_t right = 0, right_sgd = 0, same = 0;
  std::vector<float> inputs(static_cast<size_t>(kBlock * dims.inputs)),
      one_hot(static_cast<size_t>(kBlock * dims.classes));
  for (int64_t t = 0; t < examples; ++t) {
    if (t % kBlock == 0) lifetime.examples(t, kBlock, inputs.data(), one_hot.data());
    const auto row = [&](const std::vector<float>& all, int64_t size) {
      const auto first = all.begin() + t % kBlock * size;
      return Tensor::from(std::vector<float>(first, first + size), {1, 1, size});
    };
    const Tensor input = row(inputs, dims.inputs), label = row(one_hot, dims.classes);
    LearnerStep got = lstms.step(params, std::move(state), input, label);
    LearnerStep expected = sgd.step(rate, std::move(want), input, label);
    state = std::move(got.state);
    want = std::move(expected.state);
    right += count_equal(got.prediction, label);
    right_sgd += count_equal(expected.prediction, label);
    same += count_equal(got.prediction, expected.prediction);
  }

  const auto n = static_cast<double>(examples);
  CAPTURE(hidden.size());
  MESSAGE("accuracy ", static_cast<double>(right) / n, ", sgd ", static_cast<double>(right_sgd) / n,
          ", same predictions ", static_cast<double>(same) / n);
  CHECK(static_cast<double>(same) >= 0.995 * n);
  CHECK(std::abs(static_cast<double>(right - right_sgd)) <= 0.002 * n);
  if (examples >= 2000) CHECK(static_cast<double>(right_sgd) > 0.6 * n);  // there is learning
  const vsml::NetworkState final = vsml::unflatten(state);
  const std::vector<Tensor> learned = sgd.weights_of(want);
  for (size_t k = 0; k < learned.size(); ++k) {
    const vsml::WeightCode code = lstms.network().code_of(params, static_cast<int64_t>(k));
    const Tensor decoded = reshape(decode_weights(code, final.layers[k]), learned[k].shape());
    const double change = correlation(decoded - start[k], learned[k] - start[k]);
    MESSAGE("layer ", k, ": correlation of weights ", correlation(decoded, learned[k]),
            ", of their changes ", change, ", largest difference ",
            max(abs(decoded - learned[k])).item());
    CHECK(correlation(decoded, learned[k]) > 0.9999);
    CHECK(change > 0.9999);
  }
}

}  // namespace

TEST_CASE("backprop on images: one layer, 784-10") {
  compare({}, kExamples);
}

TEST_CASE("backprop on images: a hidden layer, 784-32-10") {
  compare({32}, kExamples);
}

TEST_CASE("backprop on images: four layers, 784-64-64-32-10") {
  compare({64, 64, 32}, kExamplesDeep);
}
