// Meta-testing: scores against learners run by hand, and what they may depend on.
#include "vsml/meta/evaluate.h"

#include <cmath>
#include <doctest/doctest.h>

#include "engine/error.h"
#include "tests/vsml/meta_setup.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/learners/learner_family.h"
#include "vsml/random_purpose.h"

using engine::DType;
using engine::ParamSet;
using vsml::EpisodeScore;
using vsml::EvaluateOptions;
using vsml::Lane;
using vsml::LearnerFamily;
using vsml::LearnerOptions;
using vsml::LearnerType;
using vsml::RandomPurpose;
using vsml::Task;
using vsml::TaskMixture;
using namespace vsml::test;

namespace {

constexpr uint64_t kSeed = 33;

LearnerOptions baseline(LearnerType type) {
  LearnerOptions options;
  options.type = type;
  options.mlp.learning_rate = {0.1};
  return options;
}

std::vector<EpisodeScore> scores(const LearnerFamily& family,
                                 const std::shared_ptr<const Task>& task,
                                 const EvaluateOptions& options, uint64_t seed = kSeed) {
  const vsml::Learner& learner = family.for_dims({task->inputs(), task->num_classes()});
  return evaluate(family, learner.initial_params({1, 1, 0, 0}), task, options, seed);
}

bool same_bits(const std::vector<EpisodeScore>& a, const std::vector<EpisodeScore>& b) {
  return a == b;  // none of them is NaN or a negative zero
}

}  // namespace

TEST_CASE("evaluate: a learner that remembers is wrong once about each image") {
  // Ten images of ten classes, gone through twice. In the first pass no class was seen before, and
  // a class never seen is the least likely; only the very first guess, class 0, can be right. In
  // the second pass every image is the mean of its class.
  const auto task = lit_pixel_task({0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  const LearnerFamily family(baseline(LearnerType::NearestMean), DType::f64, {});
  int lucky = 0;
  for (const EpisodeScore& score : scores(family, task, {40, 20, 7})) {
    CHECK(score.accuracy_last == doctest::Approx(1));
    if (score.accuracy > 0.525) ++lucky;
    CHECK(score.accuracy == doctest::Approx(score.accuracy > 0.525 ? 0.55 : 0.5));
  }
  CHECK(lucky > 0);
  CHECK(lucky < 20);
}

TEST_CASE("evaluate: the last tenth is at least one example and no more than a tenth") {
  const auto task = lit_pixel_task({0, 1, 2, 3});
  const LearnerFamily family(baseline(LearnerType::NearestMean), DType::f64, {});
  // Examples 0 .. 3 are wrong but for luck with the first, later ones right.
  for (const EpisodeScore& score : scores(family, task, {20, 4, 8})) {
    CHECK(score.accuracy_last == 0);
  }
  for (const EpisodeScore& score : scores(family, task, {20, 5, 8})) {
    CHECK(score.accuracy_last == doctest::Approx(1));
  }
  for (const EpisodeScore& score : scores(family, task, {20, 150, 8})) {
    CHECK(score.accuracy_last == doctest::Approx(1));
    CHECK(score.accuracy >= 146.0 / 150 - 1e-12);
  }
}

TEST_CASE("evaluate: scores are those of learners run by hand, the same episodes for all") {
  const auto task = random_task(3, 2, 12);
  const TaskMixture only({task}, {1});
  constexpr int64_t kLength = 70;  // more than one block of examples
  LearnerOptions vsml = tiny_learner();
  for (const LearnerOptions& options :
       {baseline(LearnerType::NearestMean), baseline(LearnerType::Sgd), baseline(LearnerType::Adam),
        vsml}) {
    const LearnerFamily family(options, DType::f64, {});
    const vsml::Learner& learner = family.for_dims({3, 2});
    const ParamSet params(family.layout(), learner.initial_params({1, 1, 0, 0}));
    const auto got = scores(family, task, {5, kLength, 2});
    REQUIRE(got.size() == 5);
    for (uint32_t k = 0; k < 5; ++k) {
      const engine::RngKey key =
          vsml::key_for({kSeed, 0, k, 0}, RandomPurpose::EvaluationLifetime, 0);
      CHECK(key.seed != kSeed);  // so that it is no lifetime of meta-training
      const Lane lane = begin_lane(only, family, params, key, kLength, 1);
      const Walk want = walk(learner, params, lane, kLength, 1);
      CHECK(got[k].accuracy == doctest::Approx(mean_of(want.correct)).epsilon(1e-12));
      CHECK(got[k].loss == doctest::Approx(mean_of(want.loss)).epsilon(1e-10));
      const std::vector<double> last(want.correct.end() - 7, want.correct.end());
      CHECK(got[k].accuracy_last == doctest::Approx(mean_of(last)).epsilon(1e-12));
      REQUIRE(got[k].curve.size() == 40);
      for (size_t w = 0; w < 40; ++w) {  // windows of one or two of the 70 examples
        const std::vector<double> window(
            want.correct.begin() + static_cast<long>(70 * w / 40),
            want.correct.begin() + static_cast<long>(70 * (w + 1) / 40));
        CHECK(got[k].curve[w] == doctest::Approx(mean_of(window)).epsilon(1e-12));
      }
      // Two classes: what is right in the last 7 examples is on the diagonal.
      const std::vector<int64_t>& confusion = got[k].confusion;
      REQUIRE(confusion.size() == 4);
      CHECK(confusion[0] + confusion[1] + confusion[2] + confusion[3] == 7);
      CHECK(static_cast<double>(confusion[0] + confusion[3]) == doctest::Approx(7 * mean_of(last)));
    }
    CHECK(got[0].loss != got[1].loss);
  }
}

TEST_CASE("evaluate: the number of threads changes no bit, chunks only the rounding") {
  const LearnerFamily family(tiny_learner(), DType::f32, {});
  const auto task = random_task(3, 2);
  const EvaluateOptions options{7, 30, 2};
  std::vector<EpisodeScore> one;
  {
    const Threads threads(1);
    one = scores(family, task, options);
  }
  for (const int count : {2, 3, 7}) {
    const Threads threads(count);
    CHECK(same_bits(scores(family, task, options), one));
  }
  const LearnerFamily exact(tiny_learner(), DType::f64, {});
  const auto pairs = scores(exact, task, options), all = scores(exact, task, {7, 30, 100});
  for (size_t k = 0; k < 7; ++k) {
    CHECK(pairs[k].loss == doctest::Approx(all[k].loss).epsilon(1e-12));
    CHECK(pairs[k].accuracy == doctest::Approx(all[k].accuracy));
  }
}

TEST_CASE("evaluate: more episodes begin with the same ones; another seed has others") {
  const LearnerFamily family(baseline(LearnerType::NearestMean), DType::f64, {});
  const auto task = random_task(3, 2);
  const auto few = scores(family, task, {3, 20, 1}), more = scores(family, task, {6, 20, 1});
  CHECK(same_bits(few, {more.begin(), more.begin() + 3}));
  CHECK_FALSE(same_bits(few, scores(family, task, {3, 20, 1}, kSeed + 1)));
}

TEST_CASE("evaluate: the score of a prefix is that of an episode that ends there") {
  const LearnerFamily family(tiny_learner(), DType::f64, {});
  const auto task = random_task(3, 2);
  const engine::Tensor params = family.for_dims({3, 2}).initial_params({1, 1, 0, 0});
  const auto both = evaluate_lengths(family, params, task, {5, 90, 2}, {20, 90}, kSeed);
  REQUIRE(both.size() == 2);
  CHECK(same_bits(both[0], evaluate(family, params, task, {5, 20, 2}, kSeed)));
  CHECK(same_bits(both[1], evaluate(family, params, task, {5, 90, 2}, kSeed)));
}

TEST_CASE("paired difference: mean and 95 % interval, by Student's t") {
  // Differences 1, 2, 3, 6: mean 3, sample deviation sqrt(14 / 3), t of 3 degrees 3.182.
  const auto d = vsml::paired_difference({2, 4, 6, 10}, {1, 2, 3, 4});
  CHECK(d.mean == doctest::Approx(3));
  const double margin = 3.182 * std::sqrt(14.0 / 3 / 4);
  CHECK(d.low == doctest::Approx(3 - margin).epsilon(1e-3));
  CHECK(d.high == doctest::Approx(3 + margin).epsilon(1e-3));
  // 97.5 % quantiles from tables, for differences of deviation sqrt(n / (n - 1)) around 0.
  for (const auto& [freedom, quantile] :
       {std::pair<int, double>{9, 2.262}, {15, 2.131}, {39, 2.023}}) {
    std::vector<double> a, b(static_cast<size_t>(freedom) + 1, 0);
    for (int k = 0; k <= freedom; ++k) a.push_back(k % 2 == 0 ? 1 : -1);
    const double got = vsml::paired_difference(a, b).high;
    CHECK(got == doctest::Approx(quantile / std::sqrt(freedom)).epsilon(1e-3));
  }
  CHECK(std::isinf(vsml::paired_difference({1}, {0}).high));
}

TEST_CASE("evaluate: an episode longer than the task is told") {
  vsml::TaskOptions options;
  options.dataset = "random";
  const auto task = std::make_shared<const Task>(options, vsml::DataFolders{});
  const LearnerFamily family(baseline(LearnerType::NearestMean), DType::f32, {});
  CHECK_NOTHROW(scores(family, task, {1, 20, 1}));
  std::string text, hint;
  try {
    scores(family, task, {1, 21, 1});
  } catch (const engine::Error& error) {
    text = error.what();
    hint = error.hint();
  }
  CHECK(text == "task random: expected at least 21 examples for one episode, found 20");
  CHECK(hint.find("repeat") != std::string::npos);
}

TEST_CASE("summarize: means and the sample deviation") {
  const auto summary = vsml::summarize({{0.5, 0.7, 1}, {0.9, 0.8, 2}, {0.7, 0.3, 6}});
  CHECK(summary.accuracy == doctest::Approx(0.7));
  CHECK(summary.accuracy_sd == doctest::Approx(0.2));
  CHECK(summary.accuracy_last == doctest::Approx(0.6));
  CHECK(summary.loss == doctest::Approx(3));
  const auto single = vsml::summarize({{0.5, 0.7, 1}});
  CHECK(single.accuracy == 0.5);
  CHECK(single.accuracy_sd == 0);
}
