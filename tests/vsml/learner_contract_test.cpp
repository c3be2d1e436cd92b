// What every learner promises (vsml/learner.h), for all of them.
#include <doctest/doctest.h>
#include <set>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"
#include "tests/vsml/learner_variants.h"
#include "tests/vsml/network_variants.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/learners/make_learner.h"

using engine::DType;
using engine::ParamSet;
using engine::Shape;
using engine::Tensor;
using vsml::Learner;
using vsml::LearnerOptions;
using vsml::LearnerState;
using vsml::LearnerStep;
using vsml::LearnerType;
using vsml::TaskDims;
using namespace vsml::test;

namespace {

const TaskDims kDims{4, 3};

// Calls visit(learner, params) for every learner in f64, with lively parameters for vsml.
template <class Visit>
void for_all_learners(Visit visit) {
  for (const LearnerOptions& options : every_learner(kDims)) {
    CAPTURE(options.name);
    const auto learner = make_learner(options, kDims, DType::f64);
    const Tensor flat = options.type == LearnerType::Vsml ? lively_params(learner->layout(), 5)
                        : is_meta_trained(options.type)   ? moving_params(*learner, 5)
                                                          : learner->initial_params({1, 1, 0, 0});
    visit(*learner, ParamSet(learner->layout(), flat));
  }
}

int64_t batch_of(const Learner& learner) {
  return learner.takes_batches() ? 2 : 1;
}

Tensor input_at(uint64_t t, int64_t members, int64_t batch) {
  return values({members, batch, kDims.inputs}, -1.5, 1.5, 70 + t);
}
Tensor label_at(uint64_t t, int64_t members, int64_t batch) {
  return labels(members, batch, kDims.classes, 80 + t);
}

// A state after two examples, so that nothing in it is 0 by birth.
LearnerState experienced(const Learner& learner, const ParamSet& params, int64_t members,
                         int64_t batch) {
  LearnerState state = learner.initial_state(params, member_keys(1, members), batch);
  for (uint64_t t = 0; t < 2; ++t) {
    state = learner
                .step(params, std::move(state), input_at(t, members, batch),
                      label_at(t, members, batch))
                .state;
  }
  return state;
}

}  // namespace

TEST_CASE("every learner: layout, parameters, names and shapes") {
  for (const LearnerOptions& options : every_learner(kDims)) {
    CAPTURE(options.name);
    for (const DType dtype : {DType::f32, DType::f64}) {
      const auto learner = make_learner(options, kDims, dtype);
      const bool resizes = conv_of(options) == nullptr && !has_task_sizes(options.type);
      const auto other = make_learner(options, {resizes ? 7 : kDims.inputs, 2}, dtype);
      CHECK(learner->dims() == kDims);
      const auto &entries = learner->layout().entries(), &others = other->layout().entries();
      REQUIRE(entries.size() == others.size());
      for (size_t k = 0; k < entries.size(); ++k) {
        CHECK(entries[k].name == others[k].name);
        CHECK(entries[k].shape == others[k].shape);
      }
      const Tensor flat = learner->initial_params({1, 1, 0, 0});
      CHECK(flat.shape() == Shape{learner->layout().size()});
      CHECK(flat.dtype() == dtype);
      CHECK(same_bits(flat, learner->initial_params({1, 1, 0, 0})));

      const ParamSet params(learner->layout(), flat);
      const int64_t batch = batch_of(*learner);
      const LearnerState state = learner->initial_state(params, member_keys(1, 3), batch);
      const std::vector<std::string> names = learner->state_names();
      CHECK(names.size() == state.tensors.size());
      CHECK(std::set<std::string>(names.begin(), names.end()).size() == names.size());
      const LearnerStep step = learner->step(params, state, cast(input_at(0, 3, batch), dtype),
                                             cast(label_at(0, 3, batch), dtype));
      CHECK(step.prediction.shape() == Shape{3, batch, kDims.classes});
      CHECK(step.prediction.dtype() == dtype);
      REQUIRE(step.state.tensors.size() == names.size());
      for (size_t k = 0; k < names.size(); ++k) {
        CAPTURE(names[k]);
        CHECK(state.tensors[k].dim(0) == 3);
        const auto type = options.network.state_type;
        const bool in_bf16 = (names[k].ends_with(".h") && type != vsml::StateType::Float32) ||
                             (names[k].ends_with(".c") && type == vsml::StateType::Bfloat16);
        CHECK(state.tensors[k].dtype() == (in_bf16 ? DType::bf16 : dtype));
        CHECK(step.state.tensors[k].shape() == state.tensors[k].shape());
        CHECK(step.state.tensors[k].dtype() == state.tensors[k].dtype());
      }
    }
  }
}

TEST_CASE("every learner: the prediction does not depend on the label, the state does") {
  for_all_learners([](const Learner& learner, const ParamSet& params) {
    const int64_t batch = batch_of(learner);
    const LearnerState state = experienced(learner, params, 2, batch);
    const Tensor input = input_at(5, 2, batch), label = label_at(5, 2, batch);
    const Tensor other = engine::concat({slice(label, 2, 1, 3), slice(label, 2, 0, 1)}, 2);
    const LearnerStep a = learner.step(params, state, input, label);
    const LearnerStep b = learner.step(params, state, input, other);
    CHECK(same_bits(a.prediction, b.prediction));
    CHECK_FALSE(same_bits(a.state, b.state));
  });
}

TEST_CASE("every learner: stepping a copy leaves the state as it was, and equals stepping it") {
  for_all_learners([](const Learner& learner, const ParamSet& params) {
    const int64_t batch = batch_of(learner);
    LearnerState state = experienced(learner, params, 2, batch);
    const LearnerState saved = detached(state);
    const Tensor input = input_at(5, 2, batch), label = label_at(5, 2, batch);
    const LearnerStep copied = learner.step(params, state, input, label);
    CHECK(same_bits(state, saved));
    CHECK_FALSE(same_bits(copied.state, saved));
    const LearnerStep moved = learner.step(params, std::move(state), input, label);
    CHECK(same_bits(moved.state, copied.state));
    CHECK(same_bits(moved.prediction, copied.prediction));
  });
}

TEST_CASE("every learner: a member of a population is the same alone") {
  for_all_learners([](const Learner& learner, const ParamSet& shared) {
    constexpr int64_t kMembers = 3;
    const int64_t batch = batch_of(learner);
    // with shared parameters, and with one set per member
    std::vector<Tensor> own;
    for (int64_t p = 0; p < kMembers; ++p) {
      own.push_back(shared.flat() + 0.01 * static_cast<double>(p));
    }
    for (const Tensor& flat : {shared.flat(), engine::stack(own, 0)}) {
      const ParamSet params(learner.layout(), flat);
      const std::vector<engine::RngKey> keys = member_keys(1, kMembers);
      LearnerState together = learner.initial_state(params, keys, batch);
      std::vector<LearnerState> alone;
      const auto part = [](const Tensor& x, int64_t p) { return slice(x, 0, p, p + 1); };
      const auto mine = [&](int64_t p) {
        return ParamSet(learner.layout(), params.per_member() ? part(flat, p) : flat);
      };
      for (int64_t p = 0; p < kMembers; ++p) {
        alone.push_back(learner.initial_state(mine(p), {keys[static_cast<size_t>(p)]}, batch));
      }
      CHECK(same_bits(together, vsml::side_by_side(alone)));
      for (uint64_t t = 0; t < 4; ++t) {
        const Tensor input = input_at(t, kMembers, batch);
        const Tensor label = label_at(t, kMembers, batch);
        LearnerStep step = learner.step(params, std::move(together), input, label);
        together = std::move(step.state);
        for (int64_t p = 0; p < kMembers; ++p) {
          LearnerState& state = alone[static_cast<size_t>(p)];
          LearnerStep one = learner.step(mine(p), std::move(state), part(input, p), part(label, p));
          state = std::move(one.state);
          CHECK(error_of(part(step.prediction, p), one.prediction) < 1e-12);
          CHECK(error_of(members_of(together, p, p + 1), state) < 1e-12);
        }
      }
    }
  });
}

TEST_CASE("learners with hidden layers: a task's are as those of the options") {
  LearnerOptions vsml, sgd, rule;
  vsml.type = LearnerType::Vsml;
  sgd.type = LearnerType::Sgd;
  rule.type = LearnerType::LearnedRule;
  vsml.network.layers.back().constant_input = 1;
  std::vector<std::pair<LearnerOptions, LearnerOptions>> cases;  // without, with
  for (const LearnerOptions& plain : {vsml, sgd, rule}) {
    LearnerOptions hidden = plain;
    hidden.network.layers.insert(hidden.network.layers.begin(), 2, plain.network.layers.back());
    hidden.network.layers[0].outputs = 5;
    hidden.network.layers[1].outputs = 2;
    hidden.mlp.hidden = hidden.learned_rule.hidden = {5, 2};
    cases.emplace_back(plain, hidden);
  }
  TaskDims task = kDims;
  task.hidden = {5, 2};
  for (const auto& [plain, hidden] : cases) {
    CAPTURE(static_cast<int>(plain.type));
    const auto expected = make_learner(hidden, kDims, DType::f64),
               without = make_learner(plain, kDims, DType::f64);
    const auto by_task = make_learner(plain, task, DType::f64),
               over_own = make_learner(hidden, task, DType::f64);
    const ParamSet params(expected->layout(), expected->initial_params({}));
    const auto after_two = [&params](const Learner& learner) {
      return experienced(learner, params, 2, 1);
    };
    CHECK(same_bits(after_two(*by_task), after_two(*expected)));
    CHECK(same_bits(after_two(*over_own), after_two(*expected)));
    CHECK(after_two(*without).tensors.size() < after_two(*expected).tensors.size());
  }
}

TEST_CASE("every learner: the same key gives the same state, another key another") {
  for (const LearnerOptions& options : every_learner(kDims)) {
    CAPTURE(options.name);
    const auto learner = make_learner(options, kDims);
    const ParamSet params(learner->layout(), learner->initial_params({}));
    const LearnerState a = learner->initial_state(params, member_keys(1, 2), 1);
    CHECK(same_bits(a, learner->initial_state(params, member_keys(1, 2), 1)));
    double largest = 0;
    for (const Tensor& part : a.tensors)
      largest = std::max(largest, max(abs(cast(part, DType::f64))).item());
    // Nothing of these is random.
    if (largest == 0 || options.type == LearnerType::RecursiveLeastSquares) continue;
    CHECK_FALSE(same_bits(a, learner->initial_state(params, member_keys(2, 2), 1)));
    CHECK_FALSE(same_bits(members_of(a, 0, 1), members_of(a, 1, 2)));
  }
}

TEST_CASE("every learner: examples that do not fit are told") {
  for_all_learners([](const Learner& learner, const ParamSet& params) {
    const LearnerState state = learner.initial_state(params, member_keys(1, 2), batch_of(learner));
    const auto refuses = [&](const Shape& input, const Shape& label) {
      CAPTURE(engine::to_string(input) + " " + engine::to_string(label));
      CHECK_THROWS_AS(learner.step(params, state, Tensor::zeros(input, DType::f64),
                                   Tensor::zeros(label, DType::f64)),
                      engine::ShapeError);
    };
    refuses({2, 2, 5}, {2, 2, 3});
    refuses({2, 2, 1}, {2, 2, 3});
    refuses({2, 2, 4}, {2, 2, 2});
    refuses({2, 2, 4}, {2, 2, 1});
    refuses({2, 2, 4}, {2, 1, 3});
    refuses({2, 1, 4}, {2, 2, 3});
    refuses({1, 2, 4}, {1, 2, 3});
    refuses({3, 2, 4}, {3, 2, 3});
    refuses({2, 4}, {2, 3});
  });
}

TEST_CASE("every learner: the message says what was expected") {
  LearnerOptions options;
  options.type = LearnerType::Sgd;
  const auto sgd = make_learner(options, kDims);
  const ParamSet params(sgd->layout(), sgd->initial_params({}));
  const LearnerState state = sgd->initial_state(params, member_keys(1, 2), 1);
  std::string text;
  try {
    sgd->step(params, state, Tensor::zeros({2, 1, 4}, DType::f32),
              Tensor::zeros({2, 1, 2}, DType::f32));
  } catch (const engine::ShapeError& error) {
    text = error.what();
  }
  CHECK(text == "sgd: expected input [2, B, 4] and label [2, B, 3], got [2, 1, 4] and [2, 1, 2]");
}

TEST_CASE("learner state: parts, joins, bytes") {
  const LearnerState state{{values({3, 2}, -1, 1, 1), values({3, 4, 2}, -1, 1, 2)}};
  CHECK(bytes_of(state) == (6 + 24) * 8);
  const LearnerState last = members_of(state, 1, 3);
  CHECK(last.tensors[1].shape() == Shape{2, 4, 2});
  CHECK(same_bits(vsml::side_by_side({members_of(state, 0, 1), last}), state));
  CHECK(same_bits(detached(state), state));
  CHECK(detached(state).tensors[0].id() != state.tensors[0].id());
}
