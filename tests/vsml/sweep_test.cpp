#include "vsml/experiment/sweep.h"

#include <cmath>
#include <doctest/doctest.h>
#include <set>

#include "tests/vsml/spec_files.h"
#include "vsml/experiment/spec_writer.h"
#include "vsml/experiment/sweep_summary.h"

namespace {

using vsml::Sweep;

// The small spec with a sweep in its second line.
std::string with_sweep(const std::string& sweep) {
  std::string spec = small_spec();
  return spec.insert(spec.find('\n') + 1, "\"sweep\": " + sweep + ",\n");
}

Sweep load(const std::string& sweep, const std::vector<std::string>& overrides = {}) {
  const TemporaryFolder folder;
  auto loaded = vsml::load_sweep(write_text(folder, "base.json", with_sweep(sweep)), overrides);
  REQUIRE(loaded.has_value());
  return *loaded;
}

std::vector<std::string> names_of(const Sweep& sweep) {
  std::vector<std::string> names;
  for (const vsml::SweepRun& run : sweep.runs) names.push_back(run.loaded.spec.name);
  return names;
}

void check_error(const std::string& sweep, const std::string& expected,
                 const std::string& hint = "") {
  CAPTURE(sweep);
  const TemporaryFolder folder;
  const std::string file = write_text(folder, "base.json", with_sweep(sweep));
  try {
    vsml::load_sweep(file);
    FAIL_CHECK("accepted");
  } catch (const vsml::SpecError& error) {
    const std::string text = error.what();
    CAPTURE(text);
    CHECK(text.rfind(file + ":2: ", 0) == 0);
    CHECK(text.find(expected) != std::string::npos);
    CHECK(error.hint().find(hint) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("sweep: list, grid and seeds are multiplied, in this order") {
  const Sweep sweep = load(R"({"list": [{"name": "es", "meta.optimizer": "es"}, {"meta.steps": 9}],
    "grid": {"meta.learning_rate": [0.5, 0.25], "learner.layers": [[{"outputs": 4}, {}], [{}]]},
    "seeds": [3, 18446744073709551615]})");
  CHECK(sweep.name == "base");
  REQUIRE(sweep.runs.size() == 16);
  CHECK(names_of(sweep)[0] == "es,learning_rate=0.5,layers=1,seed=3");
  CHECK(names_of(sweep)[1] == "es,learning_rate=0.5,layers=1,seed=18446744073709551615");
  CHECK(names_of(sweep)[2] == "es,learning_rate=0.5,layers=2,seed=3");
  CHECK(names_of(sweep)[4] == "es,learning_rate=0.25,layers=1,seed=3");
  CHECK(names_of(sweep)[8] == "steps=9,learning_rate=0.5,layers=1,seed=3");
  CHECK(sweep.runs[8].variant == "steps=9,learning_rate=0.5,layers=1");
  const vsml::Spec& spec = sweep.runs[7].loaded.spec;
  CHECK(spec.meta.optimizer == vsml::MetaOptimizer::Es);
  CHECK(spec.meta.learning_rate == 0.25);
  CHECK(spec.learner.network.layers.size() == 1);
  CHECK(spec.seed == UINT64_MAX);
  CHECK(sweep.runs[8].loaded.spec.meta.steps == 9);
  CHECK(sweep.runs[8].loaded.spec.meta.optimizer == vsml::MetaOptimizer::Bptt);
}

TEST_CASE("sweep: a number of seeds counts from the spec's; nothing said is the spec's seed") {
  const Sweep sweep = load(R"({"seeds": 3})");
  CHECK(names_of(sweep) == std::vector<std::string>{"base,seed=7", "base,seed=8", "base,seed=9"});
  CHECK(sweep.runs[2].loaded.spec.seed == 9);
  CHECK(load(R"({"seeds": 2})", {"seed=40"}).runs[1].loaded.spec.seed == 41);
  const Sweep single = load(R"({"grid": {"meta.steps": [5]}})");
  CHECK(names_of(single) == std::vector<std::string>{"steps=5"});
  CHECK(single.runs[0].loaded.spec.seed == 7);
}

TEST_CASE("sweep: names are folders', and different") {
  const Sweep sweep = load(R"({"list": [
    {"name": "../a b/", "meta.steps": 1}, {"name": "a-b", "meta.steps": 2},
    {"name": "specs", "meta.steps": 3}, {"tasks.train.0.weight": 0.5, "meta.steps": 4},
    {"tasks.train[1].weight": 0.5, "meta.steps": 4}, {"data": "sets/mine", "meta.steps": 5},
    {"evaluate.learners": [{"type": "adam"}]}, {}]})");
  CHECK(names_of(sweep) == std::vector<std::string>{"a-b", "a-b+2", "specs+2",
                                                    "0.weight=0.5,steps=4", "1.weight=0.5,steps=4",
                                                    "data=mine,steps=5", "learners=adam", "base"});
  const Sweep longest =
      load("{\"list\": [{\"name\": \"" + std::string(5000, 'x') + "\", \"meta.steps\": 3}]}");
  CHECK(names_of(longest)[0].size() <= 200);
}

TEST_CASE("sweep: a run's spec is that of --set, has no sweep, and reads back") {
  const TemporaryFolder folder;
  const std::string file = write_text(
      folder, "base.json", with_sweep(R"({"grid": {"meta.steps": [5], "data": ["here"]}})"));
  const auto sweep = vsml::load_sweep(file);
  const std::string plain = write_text(folder, "plain.json", small_spec());
  const vsml::Spec same = vsml::load_spec(plain, {"meta.steps=5", "name=steps=5,data=here",
                                                  "data=" + folder.path() + "/here"})
                              .spec;
  CHECK(sweep->runs.at(0).loaded.spec == same);
  const std::string text = vsml::spec_to_json(sweep->runs[0].loaded.spec);
  CHECK(text.find("sweep") == std::string::npos);
  CHECK(vsml::load_spec(write_text(folder, "again.json", text)).spec == same);
  CHECK_FALSE(vsml::load_sweep(plain).has_value());
  CHECK_THROWS_WITH_AS(vsml::load_spec(file),
                       doctest::Contains("expected a spec of one run, got a sweep"),
                       vsml::SpecError);
}

TEST_CASE("sweep: what is wrong is said with its place") {
  check_error("{}", "sweep: expected grid, list or seeds, got none");
  check_error("3", "sweep: expected an object, got 3");
  check_error(R"({"gird": {}})", "sweep.gird: expected a known key", "\"grid\"");
  check_error(R"({"grid": []})", "sweep.grid: expected an object of key paths");
  check_error(R"({"grid": {"meta.steps": []}})", "meta.steps: expected from 1 to 1000 values");
  check_error(R"({"grid": {"meta.steps": 5}})", "meta.steps: expected a list of values, got 5");
  check_error(R"({"grid": {"meta.stesp": [5]}})", "meta.stesp: expected a known key", "steps");
  check_error(R"({"grid": {"meta.steps": [5, "x"]}})", "meta.steps: expected an integer");
  check_error(R"({"grid": {"meta.steps.x": [5]}})", "meta.steps");
  check_error(R"({"grid": {"tasks.train.7.weight": [1]}})", "expected an index below 2, got 7");
  check_error(R"({"grid": {"a..b": [1]}})", "got an empty key");
  check_error(R"({"grid": {"seed": [1, 2]}})", "expected a key that a sweep can set", "seeds");
  check_error(R"({"grid": {"name": ["a"]}})", "expected a key that a sweep can set", "names");
  check_error(R"({"grid": {"extends": ["a"]}})", "expected a key that a sweep can set");
  check_error(R"({"grid": {"sweep.seeds": [1]}})", "expected a key that a sweep can set");
  check_error(R"({"list": []})", "sweep.list: expected from 1 to 1000 objects, got 0");
  check_error(R"({"list": [3]})", "sweep.list[0]: expected an object");
  check_error(R"({"list": [{"name": 3}]})", "sweep.list[0].name: expected a name in quotes");
  check_error(R"({"seeds": 0})", "sweep.seeds: expected an integer from 1 to 1000");
  check_error(R"({"seeds": 1.5})", "sweep.seeds: expected an integer");
  check_error(R"({"seeds": []})", "sweep.seeds: expected from 1 to 1000 seeds");
  check_error(R"({"seeds": [1, -2]})", "sweep.seeds[1]: expected an integer from 0");
  check_error(R"({"seeds": [4, 5, 4]})", "expected runs that differ", "twice");
  check_error(R"({"grid": {"meta.steps": [5, 5.0]}})", "expected runs that differ");
}

TEST_CASE("sweep: too many runs are refused before they are made") {
  std::string values = "[1";
  for (int k = 2; k <= 1000; ++k) values += "," + std::to_string(k);
  values += "]";
  check_error("{\"seeds\": 2, \"grid\": {\"meta.steps\": " + values + "}}", "at most 1000 runs");
  std::string grid = "{\"grid\": {\"meta.steps\": " + values;
  for (const char* key : {"meta.population", "meta.unroll", "meta.lifetime"}) {
    grid += std::string(", \"") + key + "\": " + values;
  }
  check_error(grid + "}}", "at most 1000 runs");
}

TEST_CASE("sweep: the summary is the mean and the deviation over seeds") {
  const auto run = [](const std::string& variant, double accuracy) {
    vsml::Result result;
    result.task = "t";
    result.learner = "l";
    result.examples = 10;
    result.score.accuracy = accuracy;
    return vsml::VariantResults{variant, {"meta_test", "n", {result}}};
  };
  const auto rows = vsml::summarize_runs({run("a", 0.2), run("b", 0.9), run("a", 0.4)});
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].variant == "a");
  CHECK(rows[0].seeds == 2);
  CHECK(rows[0].accuracy.mean == doctest::Approx(0.3));
  CHECK(rows[0].accuracy.sd == doctest::Approx(std::sqrt(0.02)));  // (0.1^2 + 0.1^2) / (2 - 1)
  CHECK(rows[1].seeds == 1);
  CHECK(std::isnan(rows[1].accuracy.sd));
  const std::string table = vsml::summary_table(rows);
  CHECK(table.find("0.300 +- 0.141") != std::string::npos);
  CHECK(table.find("\n  b ") < table.find("\n  a "));
  CHECK(vsml::summary_json("n", rows).find("\"sd\": null") != std::string::npos);
}
