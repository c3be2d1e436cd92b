#include "vsml/meta/introspect.h"

#include <cmath>
#include <doctest/doctest.h>

#include "tests/vsml/meta_setup.h"
#include "vsml/learners/learner_family.h"
#include "vsml/random_purpose.h"

namespace {

using engine::DType;
using engine::Tensor;
using vsml::LearnerFamily;
using vsml::LearnerState;

// Softmax by hand.
double share(const Tensor& prediction, size_t label) {
  const std::vector<double> y = prediction.to_vector<double>();
  double sum = 0;
  for (const double one : y) sum += std::exp(one);
  return std::exp(y[label]) / sum;
}

Tensor one_hot(size_t label, size_t classes) {
  std::vector<double> values(classes);
  values[label] = 1;
  return Tensor::from(values, {1, 1, static_cast<int64_t>(classes)});
}

}  // namespace

TEST_CASE("introspect: two looks at each example, by hand; afterwards labels are exchanged") {
  constexpr int64_t kLength = 30, kSwap = 20;
  constexpr size_t kInputs = 3, kClasses = 4;
  constexpr uint64_t kSeed = 5;
  vsml::LearnerOptions sgd;
  sgd.type = vsml::LearnerType::Sgd;
  sgd.mlp.learning_rate = {0.3};
  const LearnerFamily family(sgd, DType::f64, {});
  vsml::TaskOptions options;
  options.dataset = "random";
  options.inputs = kInputs;
  options.num_classes = kClasses;
  options.pairs = 12;
  options.repeat = true;
  const auto task = std::make_shared<const vsml::Task>(options, vsml::DataFolders{});
  const vsml::Learner& learner = family.for_dims(task->dims());
  const engine::ParamSet params(family.layout(), learner.initial_params({1, 1, 0, 0}));
  const vsml::EvaluateOptions evaluation{3, kLength, 2};
  const auto got = introspect(family, params.flat(), task, evaluation, kSwap, kSeed);
  REQUIRE(got.introspection.before.size() == kLength);

  std::vector<double> before(kLength), after(kLength), false_before(kLength), false_after(kLength),
      old(kLength);
  for (int64_t episode = 0; episode < 3; ++episode) {
    const engine::RngKey key = vsml::episode_key(kSeed, episode);
    const vsml::Lifetime lifetime = task->lifetime(key);
    LearnerState state =
        learner.initial_state(params, {vsml::key_for(key, vsml::RandomPurpose::InitialState)}, 1);
    double hits = 0;
    for (int64_t t = 0; t < kLength; ++t) {
      std::vector<float> x(kInputs), y(kClasses);
      lifetime.examples(t, 1, x.data(), y.data());
      const auto original = static_cast<size_t>(std::max_element(y.begin(), y.end()) - y.begin());
      const size_t label = t < kSwap ? original : (original + 1) % kClasses;
      const size_t wrong = (label + 1) % kClasses;
      const Tensor input = Tensor::from(std::vector<double>(x.begin(), x.end()), {1, 1, kInputs});
      const auto first = learner.step(params, state, input, one_hot(label, kClasses));
      const auto misled = learner.step(params, state, input, one_hot(wrong, kClasses));
      const auto k = static_cast<size_t>(t);
      const auto look = [&](const LearnerState& at, size_t of) {
        return share(learner.step(params, at, input, one_hot(0, kClasses)).prediction, of) / 3;
      };
      before[k] += look(state, label);
      after[k] += look(first.state, label);
      false_before[k] += look(state, wrong);
      false_after[k] += look(misled.state, wrong);
      old[k] += look(state, original);
      const std::vector<double> p = first.prediction.to_vector<double>();
      hits += static_cast<size_t>(std::max_element(p.begin(), p.end()) - p.begin()) == label;
      state = first.state;
    }
    CHECK(got.scores[static_cast<size_t>(episode)].accuracy ==
          doctest::Approx(hits / kLength).epsilon(1e-12));
  }
  for (size_t k = 0; k < static_cast<size_t>(kLength); ++k) {
    CAPTURE(k);
    // Softmax of both sides in double: rounding only.
    CHECK(got.introspection.before[k] == doctest::Approx(before[k]).epsilon(1e-10));
    CHECK(got.introspection.after[k] == doctest::Approx(after[k]).epsilon(1e-10));
    CHECK(got.introspection.false_before[k] == doctest::Approx(false_before[k]).epsilon(1e-10));
    CHECK(got.introspection.false_after[k] == doctest::Approx(false_after[k]).epsilon(1e-10));
    CHECK(got.introspection.old[k] == doctest::Approx(old[k]).epsilon(1e-10));
    CHECK(got.introspection.after[k] > got.introspection.before[k]);  // a step down the gradient
  }
  // Without a swap the accuracies are those of a meta-test.
  const auto plain = introspect(family, params.flat(), task, evaluation, 0, kSeed);
  CHECK((plain.scores == evaluate(family, params.flat(), task, evaluation, kSeed)));
  CHECK((plain.introspection.old == plain.introspection.before));
}
