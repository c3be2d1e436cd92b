#include "tests/vsml/learner_variants.h"

#include "engine/ops/elementwise.h"
#include "tests/vsml/network_variants.h"
#include "tests/vsml/vsml_checks.h"

namespace vsml::test {

std::vector<LearnerOptions> learner_variants(const TaskDims& dims) {
  std::vector<LearnerOptions> all;
  const auto add = [&](LearnerType type, const std::string& name, auto change) {
    LearnerOptions options;
    options.type = type;
    options.name = name;
    change(options);
    if (has_task_sizes(type)) {
      options.inputs = dims.inputs;
      options.classes = dims.classes;
    }
    all.push_back(options);
  };
  using Options = LearnerOptions;
  const ConvOptions conv{2, {{2, 2}}};
  add(LearnerType::MetaRnn, "meta_rnn", [](Options& o) { o.meta_rnn.state_size = 5; });
  add(LearnerType::MetaRnn, "meta_rnn with convolutions", [&](Options& o) {
    o.meta_rnn = {3, 1, 2, conv};
  });
  add(LearnerType::FastWeights, "fast_weights", [](Options& o) { o.fast_weights.key_size = 3; });
  add(LearnerType::FastWeights, "fast_weights, memory",
      [&](Options& o) { o.fast_weights = {FastWeightsForm::Memory, 64, 4, 3, 0, conv}; });
  add(LearnerType::Hebbian, "hebb", [](Options&) {});
  add(LearnerType::Hebbian, "oja with convolutions", [&](Options& o) {
    o.hebbian = {HebbianRule::Oja, 5, conv};
  });
  add(LearnerType::Hypernetwork, "hypernetwork", [](Options& o) {
    o.hypernetwork = {3, 4, 2, 2, 10};
  });
  add(LearnerType::LearnedRule, "learned_rule", [](Options& o) { o.learned_rule.rule_size = 4; });
  add(LearnerType::LearnedRule, "learned_rule with hidden layers", [](Options& o) {
    o.learned_rule = {{4, 3}, 5, 2};
  });
  return all;
}

std::vector<LearnerOptions> every_learner(const TaskDims& dims) {
  std::vector<LearnerOptions> all;
  const auto add = [&](LearnerType type, const std::string& name, auto change) {
    LearnerOptions options;
    options.type = type;
    options.name = name;
    options.network = small_network();
    change(options);
    all.push_back(options);
  };
  const auto plain = [](LearnerOptions&) {};
  add(LearnerType::Vsml, "vsml", plain);
  add(LearnerType::Vsml, "vsml with backward pass", [](LearnerOptions& o) {
    o.network.backward_pass = o.network.layer_norm = true;
    o.network.layers[1].constant_input = 1;
  });
  add(LearnerType::Vsml, "vsml with states in bf16",
      [](LearnerOptions& o) { o.network.state_type = StateType::Bfloat16; });
  add(LearnerType::Vsml, "vsml with h in bf16",
      [](LearnerOptions& o) { o.network.state_type = StateType::Bfloat16H; });
  add(LearnerType::Vsml, "vsml with a convolution", [](LearnerOptions& o) {
    o.network.layers[0].type = LayerType::Conv;
    o.network.layers[0].stride = 2;
    o.network.backward_pass = true;
  });
  add(LearnerType::Vsml, "vsml from encoded weights", [](LearnerOptions& o) {
    o.network.encoded_weights = true;
    o.network.random_state_fraction = 0;
  });
  add(LearnerType::Vsml, "vsml as backpropagation", [](LearnerOptions& o) {
    o.init.type = InitType::Backprop;
    o.network.cell.state = 8;
    o.network = backprop_network(o.network, o.init.backprop);
  });
  for (const LearnerType type : {LearnerType::Sgd, LearnerType::Adam}) {
    const std::string name = type == LearnerType::Sgd ? "sgd" : "adam";
    add(type, name, plain);
    add(type, name + " with a hidden layer", [](LearnerOptions& o) { o.mlp.hidden = {5}; });
    add(type, name + " with convolutions", [](LearnerOptions& o) {
      o.mlp.conv = {2, {{2, 2}}};
      o.mlp.output_bound = 2;
    });
  }
  add(LearnerType::NearestMean, "nearest_mean", plain);
  for (const LearnerOptions& options : learner_variants(dims)) all.push_back(options);
  const auto keeps = [](int64_t capacity) {
    return [capacity](LearnerOptions& o) { o.capacity = capacity; };
  };
  add(LearnerType::NearestNeighbour, "nearest_neighbour", keeps(20));
  add(LearnerType::NearestNeighbour, "nearest_neighbour that forgets", keeps(3));
  add(LearnerType::RecursiveLeastSquares, "recursive_least_squares", plain);
  return all;
}

engine::Tensor moving_params(const Learner& learner, uint64_t salt) {
  const engine::Tensor start = cast(learner.initial_params({1, 1, 0, 0}), engine::DType::f64);
  return start + values(start.shape(), -0.3, 0.3, salt);
}

}  // namespace vsml::test
