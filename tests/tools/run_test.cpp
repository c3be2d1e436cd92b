// What the commands print and write when all is well.
#include <doctest/doctest.h>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <unistd.h>

#include "tests/tools/vsml_runs.h"

namespace tools::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::set<std::string> names_in(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& [name, text] : listing(folder)) names.insert(name);
  return names;
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

// The lines of a .jsonl file.
std::vector<Json> lines_of(const std::string& path) {
  std::vector<Json> lines;
  std::istringstream text(read_plain(path));
  for (std::string line; std::getline(text, line);) lines.push_back(Json::parse(line));
  return lines;
}

Json results_of(const Outcome& outcome) {
  check_done(outcome);
  return Json::parse(outcome.out).at("results");
}

std::map<std::string, fs::file_time_type> times_in(const std::string& folder) {
  std::map<std::string, fs::file_time_type> times;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    times[entry.path()] = entry.last_write_time();
  }
  return times;
}

const std::vector<std::string> kScores = {"accuracy_cumulative", "accuracy_cumulative_sd",
                                          "accuracy_last", "loss"};

void check_result(const Json& result, const std::string& learner, bool has_rate) {
  CAPTURE(learner);
  std::vector<std::string> keys = {"task", "learner"};
  if (has_rate) keys.push_back("learning_rate");
  keys.insert(keys.end(), {"episodes", "examples"});
  keys.insert(keys.end(), kScores.begin(), kScores.end());
  keys.insert(keys.end(), {"accuracies", "curve", "confusion"});
  if (learner != "vsml") keys.push_back("difference");
  CHECK(keys_of(result) == keys);
  CHECK(result.at("task") == "sum_sign");
  CHECK(result.at("learner") == learner);
  CHECK(result.at("episodes") == 4);
  CHECK(result.at("accuracy_cumulative") > 0);
  CHECK(result.at("accuracy_cumulative") <= 1);
  CHECK(result.at("loss") > 0);
}

struct Place {
  TemporaryFolder folder;
  Place() { write_plain(folder / "spec.json", small_spec()); }
  Outcome operator()(const Arguments& arguments) const {
    return run_vsml(folder.path(), arguments);
  }
  std::string operator/(const std::string& name) const { return folder / name; }
};

}  // namespace

TEST_CASE("run: the results as JSON, and as a table") {
  const Place place;
  const Outcome outcome = place({"run", "spec.json", "--json"});
  check_done(outcome);
  const Json json = Json::parse(outcome.out);
  CHECK(keys_of(json) == std::vector<std::string>{"experiment", "name", "results"});
  CHECK(json.at("experiment") == "meta_train");
  CHECK(json.at("name") == "small");
  const Json& results = json.at("results");
  REQUIRE(results.size() == 4);
  check_result(results[0], "vsml", false);
  check_result(results[1], "vsml, before meta-training", false);
  check_result(results[2], "sgd", true);
  check_result(results[3], "nearest_mean", false);
  CHECK(outcome.out == read_plain(place / "runs/small/results.json"));

  const Outcome table = place({"run", "spec.json"});
  check_done(table);
  CHECK(table.out == read_plain(place / "runs/small/report.txt"));
  for (const char* part : {"sum_sign", "4 episodes", "nearest_mean", "before meta-training"}) {
    CHECK(contains(table.out, part));
  }
}

TEST_CASE("run: of a grid of rates the best is reported, as if it had been tried alone") {
  const Place place;
  const auto sgd = [&](const std::string& rates) {
    const Arguments set{
        "--json", "--set",
        "evaluate.learners=[{\"type\": \"sgd\", \"learning_rate\": " + rates + "}]"};
    return results_of(place(run_into("rates " + rates, set))).at(2);
  };
  const Json low = sgd("0.01"), high = sgd("0.1");
  REQUIRE(low.at("accuracy_cumulative") < high.at("accuracy_cumulative"));
  CHECK(sgd("[0.01, 0.1]") == high);
  CHECK(sgd("[0.1, 0.01]") == high);
}

TEST_CASE("run: what the run directory holds") {
  const Place place;
  check_done(place(run_into("out", {"--threads", "1"})));
  CHECK(names_in(place / "out") ==
        std::set<std::string>{
            "algorithm.safetensors", "checkpoints", "checkpoints/step-00000004.safetensors",
            "checkpoints/step-00000006.safetensors", "env.json", "evaluations.jsonl", "lock",
            "metrics.jsonl", "report.txt", "results.json", "spec.json"});
  CHECK(names_in(place.folder.path()).contains("out/lock"));
  CHECK_FALSE(fs::exists(place / "runs"));

  const auto metrics = lines_of(place / "out/metrics.jsonl");
  REQUIRE(metrics.size() == 8);
  CHECK(metrics[0].contains("metrics_format"));
  std::vector<int64_t> steps;
  for (size_t k = 1; k < metrics.size(); ++k) {
    steps.push_back(metrics[k].at("step"));
    CHECK(metrics[k].at("wall_s") > 0);
    const bool is_test = metrics[k].contains("task");
    for (const char* key : {"test/accuracy_cumulative", "test/accuracy_last", "test/loss"}) {
      CHECK(metrics[k].contains(key) == is_test);
    }
    for (const char* key :
         {"train/loss", "train/accuracy", "train/gradient_norm", "train/learning_rate"}) {
      CHECK(metrics[k].contains(key) != is_test);
    }
  }
  CHECK(steps == std::vector<int64_t>{1, 2, 3, 3, 4, 5, 6});

  const Json results = Json::parse(read_plain(place / "out/results.json")).at("results");
  const auto evaluations = lines_of(place / "out/evaluations.jsonl");
  REQUIRE(evaluations.size() == results.size());
  for (size_t k = 0; k < evaluations.size(); ++k) {
    Json result = results[k];
    result.erase("difference");  // is worked out at the end
    CHECK(evaluations[k] == result);
  }
  const Json environment = Json::parse(read_plain(place / "out/env.json"));
  CHECK(environment.at("threads") == 1);
  CHECK(environment.at("device") == "cpu");
  CHECK(environment.at("version").is_string());
}

TEST_CASE("run: a finished run prints its results again and does nothing") {
  const Place place;
  const Outcome first = place(run_into("out", {"--json"}));
  check_done(first);
  const auto files = listing(place / "out");
  const auto times = times_in(place / "out");
  const Outcome again = place(run_into("out", {"--json", "--threads", "2"}));
  check_done(again);
  CHECK(again.out == first.out);
  CHECK(listing(place / "out") == files);
  CHECK(times_in(place / "out") == times);
}

TEST_CASE("run: names, folders and overrides") {
  const Place place;
  fs::create_directory(place / "sub");
  write_plain(place / "sub/child.json",
              R"({"extends": "../spec.json", "name": "child", "meta": {"steps": 2}})");
  write_plain(place / "sub/nameless.json", R"({"extends": ["child.json"], "name": ""})");
  check_done(place({"run", "sub/child.json"}));
  check_done(place({"run", "sub/nameless.json", "--set", "meta.steps=3"}));
  check_done(place({"run", "spec.json", "--set", "name=other", "--set", "meta.steps=1", "--set",
                    "meta.steps=4"}));
  const auto steps = [&](const std::string& name) {
    return Json::parse(read_plain(place / ("runs/" + name + "/spec.json"))).at("meta").at("steps");
  };
  CHECK(steps("child") == 2);
  CHECK(steps("nameless") == 3);
  CHECK(steps("other") == 4);
  CHECK_FALSE(fs::exists(place / "sub/runs"));
}

TEST_CASE("check: the resolved spec is that of the run, and nothing is written") {
  const Place place;
  const Outcome text = place({"check", "spec.json"});
  const Outcome json = place({"check", "spec.json", "--json"});
  check_done(text);
  check_done(json);
  CHECK(names_in(place.folder.path()) == std::set<std::string>{"spec.json"});
  const Json checked = Json::parse(json.out);
  CHECK(keys_of(checked) == std::vector<std::string>{"predicted_memory_bytes", "ticks", "spec"});
  CHECK(checked.at("predicted_memory_bytes") > 0);
  const size_t end = text.out.find("predicted memory: ");
  REQUIRE(end != std::string::npos);
  CHECK(contains(text.out.substr(end), " MiB\n"));
  CHECK(Json::parse(text.out.substr(0, end)) == checked.at("spec"));
  CHECK(checked.at("spec").at("meta").at("beta1") == 0.9);  // a default

  const Outcome run = place(run_into("out"));
  check_done(run);
  write_plain(place / "resolved.json", checked.at("spec").dump());
  for (const char* same : {"resolved.json", "out/spec.json"}) {
    const Outcome again = place({"run", same, "--out", "out"});
    check_done(again);
    CHECK(again.out == run.out);
  }
}

TEST_CASE("meta_test: a trained algorithm gives what it gave at the end of its training") {
  const Place place;
  const Json trained = results_of(place(run_into("out", {"--json"})));
  write_plain(place / "test.json", R"({
    "name": "test", "experiment": "meta_test", "seed": 3,
    "learner": {"init": {"type": "file", "path": "out/algorithm.safetensors"}},
    "tasks": {"test": [{"dataset": "sum_sign", "inputs": 4}, {"dataset": "random", "inputs": 7}]},
    "evaluate": {"episodes": 4, "episode_length": 20, "chunk_size": 2,
                 "learners": [{"type": "vsml", "name": "again", "init":
                     {"type": "file", "path": "out/algorithm.safetensors"}},
                   {"type": "sgd", "learning_rate": [0.01, 0.1]}, {"type": "nearest_mean"}]}})");
  const Outcome outcome = place({"run", "test.json", "--json"});
  const Json tested = results_of(outcome);
  CHECK(Json::parse(outcome.out).at("experiment") == "meta_test");
  REQUIRE(tested.size() == 8);
  CHECK(tested[0] == trained[0]);
  CHECK(tested[2] == trained[2]);
  CHECK(tested[3] == trained[3]);
  for (const std::string& score : kScores) CHECK(tested[1].at(score) == tested[0].at(score));
  CHECK(tested[4].at("task") != "sum_sign");
  CHECK(names_in(place / "runs/test") ==
        std::set<std::string>{"checkpoints", "env.json", "evaluations.jsonl", "lock", "report.txt",
                              "results.json", "spec.json"});
}

TEST_CASE("names from a spec do not steer the terminal on which results are printed") {
  const Place place;
  const Outcome outcome =
      place(run_into("out", {"--set", R"(tasks.test.0.name="\u001b[31mt\n\u009b1m")", "--set",
                             R"(evaluate.learners=[{"type": "sgd", "name": "\u001b[2Js\nx"}])"}));
  check_done(outcome);
  CHECK_FALSE(contains(outcome.out, "\x1b"));
  CHECK_FALSE(contains(outcome.out, "\xc2\x9b"));
  CHECK_FALSE(contains(outcome.out, "s\nx"));
  CHECK(contains(outcome.out, "[2Js"));
}

TEST_CASE("progress: a bar on a terminal, unless quiet; no control characters elsewhere") {
  if (access("/dev/ptmx", R_OK | W_OK) != 0) {
    MESSAGE("skipped: there are no terminals here");
    return;
  }
  const Place place;
  const auto on_terminal = [&](const Arguments& arguments) {
    Command command = vsml(place.folder.path(), arguments);
    command.error = Stream::Terminal;
    return run_program(command);
  };
  const Outcome seen = on_terminal(run_into("seen"));
  CHECK(seen.status == 0);
  for (const char* part : {"meta-train [####", "6/6", "loss ", "meta-test [####", "4/4"}) {
    CHECK_MESSAGE(contains(seen.error, part), seen.error);
  }
  CHECK(seen.out == read_plain(place / "seen/report.txt"));
  check_done(on_terminal(run_into("quiet", {"--quiet"})));
}

TEST_CASE("schema, keys, specs, version and help") {
  const Place place;
  const auto output = [&](const Arguments& arguments) {
    const Outcome outcome = place(arguments);
    check_done(outcome);
    return outcome.out;
  };
  CHECK(output({"schema"}) == read_plain(std::string(VSML_DOCS_DIR) + "/spec.schema.json"));
  CHECK(Json::parse(output({"schema"})).is_object());
  CHECK(contains(output({"keys"}), "tasks.train"));
  CHECK(contains(output({"keys", "meta"}), "meta.unroll"));
  CHECK_FALSE(contains(output({"keys", "meta"}), "checkpoint"));
  CHECK(contains("\n" + output({"specs"}), "\nquickstart\n"));
  CHECK(contains(output({"check", "quickstart"}), "predicted memory"));
  CHECK(output({"--version"}).starts_with("vsml "));
  for (const char* command : {"run", "check", "schema", "keys", "specs"}) {
    CHECK(contains(output({"--help"}), command));
    CHECK(contains(output({command, "--help"}), command));
  }
  CHECK(names_in(place.folder.path()) == std::set<std::string>{"spec.json"});
}

}  // namespace tools::test
