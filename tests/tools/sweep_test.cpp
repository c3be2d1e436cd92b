// Sweeps: as many processes as one likes, killed and gone on with, give the same folders.
#include <doctest/doctest.h>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/tools/vsml_runs.h"

namespace tools::test {
namespace {

namespace fs = std::filesystem;

// Six runs.
std::string sweep_spec() {
  std::string spec = small_spec();
  return spec.insert(spec.find('\n') + 1,
                     "\"sweep\": {\"list\": [{\"name\": \"a\"}, {\"name\": \"b\", "
                     "\"meta.learning_rate\": 0.5}], \"seeds\": 3},\n");
}

struct Place {
  TemporaryFolder folder;
  Place() { write_plain(folder / "spec.json", sweep_spec()); }
  Command command(const std::string& out, const Arguments& more = {}) const {
    return vsml(folder.path(), Arguments{"sweep", "spec.json", "--out", out} + more);
  }
  Outcome operator()(const std::string& out, const Arguments& more = {}) const {
    return run_program(command(out, more));
  }
  std::string operator/(const std::string& name) const { return folder / name; }
};

// What is a function of the spec: without env.json, clocks, and checkpoints that stops have left.
std::map<std::string, std::string> lasting_sweep(const std::string& folder) {
  auto found = listing(folder);
  std::map<std::string, std::string> result;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_directory() || entry.path().filename() == "specs") continue;
    for (const auto& [name, text] : lasting(entry.path())) {
      if (name.starts_with("checkpoints")) continue;
      result[entry.path().filename().string() + "/" + name] = text;
    }
  }
  for (const auto& [name, text] : found) {
    if (name.find('/') == std::string::npos || name.starts_with("specs/")) result[name] = text;
  }
  return result;
}

const Arguments kLonger{"--set", "meta.steps=60", "--set", "checkpoint.every=20"};

}  // namespace

TEST_CASE(
    "sweep: results do not depend on the number of jobs or threads; what is done is skipped") {
  const Place place;
  const Outcome one = place("one", {"--threads", "1"});
  CHECK(one.status == 0);
  CHECK(count(one.error, ": done in ") == 6);
  CHECK(contains(one.error, "[6/6] b,seed=5: done in "));
  CHECK(contains(one.out, "mean +- standard deviation over seeds"));
  const Outcome three = place("three", {"--jobs", "3", "--threads", "4"});
  CHECK(three.status == 0);
  CHECK(three.out == one.out);
  check_same(lasting_sweep(place / "three"), lasting_sweep(place / "one"));
  CHECK(one.out == read_plain(place / "one/summary.txt"));

  const auto before = listing(place / "one");
  const Outcome again = place("one");
  CHECK(again.status == 0);
  CHECK(again.error == "6 of 6 runs are done already\n");
  CHECK(again.out == one.out);
  check_same(listing(place / "one"), before);

  // A run is one like any other.
  check_done(run_vsml(place.folder.path(),
                      {"run", "one/specs/a,seed=3.json", "--out", "alone", "--quiet"}));
  check_same(lasting(place / "alone"), lasting(place / "one/a,seed=3"));

  const Outcome list = place("one", {"--list", "--json"});
  const auto runs = nlohmann::json::parse(list.out);
  CHECK(runs.size() == 6);
  CHECK(runs[4]["state"] == "done");
  CHECK(runs[4]["name"] == "b,seed=4");
  CHECK(runs[4]["variant"] == "b");
  CHECK(place("new", {"--list"}).status == 0);
  CHECK_FALSE(fs::exists(place / "new"));
}

TEST_CASE("sweep: --only does one run, quiet says nothing, the rest is done later") {
  const Place place;
  CHECK(place("whole").status == 0);
  const Outcome only = place("parts", {"--only", "4", "--only", "1", "--quiet"});
  check_done(only);
  CHECK(fs::exists(place / "parts/b,seed=4/results.json"));
  CHECK(fs::exists(place / "parts/a,seed=4/results.json"));
  CHECK_FALSE(fs::exists(place / "parts/a,seed=3"));
  CHECK(place("parts").error.starts_with("2 of 6 runs are done already\n"));
  check_same(lasting_sweep(place / "parts"), lasting_sweep(place / "whole"));
  check_error(place("parts", {"--only", "6"}), 2, {"--only 6: expected a run from 0 to 5"});
}

TEST_CASE("sweep: a signal stops and saves all runs at work; the same command goes on") {
  const Place place;
  CHECK(place("whole", kLonger).status == 0);
  try_until_met([&](const std::string& out) {
    ChildProcess process(place.command(out, kLonger + Arguments{"--jobs", "2"}));
    wait_until(process, [&] { return count_lines(place / (out + "/a,seed=4/metrics.jsonl")) > 5; });
    process.send(SIGTERM);
    const Outcome outcome = process.wait();
    if (outcome.status == 0) return false;
    CHECK(outcome.status == 75);
    CHECK(contains(outcome.error, ": stopped and saved\n"));
    CHECK(contains(outcome.error, "the same command goes on from " + out));
    CHECK(place(out, kLonger).status == 0);
    check_same(lasting_sweep(place / out), lasting_sweep(place / "whole"));
    return true;
  });
}

TEST_CASE("sweep: killed at once, its runs save themselves and the next sweep goes on") {
  const Place place;
  CHECK(place("whole", kLonger).status == 0);
  try_until_met([&](const std::string& out) {
    ChildProcess process(place.command(out, kLonger + Arguments{"--jobs", "2"}));
    if (!wait_until(process,
                    [&] { return count_lines(place / (out + "/a,seed=4/metrics.jsonl")) > 5; })) {
      return false;
    }
    process.send(SIGKILL);
    CHECK(process.wait().signal == SIGKILL);
    const Outcome next = place(out, kLonger + Arguments{"--jobs", "2"});
    CAPTURE(next.error);
    CHECK(next.status == 0);
    check_same(lasting_sweep(place / out), lasting_sweep(place / "whole"));
    return true;
  });
}

TEST_CASE("sweep: two at once share the runs") {
  const Place place;
  CHECK(place("whole", kLonger).status == 0);
  ChildProcess first(place.command("shared", kLonger)), second(place.command("shared", kLonger));
  CHECK(first.wait().status == 0);
  CHECK(second.wait().status == 0);
  check_same(lasting_sweep(place / "shared"), lasting_sweep(place / "whole"));
}

TEST_CASE("sweep: a run that fails says why and does not stop the others") {
  const Place place;
  std::string spec = sweep_spec();
  const std::string list = "{\"name\": \"b\", ";
  spec.insert(spec.find(list),
              "{\"name\": \"no data\", \"tasks.test\": [{\"dataset\": \"idx\", "
              "\"images\": \"none\", \"labels\": \"none\"}]}, ");
  write_plain(place / "spec.json", spec);
  fs::create_directories(place / "out");
  const Outcome outcome = place("out");
  CHECK(outcome.status == 3);
  CHECK(contains(outcome.error, "no-data,seed=3: failed: "));
  CHECK(contains(outcome.error, "none"));
  CHECK(contains(outcome.error, "error: 3 of 9 runs failed\n"));
  CHECK(fs::exists(place / "out/b,seed=5/results.json"));
  CHECK(contains(outcome.out, "  b "));
  // A folder in the way of one run.
  write_plain(place / "spec.json", sweep_spec());
  fs::create_directories(place / "odd/a,seed=4");
  write_plain(place / "odd/a,seed=4/mine.txt", "keep");
  write_plain(place / "odd/sweep.json", "{\"runs\": []}");
  const Outcome odd = place("odd");
  CHECK(odd.status == 2);
  CHECK(contains(odd.error, "a,seed=4: failed: "));
  CHECK(read_plain(place / "odd/a,seed=4/mine.txt") == "keep");
}

TEST_CASE("sweep: what is no sweep, or no place for one, is refused untouched") {
  const Place place;
  write_plain(place / "plain.json", small_spec());
  check_error(run_vsml(place.folder.path(), {"sweep", "plain.json"}), 2,
              {"plain.json", "sweep: expected this key", "vsml run"});
  check_error(run_vsml(place.folder.path(), {"run", "spec.json"}), 2,
              {"spec.json:2", "vsml sweep"});
  fs::create_directories(place / "mine");
  write_plain(place / "mine/file", "x");
  check_error(place("mine"), 2, {"mine", "no sweep.json"});
  check_error(place("spec.json"), 2, {"found a file"});
  CHECK(listing(place / "mine").size() == 1);
  check_error(place("out", {"--set", "sweep.grid={\"meta.stpes\": [1]}"}), 2, {"stpes", "steps"});
  check_error(place("out", {"--jobs", "0"}), 2, {"--jobs"});
  CHECK_FALSE(fs::exists(place / "out"));
  const Outcome check = run_vsml(place.folder.path(), {"check", "spec.json"});
  check_done(check);
  CHECK(check.out.starts_with("6 runs\n"));
}

}  // namespace tools::test
