// A run that is killed, on however many threads, ends with the bits of one that is not.
#include <doctest/doctest.h>
#include <filesystem>
#include <random>
#include <sstream>
#include <thread>

#include "tests/tools/vsml_runs.h"

namespace tools::test {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSteps = 60;

const Arguments kBptt{"--set", "name=bptt"};

// Pairs that go on, and parameters that have the task's sizes.
Arguments with_pes() {
  return {"--set", "name=pes",         "--set", "meta.optimizer=pes",
          "--set", "meta.carry=true",  "--set", "meta.unroll=3",
          "--set", "meta.lifetime=12", "--set", R"(learner={"type": "meta_rnn", "state_size": 6})"};
}

// Enough steps that there is something to interrupt.
Arguments longer(const Arguments& variant, int threads) {
  return variant + Arguments{"--set",     "meta.steps=" + std::to_string(kSteps),
                             "--set",     "checkpoint.every=3",
                             "--set",     "checkpoint.keep=3",
                             "--set",     "evaluate.every=20",
                             "--threads", std::to_string(threads)};
}

struct Place {
  TemporaryFolder folder;
  Place() { write_plain(folder / "spec.json", small_spec()); }
  Outcome run(const std::string& out, const Arguments& more) const {
    return run_vsml(folder.path(), run_into(out, more));
  }
  std::string operator/(const std::string& name) const { return folder / name; }
};

std::string checkpoint(int64_t step) {
  const std::string digits = std::to_string(step);
  return "checkpoints/step-" + std::string(8 - digits.size(), '0') + digits + ".safetensors";
}

// Kills the run again and again: first at any moment of its start, then when it has come to steps
// that are spread over its length. How often it really was at work when it was killed.
int kill_at_random(const Place& place, const std::string& out, const Arguments& arguments,
                   std::mt19937& random) {
  constexpr int kKills = 5;
  const std::string metrics = place / (out + "/metrics.jsonl");
  const auto microseconds = [&](int most) {
    return std::chrono::microseconds(std::uniform_int_distribution(0, most)(random));
  };
  int killed = 0;
  for (int kill = 0; kill <= kKills && !fs::exists(place / (out + "/results.json")); ++kill) {
    ChildProcess process(vsml(place.folder.path(), run_into(out, arguments)));
    if (kill == 0) {
      std::this_thread::sleep_for(microseconds(30'000));
    } else {
      const int64_t first = kSteps * (kill - 1) / kKills, last = kSteps * kill / kKills;
      const int64_t line = std::uniform_int_distribution(first + 1, last)(random);
      wait_until(process, [&] { return count_lines(metrics) >= line; });
      std::this_thread::sleep_for(microseconds(3'000));
    }
    process.send(SIGKILL);
    if (process.wait().signal == SIGKILL) ++killed;
  }
  return killed;
}

void check_killed_runs(const Arguments& variant) {
  const Place place;
  check_done(place.run("whole", longer(variant, 1)));
  const auto expected = lasting(place / "whole");
  REQUIRE(expected.contains(checkpoint(kSteps)));
  std::mt19937 random(20240229);
  for (const int threads : {1, 2}) {
    CAPTURE(threads);
    int killed = 0;
    for (int attempt = 0; killed < 4; ++attempt) {
      REQUIRE(attempt < 5);
      const std::string out = "killed." + std::to_string(threads) + "." + std::to_string(attempt);
      killed += kill_at_random(place, out, longer(variant, threads), random);
      check_done(place.run(out, longer(variant, threads)));
      check_same(lasting(place / out), expected);
    }
  }
}

// A finished run that has to be done again from its checkpoints on.
void undo_end(const std::string& run_directory) {
  for (const char* name :
       {"results.json", "report.txt", "evaluations.jsonl", "algorithm.safetensors"}) {
    REQUIRE(fs::remove(run_directory + "/" + name));
  }
}

}  // namespace

TEST_CASE("bptt: killed at random moments") {
  check_killed_runs(kBptt);
}

TEST_CASE("es: killed at random moments") {
  check_killed_runs(with_es());
}

TEST_CASE("pes, with a learner of fixed size: killed at random moments") {
  check_killed_runs(with_pes());
}

TEST_CASE("the bits do not depend on the number of threads") {
  const Place place;
  for (const Arguments& variant : {kBptt, with_es()}) {
    const std::string name = variant == kBptt ? "bptt" : "es";
    CAPTURE(name);
    check_done(place.run(name + "1", variant + Arguments{"--threads", "1"}));
    for (const std::string threads : {"2", "3", "16"}) {
      CAPTURE(threads);
      check_done(place.run(name + threads, variant + Arguments{"--threads", threads}));
      check_same(lasting(place / (name + threads)), lasting(place / (name + "1")));
    }
  }
}

TEST_CASE("killed in the meta-test, what is known by then is kept") {
  const Place place;
  const Arguments more{"--set", "evaluate.episodes=16", "--set", "evaluate.episode_length=300"};
  check_done(place.run("whole", more));
  const std::string log = place / "killed/evaluations.jsonl";
  ChildProcess process(vsml(place.folder.path(), run_into("killed", more)));
  wait_until(process, [&] { return count_lines(log) >= 1; });
  process.send(SIGKILL);
  process.wait();
  const std::string known = read_plain(log);
  // What is there is taken as it is, half a line is not.
  write_plain(log, known + "{\"task\":\"sum_si");
  check_done(place.run("killed", more));
  check_same(lasting(place / "killed"), lasting(place / "whole"));
}

TEST_CASE("a damaged checkpoint: the one before it is taken, or the beginning") {
  const Place place;
  for (const Arguments& variant : {kBptt, with_es()}) {
    const std::string out = variant == kBptt ? "bptt" : "es";
    check_done(place.run(out, variant));
    const auto expected = lasting(place / out);
    const std::string newest = place / (out + "/" + checkpoint(6));
    const std::string older = place / (out + "/" + checkpoint(4));
    const std::string good = read_plain(newest);
    std::string flipped = good;
    flipped[flipped.size() - 3] = static_cast<char>(flipped[flipped.size() - 3] ^ 4);
    for (const std::string& bad : {std::string(), good.substr(0, good.size() / 2), flipped,
                                   good + "x", read_plain(older), std::string("<html>")}) {
      CAPTURE(bad.size());
      undo_end(place / out);
      write_plain(newest, bad);
      const Outcome outcome = place.run(out, variant);
      CHECK(outcome.status == 0);
      CHECK(outcome.error.starts_with("warning: "));
      CHECK(contains(outcome.error, checkpoint(6)));
      CHECK(count_lines(place / (out + "/metrics.jsonl")) == 8);
      check_same(lasting(place / out), expected);
    }
    undo_end(place / out);
    fs::remove(newest);
    check_done(place.run(out, variant));
    check_same(lasting(place / out), expected);

    undo_end(place / out);
    write_plain(newest, "");
    write_plain(older, "");
    CHECK(place.run(out, variant).status == 0);
    check_same(lasting(place / out), expected);
  }
}

TEST_CASE("damaged newer checkpoints do not crowd out the good ones") {
  const Place place;
  const Arguments more = longer(kBptt, 1) + Arguments{"--set", "checkpoint.keep=1"};
  try_until_met([&](const std::string& out) {
    check_done(place.run(out, more));
    undo_end(place / out);
    write_plain(place / (out + "/" + checkpoint(kSteps)), "");
    const std::string metrics = place / (out + "/metrics.jsonl");
    fs::remove(metrics);
    ChildProcess process(vsml(place.folder.path(), run_into(out, more)));
    wait_until(process, [&] { return count_lines(metrics) >= 5; });
    process.send(SIGTERM);
    if (process.wait().status == 0) return false;
    CHECK(listing(place / (out + "/checkpoints")).size() >= 2);
    return true;
  });
}

TEST_CASE("metrics.jsonl is cut back to the checkpoint, wherever it ends") {
  const Place place;
  check_done(place.run("out", {}));
  const auto expected = lasting(place / "out");
  const std::string metrics = place / "out/metrics.jsonl", good = read_plain(metrics);
  const std::string half = "{\"step\":7,\"wall_s\":0.1,\"train/lo";
  for (const std::string& bytes : {good + half, good + half + "\n" + good, good + "\n\n"}) {
    undo_end(place / "out");
    write_plain(metrics, bytes);
    check_done(place.run("out", {}));
    check_same(lasting(place / "out"), expected);
  }
  // Killed between two steps: lines beyond the checkpoint that is left.
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{20}}) {
    undo_end(place / "out");
    fs::remove(place / ("out/" + checkpoint(6)));
    write_plain(metrics, good.substr(0, good.size() - cut));
    check_done(place.run("out", {}));
    check_same(lasting(place / "out"), expected);
  }
}

TEST_CASE("lines of metrics.jsonl that a checkpoint speaks of and that are lost") {
  const Place place;
  check_done(place.run("out", {}));
  const auto expected = lasting(place / "out");
  const std::string metrics = place / "out/metrics.jsonl", good = read_plain(metrics);
  for (const size_t kept : {good.size() - 5, good.size() / 3, size_t{0}}) {
    CAPTURE(kept);
    undo_end(place / "out");
    write_plain(metrics, good.substr(0, kept));
    CHECK(place.run("out", {}).status == 0);
    const auto got = lasting(place / "out");
    for (const char* name : {"results.json", "algorithm.safetensors"}) {
      CHECK(got.at(name) == expected.at(name));
    }
    std::istringstream lines(read_plain(metrics));
    for (std::string line; std::getline(lines, line);) {
      CHECK((line.starts_with("{") && line.ends_with("}")));
    }
  }
}

}  // namespace tools::test
