// Run directories that cannot be used: status, message, and nothing in them is changed.
#include <doctest/doctest.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/tools/vsml_runs.h"

namespace tools::test {
namespace {

namespace fs = std::filesystem;

struct Place {
  TemporaryFolder folder;
  Place() { write_plain(folder / "spec.json", small_spec()); }
  Outcome run(const std::string& out, const Arguments& more = {}) const {
    return run_vsml(folder.path(), run_into(out, more));
  }
  void check_refused(const std::string& out, int status, const std::vector<std::string>& parts,
                     const Arguments& more = {}) const {
    CAPTURE(out);
    const auto before = listing(folder.path());
    check_error(run(out, more), status, parts);
    check_same(listing(folder.path()), before);
  }
  std::string operator/(const std::string& name) const { return folder / name; }
};

// Makes a finished run in "out" one that has its training behind it and its meta-test before it.
void undo_meta_test(const Place& place) {
  for (const char* name : {"results.json", "report.txt", "evaluations.jsonl"}) {
    REQUIRE(fs::remove(place / ("out/" + std::string(name))));
  }
}

}  // namespace

TEST_CASE("what is no run directory") {
  const Place place;
  write_plain(place / "file", "mine");
  fs::create_directories(place / "mine/sub");
  write_plain(place / "mine/sub/file", "mine");
  fs::create_symlink("loop", place / "loop");
  fs::create_symlink("none/none", place / "dangling");
  REQUIRE(mkfifo((place / "fifo").c_str(), 0600) == 0);
  place.check_refused("file", 2, {"file"});
  place.check_refused("file/out", 3, {"file/out"});
  place.check_refused("fifo", 2, {"fifo"});
  place.check_refused("mine", 2, {"mine", "spec.json"});
  place.check_refused("mine/sub", 2, {"mine/sub", "spec.json"});
  place.check_refused(".", 2, {"another spec"});
  place.check_refused("loop", 3, {"loop", "symbolic links"});
  place.check_refused("dangling", 3, {"dangling"});
  place.check_refused(std::string(300, 'x'), 3, {"xxx", "too long"});
  place.check_refused("/proc/nothing", 3, {"/proc/nothing"});
  place.check_refused("/proc/self/nothing/out", 3, {"/proc/self/nothing/out"});
  if (geteuid() == 0) return;  // who may write everywhere
  fs::create_directory(place / "locked");
  chmod((place / "locked").c_str(), 0500);
  place.check_refused("locked/out", 3, {"locked/out", "denied"});
  place.check_refused("locked", 3, {"locked", "denied"});
}

TEST_CASE("an empty folder, one below missing ones, and a link to a folder can be used") {
  const Place place;
  fs::create_directory(place / "empty");
  fs::create_symlink("empty", place / "link");
  check_done(place.run("a/b/c"));
  check_done(place.run("link"));
  check_same(lasting(place / "empty"), lasting(place / "a/b/c"));
}

TEST_CASE("a run of another spec: the key is named") {
  const Place place;
  check_done(place.run("out"));
  const auto refused = [&](const std::string& key, const std::string& value) {
    place.check_refused("out", 2, {"out: ", "another spec", key}, {"--set", key + "=" + value});
  };
  refused("seed", "4");
  refused("name", "other");
  refused("meta.learning_rate", "0.0011");
  refused("tasks.train.0.inputs", "5");
  refused("evaluate.learners.0.learning_rate", "[0.01]");
  refused("checkpoint.keep", "5");
  check_done(place.run("out", {"--set", "seed=3"}));
}

TEST_CASE("files in a run directory that are not what a run writes") {
  const auto with_bytes = [](const std::string& name, const std::string& bytes, int status,
                             bool tested) {
    CAPTURE(name);
    CAPTURE(bytes.substr(0, 40));
    const Place place;
    check_done(place.run("out"));
    if (!tested) undo_meta_test(place);
    write_plain(place / ("out/" + name), bytes);
    place.check_refused("out", status, {name == "spec.json" ? "another spec" : name});
  };
  for (const std::string bytes : {"", "{", "[]", "\"x\"", "\xff\xfe", "{\"seed\": {}}"}) {
    with_bytes("spec.json", bytes, 2, true);
    with_bytes("results.json", bytes, 3, true);
    if (!bytes.empty()) with_bytes("evaluations.jsonl", bytes + "\n", 3, false);
  }
  with_bytes("results.json", std::string(100'000, '['), 3, true);
}

TEST_CASE("other things in the place of the files of a run directory") {
  for (const std::string name : {"spec.json", "results.json", "lock", "checkpoints",
                                 "metrics.jsonl", "evaluations.jsonl", "algorithm.safetensors"}) {
    for (const std::string kind : {"folder", "fifo", "loop"}) {
      if (name == "checkpoints" && kind == "folder") continue;
      if (name == "lock" && kind == "fifo") continue;  // it can be locked, too
      CAPTURE(name);
      CAPTURE(kind);
      const Place place;
      check_done(place.run("out"));
      if (name != "results.json" && name != "spec.json") undo_meta_test(place);
      const std::string path = place / ("out/" + name);
      fs::remove_all(path);
      if (kind == "folder") fs::create_directory(path);
      if (kind == "fifo") REQUIRE(mkfifo(path.c_str(), 0600) == 0);
      if (kind == "loop") fs::create_symlink(name, path);
      Command command = vsml(place.folder.path(), run_into("out"));
      command.timeout = std::chrono::seconds(20);
      const Outcome outcome = run_program(command);
      // A link in the place of a file that is written is replaced by the file.
      if (kind == "loop" && outcome.status == 0) continue;
      check_error(outcome, name == "spec.json" && outcome.status == 2 ? 2 : 3, {"out"});
    }
  }
}

TEST_CASE("files that a killed process left half written are no hindrance") {
  const Place place;
  check_done(place.run("whole"));
  fs::create_directories(place / "out/checkpoints");
  write_plain(place / "out/lock", "");
  write_plain(place / "out/spec.json.tmp.99999999", "{");
  check_done(place.run("out"));
  check_same(lasting(place / "out"), lasting(place / "whole"));
  for (const char* name : {"results.json", "report.txt", "evaluations.jsonl", "spec.json"}) {
    write_plain(place / ("out/" + std::string(name) + ".tmp.99999999"), "{");
  }
  write_plain(place / "out/checkpoints/step-00000007.safetensors.tmp.99999999", "{");
  undo_meta_test(place);
  check_done(place.run("out"));
  check_same(lasting(place / "out"), lasting(place / "whole"));
}

}  // namespace tools::test
