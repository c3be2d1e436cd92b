// The final meta-test: what is reported of which learner.
#include "vsml/experiment/meta_test.h"

#include <doctest/doctest.h>

#include "tests/temporary_folder.h"
#include "vsml/meta/evaluate.h"

using engine::test::TemporaryFolder;
using vsml::LearnerOptions;
using vsml::LearnerType;
using vsml::Result;
using vsml::Spec;
using vsml::Task;

namespace {

Spec small_spec() {
  Spec spec;
  spec.name = "small";
  spec.experiment = vsml::ExperimentType::MetaTest;
  spec.evaluate.episodes = 4;
  spec.evaluate.episode_length = 40;
  return spec;
}

LearnerOptions sgd(const std::vector<double>& rates) {
  LearnerOptions options;
  options.type = LearnerType::Sgd;
  options.mlp.learning_rate = rates;
  return options;
}

std::vector<std::shared_ptr<const Task>> sum_sign() {
  vsml::TaskOptions options;
  options.dataset = "sum_sign";
  return {std::make_shared<const Task>(options, vsml::DataFolders{})};
}

std::vector<Result> meta_test_of(const Spec& spec, const std::vector<LearnerOptions>& learners) {
  const TemporaryFolder folder;
  const vsml::RunDirectory directory(folder / "run", spec);
  vsml::Progress progress(true);
  const auto tasks = sum_sign();
  return vsml::meta_test({spec, tasks, {}, directory, progress, {}},
                         vsml::contestants_of(learners, spec.seed, {}))
      .value();
}

}  // namespace

TEST_CASE("of a grid of learning rates the best is reported, with its rate") {
  const Spec spec = small_spec();
  const std::vector<double> rates{1e-9, 0.3, 1e-8};
  std::vector<double> alone;
  for (const double rate : rates) {
    alone.push_back(meta_test_of(spec, {sgd({rate})}).front().score.accuracy);
  }
  REQUIRE(alone[1] > alone[0]);
  REQUIRE(alone[1] > alone[2]);
  const Result best = meta_test_of(spec, {sgd(rates)}).front();
  CHECK(best.score.accuracy == alone[1]);
  CHECK(best.chosen == vsml::Choice{"learning_rate", 0.3});
  CHECK(best.learner == "sgd");
  CHECK(best.task == "sum_sign");
  CHECK(best.episodes == 4);
}

TEST_CASE("learners of one name are told apart, and scores are those of evaluate") {
  const Spec spec = small_spec();
  LearnerOptions nearest_mean;
  nearest_mean.type = LearnerType::NearestMean;
  const std::vector<Result> results = meta_test_of(spec, {nearest_mean, nearest_mean, sgd({0.1})});
  REQUIRE(results.size() == 3);
  CHECK(results[0].learner == "nearest_mean");
  CHECK(results[1].learner == "nearest_mean (2)");
  CHECK(results[0].score.loss == results[1].score.loss);
  const vsml::LearnerFamily family(nearest_mean, engine::DType::f32, {});
  const vsml::ScoreSummary want =
      summarize(evaluate(family, vsml::initial_params(nearest_mean, family, spec.seed),
                         sum_sign().front(), {4, 40, spec.evaluate.chunk_size}, spec.seed));
  CHECK(results[0].score.accuracy == want.accuracy);
  CHECK(results[0].score.loss == want.loss);
}

TEST_CASE("prefixes: each length has its own best of the grid and its own rows") {
  Spec spec = small_spec();
  spec.evaluate.prefixes = {10};
  const std::vector<double> rates{1e-9, 0.3};
  const std::vector<Result> results = meta_test_of(spec, {sgd({0.1}), sgd(rates)});
  REQUIRE(results.size() == 4);
  CHECK(results[0].examples == 10);
  CHECK(results[1].examples == 40);
  CHECK(results[3].accuracies.size() == 4);
  Spec shorter = small_spec();
  shorter.evaluate.episode_length = 10;
  const Result alone = meta_test_of(shorter, {sgd(rates)}).front();
  CHECK(results[2].score.accuracy == alone.score.accuracy);
  CHECK(results[2].chosen == alone.chosen);

  const vsml::RunResults all{"meta_test", "small", results};
  const std::string table = vsml::results_table(all);
  for (const char* part :
       {"4 episodes of 10 examples", "4 episodes of 40 examples", "sgd minus it"}) {
    CAPTURE(part);
    CHECK(table.find(part) != std::string::npos);
  }
  const std::string json = vsml::results_to_json(all);
  const vsml::RunResults again = vsml::results_from_json("results.json", json);
  CHECK(again.results[3].accuracies == results[3].accuracies);
  CHECK(again.results[3].examples == 40);
  CHECK(vsml::results_to_json(again) == json);
}
