// A device that is not the CPU: every learner, every meta-optimiser and every checkpoint on it.
// Without one (a GPU, or tests/stand_in) there is nothing to be tested.
#include <cstdlib>
#include <doctest/doctest.h>

#include "engine/backend.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "tests/temporary_folder.h"
#include "tests/vsml/learner_variants.h"
#include "tests/vsml/meta_setup.h"
#include "tests/vsml/network_variants.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/example_loop.h"
#include "vsml/experiment/meta_checkpoint.h"
#include "vsml/learners/make_learner.h"
#include "vsml/meta/evaluate.h"

using engine::Device;
using engine::DType;
using engine::ParamSet;
using engine::Tensor;
using vsml::ExampleLoop;
using vsml::Learner;
using vsml::LearnerFamily;
using vsml::LearnerOptions;
using vsml::LearnerState;
using vsml::LearnerStep;
using vsml::LearnerType;
using vsml::MetaState;
using namespace vsml::test;

namespace {

const Device kGpu{Device::Kind::Cuda, 0};
const vsml::TaskDims kDims{4, 3};
// f64 on both sides; sums are in another order.
constexpr double kBound = 1e-10, kGradient = 1e-8;
constexpr uint64_t kSteps = 5;

bool absent() {
  if (engine::available(kGpu)) return false;
  MESSAGE("cuda:0 is not present: skipped");
  return true;
}

Tensor params_of(const LearnerOptions& options, const Learner& learner) {
  if (options.type == LearnerType::Vsml) return lively_params(learner.layout(), 5);
  return is_meta_trained(options.type) ? moving_params(learner, 5)
                                       : learner.initial_params({1, 1, 0, 0});
}

Tensor input_at(uint64_t t, int64_t batch) {
  return values({3, batch, kDims.inputs}, -1.5, 1.5, 70 + t);
}
Tensor label_at(uint64_t t, int64_t batch) {
  return labels(3, batch, kDims.classes, 80 + t);
}

LearnerState on_cpu(LearnerState state) {
  for (Tensor& part : state.tensors) part = part.to({});
  return state;
}

// Predictions and last state of some examples, then the gradient of all by the parameters.
std::vector<Tensor> experience(const Learner& learner, const Tensor& flat, int64_t batch,
                               bool gradients) {
  const Device device = flat.device();
  const ParamSet params(learner.layout(), flat);
  engine::Tape tape;
  if (gradients) tape.watch(flat);
  LearnerState state = learner.initial_state(params, member_keys(1, 3), batch);
  Tensor loss = Tensor::scalar(0, flat.dtype(), device);
  std::vector<Tensor> all;
  for (uint64_t t = 0; t < kSteps; ++t) {
    LearnerStep next =
        learner.step(params, std::move(state), cast(input_at(t, batch), flat.dtype()).to(device),
                     cast(label_at(t, batch), flat.dtype()).to(device));
    state = std::move(next.state);
    CHECK(next.prediction.device() == device);
    all.push_back(next.prediction.to({}));
    loss = loss + sum(square(next.prediction));
  }
  for (const Tensor& part : state.tensors) {
    CHECK(part.device() == device);
    all.push_back(part.to({}));
  }
  if (gradients) all.push_back(tape.gradient(loss, {flat})[0].to({}));
  return all;
}

// With Adam's usual epsilon a gradient that is 0 but for rounding makes a whole step.
vsml::MetaOptions steady(vsml::MetaOptions options) {
  options.population = 3;
  options.epsilon = 1e-3;
  return options;
}

struct Training {
  Training(const vsml::MetaOptions& options, Device device)
      : tasks(mixed_tasks()),
        family(tiny_learner(), DType::f32, device),
        trainer(options, family, tasks, kMetaSeed) {}
  MetaState begin() const {
    return trainer.initial_state(
        cast(lively_params(family.layout(), 5), DType::f32).to(family.device()));
  }
  vsml::TaskMixture tasks;
  LearnerFamily family;
  vsml::MetaTrainer trainer;
};

// A learner whose states change places, and whose prediction is a part of its old state.
class Juggler final : public Learner {
 public:
  Juggler() { layout_.add("step", {1}); }
  const vsml::TaskDims& dims() const override { return dims_; }
  const engine::ParamLayout& layout() const override { return layout_; }
  Tensor initial_params(const engine::RngKey&) const override {
    return Tensor::full({1}, 0.25, DType::f64, kGpu);
  }
  std::vector<std::string> state_names() const override { return {"a", "b", "c", "d"}; }
  LearnerState initial_state(const ParamSet&, const std::vector<engine::RngKey>&,
                             int64_t) const override {
    const Tensor twice = values({1, 1, 3}, -1, 1, 3).to(kGpu);
    return {
        {twice, twice, values({1, 1, 3}, -1, 1, 4).to(kGpu), values({1, 3}, -1, 1, 5).to(kGpu)}};
  }
  vsml::LearnerMemory memory(int64_t, int64_t) const override { return {}; }
  LearnerStep step(const ParamSet& params, LearnerState state, const Tensor& input,
                   const Tensor& label) const override {
    const auto& s = state.tensors;
    Tensor next = s[0] + input * params["step"];
    return {{{s[1], next, s[0],
              engine::reshape(next, {1, 3}) * 0.5 + s[3] + engine::reshape(label, {1, 3})}},
            s[2]};
  }

 private:
  vsml::TaskDims dims_{3, 3};
  engine::ParamLayout layout_;
};

}  // namespace

TEST_CASE("every learner on a GPU: predictions, states and gradients are those of the CPU") {
  if (absent()) return;
  for (const LearnerOptions& options : every_learner(kDims)) {
    CAPTURE(options.name);
    const auto here = make_learner(options, kDims, DType::f64);
    const auto there = make_learner(options, kDims, DType::f64, kGpu);
    CHECK(there->initial_params({1, 1, 0, 0}).device() == kGpu);
    const Tensor flat = params_of(options, *here);
    const int64_t batch = here->takes_batches() ? 2 : 1;
    const bool trained = is_meta_trained(options.type);
    const auto want = experience(*here, flat, batch, trained);
    const auto got = experience(*there, flat.to(kGpu), batch, trained);
    REQUIRE(got.size() == want.size());
    for (size_t k = 0; k < want.size(); ++k) {
      CAPTURE(k);
      // Gradients of states in bf16 are f32.
      const bool wide = options.network.state_type == vsml::StateType::Float32;
      const double gradient = wide ? kGradient : 1e-6;
      CHECK(error_of(got[k], want[k]) < (trained && k + 1 == want.size() ? gradient : kBound));
    }
  }
}

TEST_CASE("a GPU can record, unless it is told not to") {
  if (absent()) return;
  const char* wanted = std::getenv("ENGINE_GRAPHS");
  const bool off = wanted != nullptr && std::string(wanted) == "off";
  CHECK(engine::backend(kGpu).can_record() == !off);
}

TEST_CASE("a loop over examples on a GPU gives the bits of single steps") {
  if (absent()) return;
  std::vector<LearnerOptions> all = every_learner(kDims);
  all.emplace_back().name = "vsml, fused";  // of the default size
  for (const LearnerOptions& options : all) {
    CAPTURE(options.name);
    const bool fused = options.name == "vsml, fused";
    const DType dtype = fused ? DType::f32 : DType::f64;
    const auto learner = make_learner(options, kDims, dtype, kGpu);
    const int64_t batch = learner->takes_batches() ? 2 : 1;
    const Tensor flat =
        cast(params_of(options, *make_learner(options, kDims, DType::f64)), dtype).to(kGpu);
    const ParamSet params(learner->layout(), flat);
    const auto born = [&] { return learner->initial_state(params, member_keys(1, 3), batch); };
    LearnerState state = born();
    ExampleLoop loop(*learner, params, born());
    engine::Backend& backend = engine::backend(kGpu);
    (void)backend.can_record();  // which is tried out with copies, once
    for (uint64_t t = 0; t < 2 * kSteps; ++t) {
      CAPTURE(t);
      const Tensor input = cast(input_at(t, batch), dtype).to(kGpu);
      const Tensor label = cast(label_at(t, batch), dtype).to(kGpu);
      LearnerStep next = learner->step(params, std::move(state), input, label);
      state = std::move(next.state);
      const int64_t copies = backend.host_copies();
      const Tensor prediction = loop.step(input, label);
      if (options.type == LearnerType::Vsml) CHECK(backend.host_copies() == copies);
      CHECK(same_bits(prediction.to({}), next.prediction.to({})));
    }
    CHECK(same_bits(on_cpu(std::move(loop).take_state()), on_cpu(state)));
  }
}

TEST_CASE("a loop over examples keeps states apart that change places") {
  if (absent()) return;
  const Juggler learner;
  const ParamSet params(learner.layout(), learner.initial_params({}));
  LearnerState state = learner.initial_state(params, {}, 1);
  const LearnerState kept = learner.initial_state(params, {}, 1);
  const LearnerState before = on_cpu(kept);
  ExampleLoop loop(learner, params, kept);  // whose tensors somebody else holds
  for (uint64_t t = 0; t < 7; ++t) {
    const Tensor input = values({1, 1, 3}, -1, 1, 10 + t).to(kGpu);
    const Tensor label = values({1, 1, 3}, -1, 1, 30 + t).to(kGpu);
    LearnerStep next = learner.step(params, std::move(state), input, label);
    state = std::move(next.state);
    CHECK(same_bits(loop.step(input, label).to({}), next.prediction.to({})));
  }
  CHECK(same_bits(on_cpu(std::move(loop).take_state()), on_cpu(state)));
  CHECK(same_bits(on_cpu(kept), before));
}

TEST_CASE("meta-training on a GPU, and checkpoints that change between it and the CPU") {
  if (absent()) return;
  // f32: roundings of 1e-7 are a part of 1e-3 of es' differences of losses, and so of a step of
  // 0.01. A step that is wrong is off by most of it.
  constexpr double kClose = 1e-3;
  const engine::test::TemporaryFolder folder;
  for (const NamedMetaOptions& named : meta_options_of_all_kinds()) {
    CAPTURE(named.name);
    const vsml::MetaOptions options = steady(named.options);
    const Training here(options, {}), there(options, kGpu);
    MetaState want = here.begin(), got = there.begin();
    for (int k = 0; k < 4; ++k) {
      if (k == 2) {  // and from here on each goes on with the other's
        vsml::write_meta_checkpoint(folder / "cpu", {want, "", 0});
        vsml::write_meta_checkpoint(folder / "gpu", {got, "", 0});
        want =
            read_meta_checkpoint(folder / "gpu", here.trainer, options, here.family.layout()).state;
        got = read_meta_checkpoint(folder / "cpu", there.trainer, options, there.family.layout())
                  .state;
      }
      here.trainer.step(want);
      there.trainer.step(got);
      CHECK(got.params.device() == kGpu);
      CHECK(want.params.device() == Device{});
      CHECK(error_of(got.params.to({}), want.params) < kClose);
      REQUIRE(got.lanes.size() == want.lanes.size());
      for (size_t lane = 0; lane < got.lanes.size(); ++lane) {
        CHECK(got.lanes[lane].age == want.lanes[lane].age);
        CHECK(error_of(on_cpu(got.lanes[lane].state), want.lanes[lane].state) < 1e-2);
      }
    }
  }
}

TEST_CASE("meta-testing on a GPU gives the scores of the CPU") {
  if (absent()) return;
  const auto task = sum_sign_task(3);
  const LearnerFamily here(tiny_learner(), DType::f64, {}), there(tiny_learner(), DType::f64, kGpu);
  const Tensor params = lively_params(here.layout(), 5);
  const vsml::EvaluateOptions options{5, 12, 2};
  const auto want = evaluate(here, params, task, options, 9);
  const auto got = evaluate(there, params.to(kGpu), task, options, 9);
  for (size_t k = 0; k < want.size(); ++k) {
    CHECK(got[k].loss == doctest::Approx(want[k].loss).epsilon(1e-10));
    CHECK(got[k].accuracy == want[k].accuracy);
  }
}
