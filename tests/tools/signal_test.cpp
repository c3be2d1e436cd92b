// Stopping a run, and two that meet in one run directory.
#include <doctest/doctest.h>
#include <filesystem>
#include <memory>
#include <utility>

#include "tests/tools/vsml_runs.h"

namespace tools::test {
namespace {

namespace fs = std::filesystem;

constexpr int kStopped = 75;

const Arguments kLonger{"--set", "meta.steps=120", "--set", "checkpoint.every=50"};
// A single step of this takes minutes.
const Arguments kEndless{"--set", "meta.unroll=1000000",  "--set", "meta.lifetime=1000000",
                         "--set", "meta.memory_budget=16"};

struct Place {
  TemporaryFolder folder;
  Place() { write_plain(folder / "spec.json", small_spec()); }
  Command command(const std::string& out, const Arguments& more) const {
    return vsml(folder.path(), run_into(out, more));
  }
  std::string operator/(const std::string& name) const { return folder / name; }
};

bool comes_to_line(ChildProcess& process, const std::string& run_directory, int64_t line) {
  return wait_until(process, [&] { return count_lines(run_directory + "/metrics.jsonl") >= line; });
}

// Whether the signal's bit is set in a mask of /proc/PID/status.
bool in_mask(const ChildProcess& process, const std::string& mask, int signal) {
  return (std::stoull("0" + process.status(mask), nullptr, 16) >> (signal - 1) & 1) != 0;
}

// The step of the newest checkpoint, as its file is called.
std::string newest_checkpoint(const std::string& run_directory) {
  std::string newest;
  for (const auto& [name, text] : listing(run_directory + "/checkpoints")) newest = name;
  return newest;
}

// The number in the last line {"step":N, ... of metrics.jsonl.
int64_t last_step(const std::string& run_directory) {
  const std::string text = read_plain(run_directory + "/metrics.jsonl"), key = "{\"step\":";
  return std::stoll(text.substr(text.rfind(key) + key.size()));
}

void check_stopped(const Outcome& outcome, const std::string& run_directory) {
  CHECK(outcome.status == kStopped);
  CHECK(outcome.out == "");
  CHECK(contains(newest_checkpoint(run_directory),
                 "0" + std::to_string(last_step(run_directory)) + ".safetensors"));
  CHECK_FALSE(fs::exists(run_directory + "/algorithm.safetensors"));
}

}  // namespace

TEST_CASE("each of five signals: saved, 75, and the same command goes on to the same bits") {
  for (const Arguments& variant : {Arguments(), with_es()}) {
    const std::string name = variant.empty() ? "bptt" : "es";
    CAPTURE(name);
    const Place place;
    const Arguments more = variant + kLonger + Arguments{"--threads", "2"};
    check_done(run_program(place.command("whole", more)));
    try_until_met([&](const std::string& out) {
      int64_t line = 5;
      for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) {
        CAPTURE(signal);
        ChildProcess process(place.command(out, more));
        // Lines of before may be there while the process has not come so far as to catch signals.
        wait_until(process, [&] {
          return in_mask(process, "SigCgt", signal) &&
                 count_lines(place / (out + "/metrics.jsonl")) >= line;
        });
        process.send(signal);
        const Outcome outcome = process.wait();
        if (outcome.status == 0) return false;
        check_stopped(outcome, place / out);
        CHECK(outcome.error == "stopped; the same command goes on from " + out + "\n");
        line = last_step(place / out) + 10;
      }
      check_done(run_program(place.command(out, more)));
      // Beside those that the spec asks for, checkpoints of the stops may be among the newest.
      auto got = lasting(place / out), expected = lasting(place / "whole");
      const std::string last = "checkpoints/" + newest_checkpoint(place / "whole");
      CHECK(got.at(last) == expected.at(last));
      const auto is_checkpoint = [](const auto& one) {
        return one.first.starts_with("checkpoints");
      };
      std::erase_if(got, is_checkpoint);
      std::erase_if(expected, is_checkpoint);
      check_same(got, expected);
      return true;
    });
  }
}

TEST_CASE("a signal in the meta-test") {
  const Place place;
  const Arguments more{"--set", "evaluate.episodes=16", "--set", "evaluate.episode_length=200",
                       "--set", "evaluate.every=0"};
  check_done(run_program(place.command("whole", more)));
  try_until_met([&](const std::string& out) {
    const std::string log = place / (out + "/evaluations.jsonl");
    for (int known = 0; known < 2; ++known) {
      ChildProcess process(place.command(out, more));
      wait_until(process, [&] {
        return in_mask(process, "SigCgt", SIGTERM) && fs::exists(log) && count_lines(log) >= known;
      });
      process.send(SIGTERM);
      const Outcome outcome = process.wait();
      if (outcome.status == 0) return false;
      CHECK(outcome.status == kStopped);
      CHECK(outcome.out == "");
    }
    check_done(run_program(place.command(out, more)));
    check_same(lasting(place / out), lasting(place / "whole"));
    return true;
  });
}

TEST_CASE("a second signal ends the process at once") {
  const Place place;
  int number = 0;
  for (const auto& [first, second] : {std::pair{SIGINT, SIGINT}, std::pair{SIGTERM, SIGTERM},
                                      std::pair{SIGINT, SIGTERM}, std::pair{SIGHUP, SIGTERM}}) {
    CAPTURE(first);
    CAPTURE(second);
    const std::string out = std::to_string(++number);
    Command command = place.command(out, kEndless);
    command.timeout = std::chrono::seconds(30);
    ChildProcess process(command);
    REQUIRE(comes_to_line(process, place / out, 1));
    process.send(first);
    // Taken up once it is neither pending nor caught any more.
    REQUIRE(wait_until(process, [&] {
      return !in_mask(process, "ShdPnd", first) && !in_mask(process, "SigCgt", first);
    }));
    process.send(second);
    const Outcome outcome = process.wait();
    CHECK_FALSE(outcome.timed_out);
    CHECK(outcome.signal == second);
  }
}

TEST_CASE("a signal that was ignored at the start, as with nohup, stays ignored") {
  const Place place;
  Command command = place.command("out", kLonger);
  command.ignored_signals = {SIGHUP};
  ChildProcess process(command);
  REQUIRE(comes_to_line(process, place / "out", 5));
  process.send(SIGHUP);
  check_done(process.wait());
}

TEST_CASE("a run directory in which a process works is left alone") {
  const Place place;
  check_done(run_program(place.command("whole", kLonger)));
  try_until_met([&](const std::string& out) {
    ChildProcess first(place.command(out, kLonger));
    comes_to_line(first, place / out, 10);
    first.send(SIGSTOP);
    if (!first.wait_for_status("State", "T")) return false;
    const auto before = listing(place.folder.path());
    for (const Arguments& more : {kLonger, Arguments{"--set", "seed=9"}}) {
      check_error(run_program(place.command(out, more)), 2, {out, "another process works in"});
      check_same(listing(place.folder.path()), before);
    }
    first.send(SIGCONT);
    check_done(first.wait());
    check_same(lasting(place / out), lasting(place / "whole"));
    return true;
  });
}

TEST_CASE("of many that start at once one works and the others are refused") {
  const Place place;
  check_done(run_program(place.command("whole", kLonger)));
  std::vector<std::unique_ptr<ChildProcess>> all;
  for (int k = 0; k < 6; ++k) {
    all.push_back(std::make_unique<ChildProcess>(place.command("out", kLonger)));
  }
  int done = 0;
  for (const auto& one : all) {
    const Outcome outcome = one->wait();
    if (outcome.status == 0) ++done;
    if (outcome.status != 0) check_error(outcome, 2, {"another process works in"});
  }
  CHECK(done >= 1);
  check_same(lasting(place / "out"), lasting(place / "whole"));
}

TEST_CASE("check does not need the run directory, and waits for nobody") {
  const Place place;
  ChildProcess first(place.command("runs/small", kLonger));
  REQUIRE(comes_to_line(first, place / "runs/small", 1));
  check_done(run_vsml(place.folder.path(), {"check", "spec.json"}));
}

}  // namespace tools::test
