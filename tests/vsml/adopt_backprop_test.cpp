// Specs whose learner starts as backpropagation.
#include "vsml/experiment/adopt_backprop.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "engine/error.h"
#include "tests/vsml/spec_files.h"
#include "vsml/experiment/loaded_experiment.h"
#include "vsml/experiment/spec_fields.h"
#include "vsml/experiment/spec_writer.h"

using vsml::NetworkOptions;
using vsml::Spec;

namespace {

std::string spec_with(const std::string& learner) {
  return fmt::format(R"({{
  "experiment": "meta_test",
  "learner": {{"init": {{"type": "backprop", "learning_rate": 0.02}}{}}},
  "tasks": {{"test": [{{"dataset": "sum_sign"}}]}}
}})",
                     learner);
}

Spec loaded(const std::string& learner) {
  const TemporaryFolder folder;
  return vsml::load_spec(write_text(folder, "spec.json", spec_with(learner))).spec;
}

void check_failure(const std::string& learner, const std::string& message) {
  CAPTURE(learner);
  const Failure failure = failure_of(spec_with(learner));
  CHECK_MESSAGE(failure.message.rfind(message, 0) == 0, failure.message);
}

}  // namespace

TEST_CASE("init backprop sets the options that it needs") {
  const Spec spec = loaded("");
  const NetworkOptions& network = spec.learner.network;
  CHECK(spec.learner.init.type == vsml::InitType::Backprop);
  CHECK(spec.learner.init.backprop.learning_rate == 0.02);
  CHECK(network.reduce == vsml::Reduce::Sum);
  CHECK(network.micro_ticks == 1);
  CHECK(network.backward_pass);
  CHECK(network.clear_reverse);
  CHECK_FALSE(network.separate_backward_cell);
  CHECK_FALSE(network.layer_norm);
  CHECK(network.output_bound == 0);
  CHECK(network.output_channel == 0);
  CHECK(network.random_state_fraction == 0);
  CHECK(network.encoded_weights);
  CHECK(network.layers.at(0).constant_input == vsml::kBackpropConstantInput);
}

TEST_CASE("init backprop leaves alone what is free") {
  const Spec spec = loaded(R"(, "state_size": 8, "message_size": 3, "output_channel": 2,
    "separate_backward_cell": true, "cell_per_layer": true, "reduce": "sum", "loss": "squared",
    "layers": [{"outputs": 5, "constant_input": null}, {"outputs": 4, "constant_input": 1}, {}])");
  const NetworkOptions& network = spec.learner.network;
  CHECK(network.cell == vsml::CellDims{8, 3});
  CHECK(network.output_channel == 2);
  CHECK(network.separate_backward_cell);
  CHECK_FALSE(network.clear_reverse);
  CHECK(network.cell_per_layer);
  CHECK(network.loss == vsml::OutputLoss::Squared);
  REQUIRE(network.layers.size() == 3);
  CHECK_FALSE(network.layers[0].constant_input.has_value());
  CHECK(network.layers[1].constant_input == 1);
  CHECK(network.layers[2].constant_input == vsml::kBackpropConstantInput);
}

TEST_CASE("init backprop gives each convolution a rate of its own, and no bias") {
  const std::string layers = R"(, "layers": [{"type": "conv", "outputs": 4}, {}])";
  const NetworkOptions network = loaded(layers).learner.network;
  CHECK(network.cell_per_layer);
  CHECK_FALSE(network.layers.at(0).constant_input.has_value());
  CHECK(network.layers.at(1).constant_input == vsml::kBackpropConstantInput);
  check_failure(layers + R"(, "cell_per_layer": false)",
                "spec.json:3: learner.cell_per_layer: expected true with init backprop, got false");
}

TEST_CASE("init backprop with convolutions: rates are for the images of the tasks") {
  const auto experiment = [](const std::string& tasks) {
    const TemporaryFolder folder;
    const std::string text = spec_with(R"(, "layers": [{"type": "conv", "outputs": 2}, {}])");
    const std::string path = write_text(folder, "spec.json", text);
    const Spec spec = vsml::load_spec(path, {"tasks.test=" + tasks}).spec;
    return vsml::LoadedExperiment(spec, VSML_DATA_DIR, {});
  };
  const auto rate = [&](const std::string& tasks) {
    const vsml::LoadedExperiment one = experiment(tasks);
    // h of the gradient, unit 0, to the candidate of a weight, unit H / 2 of gate 1.
    const auto& dims = one.learner.network.cell;
    const engine::Tensor w = engine::ParamSet(one.family.layout(), one.start)["cell.0.w"];
    return -w.to_vector<float>()[static_cast<size_t>(2 * dims.message * 4 * dims.state +
                                                     dims.state + dims.state / 2)];
  };
  // 4 times the rate of 0.02 times the positions.
  const std::string digits = R"({"dataset": "digits"})";
  CHECK(rate("[" + digits + "]") == doctest::Approx(0.08 * 64));
  CHECK(rate(R"([{"dataset": "digits", "resize": [5, 4]}])") == doctest::Approx(0.08 * 20));
  CHECK_THROWS_WITH_AS(
      experiment("[" + digits + R"(, {"dataset": "digits", "name": "small", "resize": [5, 4]}])"),
      "task small: expected images of one size with init backprop and conv layers, found 5 x 4 "
      "beside 8 x 8",
      engine::Error);
}

TEST_CASE("init backprop: a key that contradicts is an error with its place") {
  check_failure(R"(, "reduce": "mean")",
                "spec.json:3: learner.reduce: expected \"sum\" with init backprop, got \"mean\"");
  check_failure(R"(, "micro_ticks": 2)",
                "spec.json:3: learner.micro_ticks: expected 1 with init backprop, got 2");
  check_failure(R"(, "output_bound": 100)",
                "spec.json:3: learner.output_bound: expected 0.0 with init backprop, got 100.0");
  check_failure(R"(, "backward_pass": false)",
                "spec.json:3: learner.backward_pass: expected true with init backprop, got false");
  check_failure(R"(, "clear_reverse": false)",
                "spec.json:3: learner.clear_reverse: expected true with init backprop, got false");
  check_failure(R"(, "layer_norm": true)",
                "spec.json:3: learner.layer_norm: expected false with init backprop, got true");
  check_failure(R"(, "random_state_fraction": 0.5)",
                "spec.json:3: learner.random_state_fraction: expected 0.0 with init backprop");
  check_failure(R"(, "encoded_weights": false)",
                "spec.json:3: learner.encoded_weights: expected true with init backprop");
  check_failure(R"(, "state_size": 7)",
                "spec.json:3: learner.state_size: expected 8 or more with init backprop, got 7");
  const Failure momentum =
      failure_of(spec_with(R"(, "separate_backward_cell": false)"), {"learner.init.momentum=0.9"});
  CHECK(momentum.message.rfind("spec.json:3: learner.separate_backward_cell: expected true", 0) ==
        0);
}

TEST_CASE("init backprop as one of the learners beside, and a resolved spec means the same") {
  const TemporaryFolder folder;
  Spec spec =
      vsml::load_spec(
          write_text(folder, "spec.json", spec_with("")),
          {R"(evaluate.learners=[{"type": "vsml", "init": {"type": "backprop"}}, {"type": "sgd"}])"})
          .spec;
  CHECK(spec.evaluate.learners.at(0).network == spec.learner.network);
  const std::string text = vsml::fields_to_json(vsml::fields_of(spec)).dump();
  CHECK(vsml::load_spec(write_text(folder, "again.json", text)).spec == spec);
}
