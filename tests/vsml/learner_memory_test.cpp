// What learners say they need, against what they take.
#include <cmath>
#include <doctest/doctest.h>

#include "engine/backend.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/learners/make_learner.h"

using engine::DType;
using engine::ParamSet;
using engine::Tensor;
using vsml::Learner;
using vsml::LearnerMemory;
using vsml::LearnerOptions;
using vsml::LearnerState;
using vsml::LearnerStep;
using vsml::LearnerType;
using namespace vsml::test;

namespace {

struct Case {
  std::string name;
  int64_t members, batch;
  LearnerOptions options;
  vsml::TaskDims dims;
};

// Powers of two, which the allocator does not round up.
constexpr vsml::TaskDims kDims{256, 16};
constexpr vsml::TaskDims kImages{256, 16, vsml::ImageShape{1, 16, 16}};

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](const std::string& name, int64_t members, int64_t batch, auto change) {
    LearnerOptions options;
    change(options);
    all.push_back({name, members, batch, options,
                   options.network.layers[0].type == vsml::LayerType::Conv ? kImages : kDims});
  };
  using Options = LearnerOptions;
  const auto hidden = [](Options& o) {
    o.network.layers.assign(2, {});
    o.network.layers[0].outputs = 32;
  };
  add("one layer", 4, 1, [](Options&) {});
  add("hidden layer", 2, 1, hidden);
  add("one tick", 4, 1, [](Options& o) { o.network.micro_ticks = 1; });
  const auto in_bf16 = [](Options& o) { o.network.state_type = vsml::StateType::Bfloat16; };
  add("states in bf16", 4, 1, in_bf16);
  const auto h_in_bf16 = [](Options& o) { o.network.state_type = vsml::StateType::Bfloat16H; };
  add("h in bf16, hidden layer", 4, 1, [&](Options& o) {
    hidden(o);
    h_in_bf16(o);
  });
  add("states in bf16, hidden layer, batch", 1, 4, [&](Options& o) {
    hidden(o);
    in_bf16(o);
  });
  add("states in bf16, 4 channels, three ticks", 2, 1, [&](Options& o) {
    in_bf16(o);
    o.network.micro_ticks = 3;
    o.network.cell.state = 4;
  });
  add("states in bf16, layer norm", 2, 1, [&](Options& o) {
    hidden(o);
    in_bf16(o);
    o.network.layer_norm = true;
  });
  add("three ticks, 4 channels", 2, 1, [](Options& o) {
    o.network.micro_ticks = 3;
    o.network.cell.state = 4;
  });
  add("32 channels, batch", 1, 4, [](Options& o) { o.network.cell.state = 32; });
  add("backward pass", 2, 1, [&](Options& o) {
    hidden(o);
    o.network.backward_pass = true;
  });
  add("layer norm", 2, 1, [&](Options& o) {
    hidden(o);
    o.network.layer_norm = true;
  });
  add("layer norm, messages of 32", 2, 1, [&](Options& o) {
    hidden(o);
    o.network.layer_norm = true;
    o.network.cell.message = 32;
  });
  add("layer norm, 4 channels", 2, 1, [&](Options& o) {
    hidden(o);
    o.network.layer_norm = true;
    o.network.cell.state = 4;
  });
  const auto conv = [](Options& o) {
    vsml::LayerOptions layer;
    layer.type = vsml::LayerType::Conv;
    layer.outputs = 8;
    layer.stride = 2;
    o.network.layers = {layer, {}};
  };
  add("conv", 2, 1, conv);
  add("conv, h in bf16, 4 channels", 2, 1, [&](Options& o) {
    conv(o);
    h_in_bf16(o);
    o.network.cell.state = 4;
  });
  add("conv, states in bf16", 2, 1, [&](Options& o) {
    conv(o);
    in_bf16(o);
  });
  add("two conv, one tick, batch", 1, 2, [&](Options& o) {
    conv(o);
    o.network.layers.insert(o.network.layers.begin(), o.network.layers[0]);
    o.network.layers[0].stride = 1;
    o.network.micro_ticks = 1;
  });
  add("conv, three ticks, 4 channels", 2, 1, [&](Options& o) {
    conv(o);
    o.network.micro_ticks = 3;
    o.network.cell.state = 4;
  });
  add("conv, backward pass, layer norm", 1, 1, [&](Options& o) {
    conv(o);
    o.network.layers.insert(o.network.layers.begin(), o.network.layers[0]);
    o.network.backward_pass = o.network.layer_norm = true;
  });
  add("sgd", 3, 2, [](Options& o) { o.type = LearnerType::Sgd; });
  add("adam", 3, 2, [](Options& o) {
    o.type = LearnerType::Adam;
    o.mlp.hidden = {7};
  });
  add("nearest_mean", 3, 2, [](Options& o) { o.type = LearnerType::NearestMean; });
  add("meta_rnn", 4, 2, [](Options& o) { o.type = LearnerType::MetaRnn; });
  add("meta_rnn with convolutions", 2, 1, [](Options& o) {
    o.type = LearnerType::MetaRnn;
    o.meta_rnn.conv.channels = 16;
  });
  add("fast_weights", 4, 1, [](Options& o) {
    o.type = LearnerType::FastWeights;
    o.init.scale = 0.1;
  });
  add("fast_weights, memory", 2, 1, [](Options& o) {
    o.type = LearnerType::FastWeights;
    o.fast_weights.form = vsml::FastWeightsForm::Memory;
  });
  add("hebb", 4, 2, [](Options& o) { o.type = LearnerType::Hebbian; });
  add("oja", 4, 1, [](Options& o) {
    o.type = LearnerType::Hebbian;
    o.hebbian.rule = vsml::HebbianRule::Oja;
  });
  add("hypernetwork", 4, 1, [](Options& o) {
    o.type = LearnerType::Hypernetwork;
    o.hypernetwork.rank = 2;
  });
  add("learned_rule", 2, 1, [](Options& o) { o.type = LearnerType::LearnedRule; });
  add("learned_rule with a hidden layer", 2, 1, [](Options& o) {
    o.type = LearnerType::LearnedRule;
    o.learned_rule.hidden = {32};
  });
  add("nearest_neighbour", 3, 2, [](Options& o) {
    o.type = LearnerType::NearestNeighbour;
    o.capacity = 50;
  });
  add("recursive_least_squares", 3, 2,
      [](Options& o) { o.type = LearnerType::RecursiveLeastSquares; });
  return all;
}

// On one device, whose fused ticks may need other memory than another's.
void check_memory(const engine::Device& device) {
  engine::Backend& backend = engine::backend(device);
  for (const Case& one : cases()) {
    CAPTURE(one.name);
    const auto learner = make_learner(one.options, one.dims, DType::f32, device);
    const LearnerMemory memory = learner->memory(one.members, one.batch);
    const ParamSet whole(learner->layout(), learner->initial_params({1, 0, 0, 0}));
    const std::vector<Tensor> parts = whole.parts();
    const ParamSet params(whole.layout(), whole.flat(), parts);
    LearnerState state = learner->initial_state(params, member_keys(1, one.members), one.batch);
    CHECK(memory.state == static_cast<double>(bytes_of(state)));
    if (!is_meta_trained(one.options.type)) continue;

    const Tensor input =
        cast(values({one.members, one.batch, kDims.inputs}, -1, 1, 3), DType::f32).to(device);
    const Tensor label =
        cast(labels(one.members, one.batch, kDims.classes, 4), DType::f32).to(device);
    engine::Tape tape;
    for (const Tensor& part : parts) tape.watch(part);
    LearnerStep first = learner->step(params, state, input, label);
    const int64_t before = backend.memory_use().live;
    const LearnerStep second = learner->step(params, first.state, input, label);
    const auto tape_bytes = static_cast<double>(backend.memory_use().live - before);
    backend.reset_peak();
    const int64_t live = backend.memory_use().live;
    {
      const LearnerStep third = learner->step(params, second.state, input, label);
      const Tensor loss = sum(third.prediction);
      const std::vector<Tensor> gradients = tape.gradient(loss, parts);
    }
    const auto widest = static_cast<double>(backend.memory_use().peak - live);
    // The others have many small tensors, which the allocator rounds up.
    CHECK(std::abs(memory.tape / tape_bytes - 1) <
          (one.options.type == LearnerType::Vsml ? 0.05 : 0.2));
    CHECK(memory.tape + memory.work > 0.95 * widest);
    CHECK(memory.tape + memory.work < 1.4 * widest);
  }
}

}  // namespace

TEST_CASE("what a learner says it needs is what it takes") {
  check_memory({});
  const engine::Device gpu{engine::Device::Kind::Cuda, 0};
  if (engine::available(gpu)) {
    check_memory(gpu);
  } else {
    MESSAGE("cuda:0 is not present: its memory is skipped");
  }
}
