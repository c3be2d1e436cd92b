// Few-shot episodes: which examples they are made of, and that meta-training and meta-tests count
// the queries alone, against learners run by hand.
#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <map>
#include <numeric>
#include <set>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "tests/vsml/meta_setup.h"
#include "tests/vsml/spec_failures.h"
#include "tests/vsml/task_examples.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/meta/bptt.h"
#include "vsml/meta/es.h"
#include "vsml/meta/evaluate.h"
#include "vsml/meta/introspect.h"

using engine::DType;
using engine::ParamSet;
using engine::RngKey;
using engine::Tensor;
using namespace vsml;
using namespace vsml::test;

namespace {

// Three classes of 4, 5 and 6 images; image k has pixel k lit.
const std::vector<uint8_t> kLabels = {0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2};
constexpr int64_t kSizes[] = {4, 5, 6};

TaskOptions shots_of(int64_t shots, int64_t classes) {
  TaskOptions options;
  options.shots = shots;
  options.draw_classes = classes;
  options.standardize = false;
  return options;
}

std::shared_ptr<const Task> shots_task(int64_t shots = 2, int64_t classes = 2) {
  return lit_pixel_task(kLabels, shots_of(shots, classes));
}

// Which image each example is.
std::vector<size_t> images_of(const Examples& got) {
  std::vector<size_t> images;
  for (int64_t t = 0; t < std::ssize(got.labels); ++t) {
    const Values input = got.input(t);
    REQUIRE(std::count(input.begin(), input.end(), 1.0f) == 1);
    images.push_back(
        static_cast<size_t>(std::find(input.begin(), input.end(), 1.0f) - input.begin()));
  }
  return images;
}

double mean_from(const std::vector<double>& numbers, size_t first) {
  return mean_of(
      std::vector<double>(numbers.begin() + static_cast<std::ptrdiff_t>(first), numbers.end()));
}

// A learner of shots_task() in double precision.
struct Setup {
  std::shared_ptr<const Task> task = shots_task();
  TaskMixture tasks{{task}, {1}};
  LearnerFamily family{tiny_learner(), DType::f64, {}};
  const Learner& learner = family.for_dims(task->dims());
  ParamSet params{family.layout(), lively_params(family.layout(), 5)};

  Lane lane(uint32_t member, int64_t length, int64_t batch) const {
    return begin_lane(tasks, family, params, {8, 0, 0, member}, length, batch);
  }
};

}  // namespace

TEST_CASE("shots: so many of each class come first, the rest of these classes after") {
  const auto task = shots_task();
  CHECK(task->support() == 4);
  CHECK(task->max_examples() == 9);
  CHECK(lit_pixel_task(kLabels)->support() == 0);
  std::set<std::vector<size_t>> episodes;
  std::map<std::vector<int>, int> patterns;  // labels of the support
  for (uint32_t step = 0; step < 600; ++step) {
    const RngKey key{11, 0, step, 2};
    const Examples all = examples(*task, key, 0, 9);
    const std::vector<size_t> images = images_of(all);
    episodes.insert(images);
    REQUIRE(std::set<size_t>(images.begin(), images.end()).size() == 9);
    int64_t class_of[2] = {-1, -1}, count[2] = {}, present[2] = {};
    for (size_t t = 0; t < 9; ++t) {
      const auto label = static_cast<size_t>(all.labels[t]);
      const int64_t old = kLabels[images[t]];
      if (class_of[label] < 0) class_of[label] = old;
      REQUIRE(class_of[label] == old);
      if (t < 4) ++count[label];
      ++present[label];
    }
    REQUIRE(class_of[0] != class_of[1]);
    REQUIRE(count[0] == 2);
    REQUIRE(count[1] == 2);
    // 9 examples are all there are of the two smallest classes, and not all of others.
    REQUIRE(present[0] <= kSizes[class_of[0]]);
    REQUIRE(present[1] <= kSizes[class_of[1]]);
    ++patterns[std::vector<int>(all.labels.begin(), all.labels.begin() + 4)];
  }
  CHECK(episodes.size() == 600);
  // Six orders of two times two, each 100 times but for chance: 5 deviations of sqrt(600 5 / 36).
  CHECK(patterns.size() == 6);
  for (const auto& [pattern, times] : patterns) CHECK(std::abs(times - 100) < 46);
}

TEST_CASE("shots: an example does not depend on the range it is asked for with") {
  const auto task = shots_task();
  const Examples all = examples(*task, kKey, 0, 9);
  for (int64_t t = 0; t < 9; ++t) {
    const Examples one = examples(*task, kKey, t, 1);
    CHECK(one.input(0) == all.input(t));
    CHECK(one.labels[0] == all.labels[static_cast<size_t>(t)]);
  }
}

TEST_CASE("shots: what they demand of a task") {
  const auto failure = [](const TaskOptions& options) {
    try {
      lit_pixel_task(kLabels, options);
    } catch (const engine::Error& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  CHECK(failure(shots_of(3, 3)) == "none");
  CHECK(failure(shots_of(4, 2)) ==
        "task idx: shots: expected fewer than the 4 examples of the smallest class, found 4");
  CHECK(failure(shots_of(1, 0)) ==
        "task idx: shots: expected draw_classes above 0 with it, found 0 and 1");
  TaskOptions repeated = shots_of(1, 2);
  repeated.repeat = true;
  CHECK(failure(repeated).starts_with("task idx: shots: expected repeat false with it"));
}

TEST_CASE("shots: meta-tests count the queries alone") {
  const Setup s;
  constexpr int64_t kLength = 9;
  const auto got =
      evaluate_lengths(s.family, s.params.flat(), s.task, {6, kLength, 4}, {5, kLength}, 33);
  const IntrospectedEpisodes looked_into =
      introspect(s.family, s.params.flat(), s.task, {6, kLength, 4}, 0, 33);
  for (size_t k = 0; k < 6; ++k) {
    const Lane lane = begin_lane(s.tasks, s.family, s.params,
                                 episode_key(33, static_cast<int64_t>(k)), kLength, 1);
    const Walk want = walk(s.learner, s.params, lane, kLength, 1);
    for (const EpisodeScore& score : {got[1][k], looked_into.scores[k]}) {
      CHECK(score.accuracy == doctest::Approx(mean_from(want.correct, 4)).epsilon(1e-12));
      CHECK(score.loss == doctest::Approx(mean_from(want.loss, 4)).epsilon(1e-10));
      CHECK(score.accuracy_last == want.correct.back());
      CHECK(std::accumulate(score.confusion.begin(), score.confusion.end(), int64_t{0}) == 1);
      REQUIRE(score.curve.size() == 9);
      for (size_t t = 0; t < 9; ++t) CHECK(score.curve[t] == want.correct[t]);
    }
    CHECK(got[0][k].accuracy == want.correct[4]);
    CHECK(got[0][k].loss == doctest::Approx(want.loss[4]).epsilon(1e-10));
  }
  CHECK_THROWS_WITH_AS(
      evaluate_lengths(s.family, s.params.flat(), s.task, {6, kLength, 4}, {4, kLength}, 33),
      "task idx: expected an episode longer than its 4 support examples, found 4", engine::Error);
}

TEST_CASE("shots: a learner that remembers is right about queries of images like the support") {
  // Two classes of images that are all alike: one shot of each is enough.
  TaskOptions options = shots_of(1, 2);
  options.resize = {1, 2};  // 1 x 4 pixels: the lit one is in the left half for class 0
  const auto task = lit_pixel_task({0, 0, 1, 1}, options);
  LearnerOptions nearest;
  nearest.type = LearnerType::NearestMean;
  const LearnerFamily family(nearest, DType::f64, {});
  const Tensor params = family.for_dims(task->dims()).initial_params({1, 1, 0, 0});
  for (const EpisodeScore& score : evaluate(family, params, task, {20, 3, 8}, 5)) {
    CHECK(score.accuracy == 1);
  }
}

TEST_CASE("shots: bptt counts the queries of an unroll, in proportion to the whole lifetime") {
  const Setup s;
  for (const int64_t batch : {1, 2}) {
    const int64_t length = batch == 1 ? 9 : 4, support = 4 / batch;
    for (const MetaLoss kind : {MetaLoss::Mean, MetaLoss::Last}) {
      const auto unroll = [&](std::vector<Lane>& lanes, const Tensor& flat, int64_t steps) {
        return bptt_unroll(s.learner, ParamSet(s.family.layout(), flat), pointers(lanes), steps,
                           batch, kind, 0);
      };
      const std::vector<Lane> start{s.lane(0, length, batch), s.lane(1, length, batch)};
      double loss = 0, correct = 0;
      for (const Lane& lane : start) {
        const Walk want = walk(s.learner, s.params, lane, length, batch);
        const auto first = static_cast<size_t>(support);
        loss += kind == MetaLoss::Mean ? mean_from(want.loss, first) : want.loss.back();
        correct += mean_from(want.correct, first);
      }
      std::vector<Lane> lanes = start;
      const UnrollGradient whole = unroll(lanes, s.params.flat(), length);
      CHECK(whole.loss == doctest::Approx(loss).epsilon(1e-12));
      CHECK(whole.correct == doctest::Approx(correct).epsilon(1e-12));
      const auto loss_at = [&](const Tensor& flat) {
        std::vector<Lane> again = start;
        return unroll(again, flat, length).loss;
      };
      CHECK(error_of(whole.gradient, central_differences(loss_at, s.params.flat())) <
            kGradientBound);

      // In two unrolls, the first of which ends before the first query but one.
      lanes = start;
      const UnrollGradient front = unroll(lanes, s.params.flat(), support);
      CHECK(front.loss == 0);
      CHECK(front.correct == 0);
      const UnrollGradient back = unroll(lanes, s.params.flat(), length - support);
      const double share = static_cast<double>(length - support) / static_cast<double>(length);
      CHECK(back.loss * (kind == MetaLoss::Mean ? share : 1) ==
            doctest::Approx(loss).epsilon(1e-12));
      CHECK(back.correct * share == doctest::Approx(correct).epsilon(1e-12));
    }
  }
}

TEST_CASE("shots: es counts the queries alone") {
  const Setup s;
  for (const MetaLoss kind : {MetaLoss::Mean, MetaLoss::Last}) {
    MetaOptions options;
    options.optimizer = MetaOptimizer::Es;
    options.episode_length = 7;
    options.loss = kind;
    const auto got = es_losses(s.family, s.tasks, s.params, {options, 21, 3}, 0, 4);
    for (int64_t pair = 0; pair < 4; ++pair) {
      const auto own = perturbed_pair(s.params, {options, 21, 3}, pair);
      const Lane lane =
          begin_lane(s.tasks, s.family, s.params, {21, 0, 3, static_cast<uint32_t>(pair)}, 7, 1);
      const Walk plus = walk(s.learner, own[0], lane, 7, 1);
      const Walk minus = walk(s.learner, own[1], lane, 7, 1);
      const auto loss = [&](const Walk& w) {
        return kind == MetaLoss::Mean ? mean_from(w.loss, 4) : w.loss.back();
      };
      const PairLoss& one = got[static_cast<size_t>(pair)];
      CHECK(one.plus == doctest::Approx(loss(plus)).epsilon(1e-12));
      CHECK(one.minus == doctest::Approx(loss(minus)).epsilon(1e-12));
      CHECK(one.correct ==
            doctest::Approx((mean_from(plus.correct, 4) + mean_from(minus.correct, 4)) / 2));
    }
  }
}

TEST_CASE("shots: a step of meta-training reports the queries, however it is cut into unrolls") {
  const Setup s;
  MetaOptions options = small_meta_options();
  options.episode_length = 8;
  double loss = 0, correct = 0;
  for (uint32_t member = 0; member < 5; ++member) {
    const Lane lane = begin_lane(s.tasks, s.family, s.params, {kMetaSeed, 0, 0, member}, 8, 1);
    const Walk want = walk(s.learner, s.params, lane, 8, 1);
    loss += mean_from(want.loss, 4) / 5;
    correct += mean_from(want.correct, 4) / 5;
  }
  for (const int64_t unroll : {0, 6, 3}) {
    options.unroll = unroll;
    const MetaTrainer trainer(options, s.family, s.tasks, kMetaSeed);
    MetaState state = trainer.initial_state(s.params.flat());
    const MetaStepReport report = trainer.step(state);
    CHECK(report.loss == doctest::Approx(loss).epsilon(1e-12));
    CHECK(report.accuracy == doctest::Approx(correct).epsilon(1e-12));
  }
  // Carried: lifetimes of several lengths, whose weights still average to 1.
  for (const MetaOptimizer optimizer : {MetaOptimizer::Bptt, MetaOptimizer::Pes}) {
    options.optimizer = optimizer;
    options.carry = true;
    options.unroll = optimizer == MetaOptimizer::Pes ? 3 : 5;
    options.lifetime = optimizer == MetaOptimizer::Pes ? 9 : 5;
    const MetaTrainer trainer(options, s.family, s.tasks, kMetaSeed);
    MetaState state = trainer.initial_state(s.params.flat());
    for (int step = 0; step < 6; ++step) CHECK(std::isfinite(trainer.step(state).loss));
  }
}

TEST_CASE("shots: what they demand of other keys of a spec") {
  const auto spec = [](const std::string& task, const std::string& meta) {
    return R"({"meta": {)" + meta + R"(},
"tasks": {"train": [{"dataset": "omniglot", "draw_classes": 5, "shots": 2)" +
           task + R"(}]}})";
  };
  const auto refused = [&](const std::string& task, const std::string& meta,
                           const std::string& message) {
    check_failure(failure_of(spec(task, meta)), message);
  };
  CHECK(failure_of(spec("", R"("episode_length": 11)")).message.empty());
  CHECK(failure_of(spec("", R"("episode_length": 6, "batch_size": 2)")).message.empty());
  CHECK(failure_of(spec("", R"("carry": true, "unroll": 11, "lifetime": 20)")).message.empty());
  CHECK(failure_of(spec("", R"("optimizer": "pes", "carry": true, "unroll": 2, "lifetime": 20)"))
            .message.empty());
  const std::string more =
      "expected more than the 10 steps of a task's support (shots times "
      "draw_classes), got ";
  refused("", R"("episode_length": 10)", "spec.json:1: meta.episode_length: " + more + "10");
  refused("", R"("unroll": 10)", "spec.json:1: meta.unroll: " + more + "10");
  refused("", R"("carry": true, "unroll": 10)", "spec.json:1: meta.unroll: " + more + "10");
  refused("", R"("optimizer": "es", "carry": true, "unroll": 9)",
          "spec.json:1: meta.unroll: " + more + "9");
  refused("", R"("carry": true, "unroll": 20, "lifetime": 10)",
          "spec.json:1: meta.lifetime: " + more + "10");
  refused("", R"("batch_size": 3)",
          "spec.json:1: meta.batch_size: expected a divisor of the 10 support examples");
  refused(R"(, "repeat": true)", "", "spec.json:2: tasks.train[0].repeat: expected false with");
  check_failure(failure_of(R"({"tasks": {"train": [{"dataset": "omniglot", "shots": 1}]}})"),
                "spec.json:1: tasks.train[0].draw_classes: expected the number of classes");
  check_failure(failure_of(R"({"tasks": {"train": [{"dataset": "random", "shots": 1}]}})"),
                "spec.json:1: tasks.train[0].shots: expected dataset fashion_mnist, mnist");
  const auto test = [](const std::string& evaluate, const std::string& experiment) {
    return failure_of(R"({"experiment": ")" + experiment + R"(", "evaluate": {)" + evaluate + R"(},
"learner": {"type": "sgd"},
"tasks": {"test": [{"dataset": "omniglot", "draw_classes": 5, "shots": 2}]}})");
  };
  CHECK(test(R"("episode_length": 11)", "meta_test").message.empty());
  check_failure(test(R"("episode_length": 10)", "meta_test"),
                "spec.json:1: evaluate.episode_length: " + more + "10");
  check_failure(test(R"("prefixes": [10, 20])", "meta_test"),
                "spec.json:1: evaluate.prefixes[0]: " + more + "10");
  check_failure(test("", "compare"),
                "spec.json:3: tasks.test[0].shots: expected 0 with experiment compare, got 2");
}
