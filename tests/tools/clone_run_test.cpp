// Experiment clone as a user sees it: its run directory, stopping, going on, what it refuses, and
// that the result is an ordinary algorithm.
#include <doctest/doctest.h>
#include <filesystem>

#include "tests/tools/vsml_runs.h"

namespace tools::test {
namespace {

const char* clone_spec() {
  return R"({
  "name": "small",
  "experiment": "clone",
  "seed": 3,
  "learner": {
    "state_size": 8, "message_size": 2, "layers": [{"constant_input": 10}], "reduce": "sum",
    "output_channel": 1, "output_bound": 0, "backward_pass": true, "separate_backward_cell": true,
    "random_state_fraction": 0, "encoded_weights": true
  },
  "clone": {
    "weight_units": 2, "drift": 0.1, "unroll": 2, "report_every": 2,
    "phases": [
      {"steps": 60, "cells": 50},
      {"steps": 4, "cells": 100, "loss_floor": 0.1}
    ]
  },
  "tasks": {"test": [{"dataset": "sum_sign", "inputs": 4}]},
  "evaluate": {"episodes": 2, "episode_length": 20, "learners": [{"type": "sgd"}]},
  "checkpoint": {"every": 3, "keep": 2}
}
)";
}

struct Place {
  TemporaryFolder folder;
  Place() { write_plain(folder / "spec.json", clone_spec()); }
  Outcome run(const std::string& out, const Arguments& more = {}) const {
    return run_vsml(folder.path(), run_into(out, more));
  }
  std::string operator/(const std::string& name) const { return folder / name; }
};

// A spec that starts from what was cloned.
std::string user_of(const std::string& algorithm) {
  return R"({"name": "user", "experiment": "meta_test", "seed": 4,
  "learner": {"layers": [{"outputs": 3, "constant_input": 10}, {"constant_input": 10}],
              "init": {"type": "file", "path": ")" +
         algorithm + R"("}},
  "tasks": {"test": [{"dataset": "sum_sign", "inputs": 4}]},
  "evaluate": {"episodes": 2, "episode_length": 20, "learners": [{"type": "sgd"}]}})";
}

}  // namespace

TEST_CASE(
    "clone: stopped again and again, with any number of threads, it ends with the same bits") {
  const Place place;
  const Outcome whole = place.run("whole", {"--threads", "1"});
  check_done(whole);
  CHECK(contains(whole.out, "vsml"));
  CHECK(contains(whole.out, "sgd"));
  const auto expected = lasting(place / "whole");
  // A header and every second step.
  CHECK(count_lines(place / "whole/metrics.jsonl") == 1 + 64 / 2);
  CHECK(expected.contains("checkpoints/step-00000064.safetensors"));
  CHECK(place.run("whole").out == whole.out);

  check_done(place.run("threads", {"--threads", "3"}));
  check_same(lasting(place / "threads"), expected);

  int stopped = 0;
  for (int64_t lines = 3; !std::filesystem::exists(place / "stopped/results.json"); lines += 8) {
    ChildProcess process(vsml(place.folder.path(), run_into("stopped", {"--threads", "2"})));
    wait_until(process, [&] { return count_lines(place / "stopped/metrics.jsonl") >= lines; });
    process.send(lines % 16 == 3 ? SIGTERM : SIGKILL);
    if (process.wait().status != 0) ++stopped;
  }
  CHECK(stopped > 0);
  check_same(lasting(place / "stopped"), expected);
}

TEST_CASE("clone: the result is an algorithm that networks of any shape can start from") {
  const Place place;
  check_done(place.run("run"));
  write_plain(place / "spec.json", user_of("run/algorithm.safetensors"));
  const Outcome outcome = place.run("used");
  check_done(outcome);
  CHECK(contains(outcome.out, "vsml"));
}

TEST_CASE("clone: a checkpoint that cannot be read is passed over") {
  const Place place;
  check_done(place.run("run"));
  const auto expected = lasting(place / "run");
  for (const char* name : {"results.json", "report.txt", "evaluations.jsonl"}) {
    std::filesystem::remove(place / (std::string("run/") + name));
  }
  write_plain(place / "run/checkpoints/step-00000064.safetensors", "x");
  const Outcome outcome = place.run("run");
  CHECK(outcome.status == 0);
  CHECK(outcome.error.starts_with("warning: "));
  check_same(lasting(place / "run"), expected);
}

TEST_CASE("clone: what a spec may not say") {
  const Place place;
  const auto refuse = [&](const std::string& set, const std::vector<std::string>& parts) {
    CAPTURE(set);
    check_error(place.run("refused", {"--set", set}), 2, parts);
  };
  refuse("learner.reduce=mean", {"learner.reduce: expected sum", "got mean"});
  refuse("learner.backward_pass=false", {"learner."});
  refuse("learner.encoded_weights=false", {"learner.encoded_weights: expected true", "got false"});
  refuse("learner.output_bound=5", {"learner.output_bound: expected 0", "got 5"});
  refuse("learner.random_state_fraction=0.5", {"learner.random_state_fraction: expected 0"});
  refuse("learner.cell_per_layer=true", {"learner.cell_per_layer: expected false"});
  refuse("learner.type=sgd", {"learner"});
  refuse("clone.weight_units=9", {"clone.weight_units: expected at most state_size 8, got 9"});
  refuse("clone.weight_scale=0", {"clone.weight_scale"});
  refuse("clone.phases=[]", {"clone.phases"});
  refuse("clone.phases.0.steps=0", {"clone.phases"});
  refuse("clone.data.least_input=9", {"clone.data.most_input: expected at least 9, got 3"});
  refuse("clone.data.constant_share=0.7", {"clone.data.constant_share: expected at most 1"});
  refuse("clone.wieght_units=1", {"clone.wieght_units", "weight_units"});
  refuse("tasks.test=[]", {"tasks.test: expected at least one task with experiment clone"});
  CHECK_FALSE(std::filesystem::exists(place / "refused"));
}

TEST_CASE("clone: numbers that are not finite end the training") {
  const Place place;
  // Weights of 10^30 in units of 10^-9 are beyond float32.
  const Arguments huge{"--set", "clone.data.least_weight_exponent=30",
                       "--set", "clone.data.most_weight_exponent=30",
                       "--set", "clone.weight_scale=1e-9"};
  check_error(place.run("run", huge), 4, {"cloning step 0", "not finite"});
}

}  // namespace tools::test
