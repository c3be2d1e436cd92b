#include <cmath>
#include <fmt/format.h>
#include <map>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "tests/golden/golden.h"
#include "vsml/learners/make_learner.h"

namespace golden {
namespace {

using engine::DType;
using engine::Shape;
using engine::Tensor;
using nlohmann::json;
using vsml::LearnerOptions;
using vsml::LearnerType;

constexpr double kBound = 1e-9;
constexpr double kBoundSingle = 1e-4;

// Our names by the file's, where they differ.
using Names = std::map<std::string, std::string>;

Names linear_names(std::initializer_list<std::pair<const char*, const char*>> parts) {
  Names names;
  for (const auto& [file, ours] : parts) {
    names[std::string("W") + file] = std::string(ours) + ".w";
    names[std::string("b") + file] = std::string(ours) + ".bias";
  }
  return names;
}

Names names_of(const std::string& learner) {
  Names names;
  if (learner == "meta_rnn") names = linear_names({{"", "lstm"}, {"o", "readout"}});
  if (learner == "fwp") names = linear_names({{"", "program"}});
  if (learner == "fw_memory") {
    names = linear_names(
        {{"", "lstm"}, {"w", "write"}, {"r", "read"}, {"p", "join"}, {"o", "readout"}});
  }
  if (learner == "hypernetwork") {
    names = linear_names({{"c", "code"},
                          {"", "lstm"},
                          {"0", "main"},
                          {"r", "rows"},
                          {"s", "columns"},
                          {"u", "left"},
                          {"v", "right"}});
  }
  if (learner == "hebbian") {
    names = {{"w", "layer.w"}, {"b", "layer.bias"}, {"coeff", "coefficient"}};
  }
  if (learner == "sgd" || learner == "adam") {
    for (const char* prefix : {"", "mu_", "nu_"}) {
      const std::string ours = *prefix == 0 ? "" : *prefix == 'm' ? "mean." : "mean_square.";
      for (int k = 0; k < 3; ++k) {
        names[fmt::format("{}W{}", prefix, k)] = fmt::format("{}weight.{}", ours, k);
        names[fmt::format("{}b{}", prefix, k)] = fmt::format("{}bias.{}", ours, k);
        names[fmt::format("{}K{}", prefix, k)] = fmt::format("{}conv.weight.{}", ours, k);
        names[fmt::format("{}k{}", prefix, k)] = fmt::format("{}conv.bias.{}", ours, k);
      }
    }
    names["lr"] = "log_learning_rate";
    names["t"] = "updates";
    return names;
  }
  if (learner == "learned_rule") {
    names = {{"A", "rule.w"},      {"a", "rule.bias"},      {"B", "change.w"},
             {"b", "change.bias"}, {"w_lr", "weight_rate"}, {"m_lr", "trace_rate"}};
  }
  names["fw_lr"] = "fast_rate";
  for (int k = 0; k < 3; ++k) {
    names[fmt::format("K{}", k)] = fmt::format("conv.{}.w", k);
    names[fmt::format("k{}", k)] = fmt::format("conv.{}.bias", k);
    names[fmt::format("w{}", k)] = fmt::format("weight.{}", k);
    names[fmt::format("m{}", k)] = fmt::format("trace.{}", k);
  }
  return names;
}

LearnerOptions options_of(const json& spec) {
  const std::string learner = spec.at("learner");
  const double bound = spec.at("tanh_bound");
  vsml::ConvOptions conv;
  conv.channels = spec.at("conv");
  if (conv.channels > 0) conv.image = {spec.at("image")[0], spec.at("image")[1]};
  LearnerOptions options;
  if (learner == "meta_rnn") {
    options.type = LearnerType::MetaRnn;
    options.meta_rnn = {spec.at("N"), spec.at("K"), bound, conv};
  } else if (learner == "hebbian") {
    options.type = LearnerType::Hebbian;
    options.hebbian = {spec.at("oja") ? vsml::HebbianRule::Oja : vsml::HebbianRule::Hebb, bound,
                       conv};
  } else if (learner == "fwp") {
    options.type = LearnerType::FastWeights;
    options.fast_weights.key_size = spec.at("F");
    options.fast_weights.output_bound = bound;
  } else if (learner == "fw_memory") {
    options.type = LearnerType::FastWeights;
    options.fast_weights = {
        vsml::FastWeightsForm::Memory, 1, spec.at("N"), spec.at("m"), bound, conv};
  } else if (learner == "hypernetwork") {
    options.type = LearnerType::Hypernetwork;
    options.hypernetwork = {spec.at("C"), spec.at("N"), spec.at("K"), spec.at("R"), bound};
  } else if (learner == "learned_rule") {
    options.type = LearnerType::LearnedRule;
    options.learned_rule = {spec.at("hidden"), spec.at("Q"), bound};
  } else if (learner == "sgd" || learner == "adam") {
    options.type = learner == "sgd" ? LearnerType::Sgd : LearnerType::Adam;
    const auto layers = spec.at("layers").get<size_t>();
    options.mlp.hidden.assign(layers - 1, spec.at("hidden"));
    options.mlp.output_bound = bound;
    options.mlp.conv = conv;
  } else {
    throw std::runtime_error(fmt::format("unknown learner {}", learner));
  }
  return options;
}

// What is differentiated, under our names, and where the learner takes it from.
struct Leaves {
  std::map<std::string, Tensor> values;  // as in the file: [..] or [P, ..] with one set per member
  int64_t members;
  bool own;

  // Of sgd and adam the rate, of which we have the logarithm, is the parameter, and the weights
  // that they begin with are the state.
  Tensor flat(const engine::ParamLayout& layout) const {
    std::vector<Tensor> parts;
    for (const auto& entry : layout.entries()) {
      const bool rate = entry.name == "log_learning_rate";
      const Tensor value = rate ? log(values.at(entry.name)) : values.at(entry.name);
      parts.push_back(
          reshape(value, own ? Shape{members, entry.shape.size()} : Shape{entry.shape.size()}));
    }
    return engine::concat(parts, -1);
  }
  // A leaf as the tensor of a state of this shape.
  Tensor state(const std::string& name, const engine::Shape& shape) const {
    const Tensor& value = values.at(name);
    if (own) return reshape(value, shape);
    return broadcast_to(reshape(value, shape.with(0, 1)), shape);
  }
};

void keep_worse(double& worst, double error) {
  if (!(error <= worst) && !std::isnan(worst)) worst = error;
}

}  // namespace

CaseErrors run_learner_case(const json& one, DType dtype) {
  const auto typed = [&](const json& value) { return cast(array(value), dtype); };
  const auto plain = [](const Tensor& x) { return cast(x, DType::f64); };
  const json& spec = one.at("spec");
  const Names names = names_of(spec.at("learner"));
  const auto ours = [&](const std::string& name) {
    const auto found = names.find(name);
    return found == names.end() ? name : found->second;
  };
  const int64_t batch = spec.at("batch"), steps = spec.at("T"), inputs = spec.at("D");
  const int64_t classes = spec.at("O"), members = spec.at("P").get<int64_t>() / batch;
  const auto learner = make_learner(options_of(spec), {inputs, classes}, dtype);

  engine::Tape tape;
  Leaves leaves{{}, members, spec.at("own")};
  for (const auto& [name, value] : one.at("params")[0].items()) {
    tape.watch(leaves.values[ours(name)] = typed(value));
  }
  const engine::ParamSet params(learner->layout(), leaves.flat(learner->layout()));
  std::map<std::string, Tensor> first, last;
  const bool starts_from_leaves = learner->layout().contains("log_learning_rate");
  const auto like = learner->initial_state(params, std::vector<engine::RngKey>(members), batch);
  const std::vector<std::string> state_names = learner->state_names();
  for (const auto& [name, value] : one.at("states0").items()) first[ours(name)] = typed(value);
  for (const auto& [name, value] : one.at("states").items()) last[ours(name)] = array(value);
  vsml::LearnerState state;
  for (size_t k = 0; k < state_names.size(); ++k) {
    const engine::Shape shape = like.tensors[k].shape();
    const bool leaf = starts_from_leaves && leaves.values.count(state_names[k]) > 0;
    state.tensors.push_back(leaf ? leaves.state(state_names[k], shape)
                                 : reshape(first.at(state_names[k]), shape));
  }

  const Tensor x = reshape(typed(one.at("inputs")), {steps, members, batch, inputs});
  const Tensor y = reshape(typed(one.at("labels")), {steps, members, batch, classes});
  std::vector<Tensor> outputs;
  for (int64_t t = 0; t < steps; ++t) {
    const auto at = [&](const Tensor& all) {
      return reshape(slice(all, 0, t, t + 1), all.shape().part(1, 4));
    };
    vsml::LearnerStep step = learner->step(params, std::move(state), at(x), at(y));
    state = std::move(step.state);
    outputs.push_back(step.prediction);
  }
  const Tensor stacked = engine::stack(outputs, 0);
  const Tensor entropy = cross_entropy(stacked, y);
  const Tensor loss =
      mean(spec.at("loss") == "last" ? slice(entropy, 0, steps - 1, steps) : entropy);

  CaseErrors errors{spec.at("name"), dtype == DType::f64 ? kBound : kBoundSingle, 0, 0, 0, 0};
  errors.outputs = error_of(reshape(plain(stacked), {steps, members * batch, classes}),
                            array(one.at("outputs")));
  errors.loss = error_of(plain(loss), Tensor::scalar(one.at("loss"), DType::f64));
  for (size_t k = 0; k < state.tensors.size(); ++k) {
    const Tensor& want = last.at(state_names[k]);
    keep_worse(errors.states, error_of(reshape(plain(state.tensors[k]), want.shape()), want));
  }
  const json& gradients = one.at("grads")[0];
  double floor = 0;
  for (const auto& [name, value] : gradients.items()) {
    floor = std::max(floor, max(abs(array(value))).item());
  }
  if (dtype == DType::f64) floor *= 1e-3;
  for (const auto& [name, value] : gradients.items()) {
    const Tensor got = tape.gradient(loss, {leaves.values.at(ours(name))})[0];
    keep_worse(errors.gradients, error_of(plain(got), array(value), floor));
  }
  return errors;
}

}  // namespace golden
