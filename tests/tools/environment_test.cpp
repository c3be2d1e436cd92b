// Space, memory, outputs and surroundings that are not as one would wish.
#include <algorithm>
#include <clocale>
#include <doctest/doctest.h>
#include <filesystem>

#include "tests/tools/vsml_runs.h"

namespace tools::test {
namespace {

namespace fs = std::filesystem;

constexpr int kDiverged = 4, kResources = 5;

const Arguments kLonger{"--set", "meta.steps=80", "--set", "checkpoint.every=5"};

struct Place {
  TemporaryFolder folder;
  Place() { write_plain(folder / "spec.json", small_spec()); }
  Command command(const std::string& out, const Arguments& more = {}) const {
    return vsml(folder.path(), run_into(out, more));
  }
  Command command(const Arguments& arguments) const { return vsml(folder.path(), arguments); }
  std::string operator/(const std::string& name) const { return folder / name; }
};

std::string checkpoints_of(const std::string& run_directory) {
  std::string all;
  for (const auto& [name, text] : listing(run_directory + "/checkpoints")) all += name + text;
  return all;
}

// Whether the program so much as starts under the limits of a command.
bool starts(Command command) {
  command.argv = {command.argv[0], "--version"};
  const Outcome outcome = run_program(command);
  CHECK_FALSE(outcome.timed_out);
  return outcome.status == 0;
}

}  // namespace

TEST_CASE("files may not grow: 5, and nothing that was saved is lost") {
  const Place place;
  check_done(run_program(place.command("whole", kLonger)));
  const auto expected = lasting(place / "whole");
  const auto size = [&](const std::string& name) {
    return fs::file_size(place / ("whole/" + name));
  };
  const auto metrics = size("metrics.jsonl"), spec = size("spec.json");
  const auto checkpoint = size("checkpoints/step-00000080.safetensors");
  REQUIRE(metrics / 2 > checkpoint);
  int number = 0, with_checkpoint = 0;
  for (const rlim_t limit : {rlim_t{0}, rlim_t{200}, spec - 1, spec, checkpoint - 1, checkpoint,
                             metrics / 2, metrics - 200, metrics * 2}) {
    CAPTURE(limit);
    const std::string out = std::to_string(++number);
    Command command = place.command(out, kLonger);
    command.limits[RLIMIT_FSIZE] = limit;
    const Outcome outcome = run_program(command);
    if (limit < metrics) {
      check_error(outcome, kResources, {out + "/"});
      if (checkpoints_of(place / out) != "") ++with_checkpoint;
    } else {
      CHECK(outcome.status == 0);
    }
    check_done(run_program(place.command(out, kLonger)));
    check_same(lasting(place / out), expected);
  }
  CHECK(with_checkpoint >= 2);
}

TEST_CASE("addresses run out: 5, or it is done with the same bits") {
  const Place place;
  check_done(run_program(place.command("whole", {"--threads", "2"})));
  const auto expected = lasting(place / "whole");
  int refused = 0, tried = 0;
  for (const rlim_t mebibytes :
       {64, 80, 100, 128, 200, 300, 350, 400, 450, 500, 600, 700, 800, 1000, 1500, 4000}) {
    CAPTURE(mebibytes);
    const std::string out = std::to_string(mebibytes);
    Command command = place.command(out, {"--threads", "2"});
    command.limits[RLIMIT_AS] = mebibytes << 20;
    command.timeout = std::chrono::seconds(10);
    if (!starts(command)) continue;
    ++tried;
    const Outcome outcome = run_program(command);
    if (outcome.status != 0) {
      ++refused;
      check_error(outcome, kResources, {"memory"});
    }
    check_done(run_program(place.command(out, {"--threads", "2"})));
    check_same(lasting(place / out), expected);
  }
  if (tried == 0) MESSAGE("skipped: the program does not start under a limit of addresses");
  if (tried > 0) CHECK(refused > 0);
}

TEST_CASE("a run that does not fit into memory is refused before it begins") {
  const Place place;
  const auto before = listing(place.folder.path());
  const auto refused = [&](const Arguments& more) {
    const Outcome outcome = run_program(place.command("out", more));
    check_error(outcome, kResources, {"memory"});
    check_same(listing(place.folder.path()), before);
  };
  const Arguments wide{"--set", "learner.state_size=1024", "--set", "tasks.train.0.inputs=200",
                       "--set", "tasks.test.0.inputs=200"};
  refused(wide + Arguments{"--set", "meta.population=1000000"});
  refused(wide +
          Arguments{"--set", "evaluate.episodes=1000000", "--set", "evaluate.chunk_size=1000000"});
  refused({"--set", R"(learner.layers=[{"outputs": 16000000}, {"outputs": 16000000}, {}])"});
}

TEST_CASE("what a run needs is predicted without taking it") {
  const Place place;
  const Arguments wide{"check", "spec.json", "--set",
                       R"(learner.layers=[{"outputs": 3000}, {"outputs": 300}, {}])"};
  const Outcome outcome = run_program(place.command(wide));
  check_done(outcome);
#if defined(__SANITIZE_ADDRESS__)
  constexpr int64_t kMost = int64_t{1} << 30;  // the sanitizers' own is some 250 MiB
#else
  constexpr int64_t kMost = int64_t{256} << 20;
#endif
  CHECK(outcome.peak_bytes < kMost);  // predicted are 2 GiB
}

TEST_CASE("the memory that a run takes is what was predicted, within 10%") {
#if defined(__SANITIZE_ADDRESS__)
  MESSAGE("skipped: the sanitizers need memory of their own");
  return;
#endif
  const char* spec = R"({
    "learner": {"micro_ticks": 1, "layers": [{"outputs": 64}, {}]},
    "meta": {"optimizer": "bptt", "steps": 2, "population": 4, "chunk_size": 2, "unroll": 12,
             "carry": true, "lifetime": 24},
    "tasks": {
      "train": [{"dataset": "random", "inputs": 512, "num_classes": 10, "repeat": true, "random_projection": 1}],
      "test": [{"dataset": "random", "inputs": 512, "num_classes": 10, "repeat": true}]
    },
    "evaluate": {"every": 0, "episodes": 2, "episode_length": 10, "chunk_size": 1,
                 "untrained": false}
  })";
  TemporaryFolder folder;
  write_plain(folder / "spec.json", spec);
  const Arguments segments{"--set", "meta.unroll=24", "--set", "meta.memory_budget=150"};
  const Arguments es{"--set", "meta.optimizer=es",    "--set", "meta.carry=false",
                     "--set", "meta.episode_length=4"};
  const Arguments wide_test =
      es + Arguments{"--set", "evaluate.episodes=32", "--set", "evaluate.chunk_size=16"};
  const Arguments reference{"--set", "meta.unroll=4", "--set", "learner.state_size=12"};
  int number = 0;
  for (const Arguments& variant : {Arguments(), segments, es, wide_test, reference}) {
    // Two threads may miss each other's widest moment: then less is taken.
    for (const std::string threads : {"1", "2"}) {
      const Arguments more = Arguments{"--threads", threads} + variant;
      const Outcome check =
          run_program(vsml(folder.path(), Arguments{"check", "spec.json", "--json"} + more));
      check_done(check);
      const std::string key = "\"predicted_memory_bytes\": ";
      const double predicted = std::stod(check.out.substr(check.out.find(key) + key.size()));
      const Outcome run =
          run_program(vsml(folder.path(), run_into(std::to_string(++number), more)));
      check_done(run);
      CAPTURE(number);
      CAPTURE(predicted);
      const double ratio = predicted / static_cast<double>(run.peak_bytes);
      CHECK(ratio > 0.9);
      if (threads == "1") CHECK(ratio < 1.1);
    }
  }
}

TEST_CASE("divergence: 4, and the last checkpoint stands") {
  const Place place;
  const Arguments wild{"--set", "meta.learning_rate=1e9", "--set", "meta.clip_norm=0",
                       "--set", "meta.epsilon=1e-37",     "--set", "meta.beta2=0",
                       "--set", "checkpoint.every=1",     "--set", "meta.step_scale=none",
                       "--set", "meta.steps=200"};
  check_error(run_program(place.command("out", wild)), kDiverged, {"step", "finite"});
  const std::string saved = checkpoints_of(place / "out");
  CHECK(saved != "");
  CHECK_FALSE(fs::exists(place / "out/algorithm.safetensors"));
  // The checkpoint can be read, else there were a warning; and there is no other way on from it.
  check_error(run_program(place.command("out", wild)), kDiverged, {"step", "finite"});
  CHECK(checkpoints_of(place / "out") == saved);
}

TEST_CASE("stdout that cannot be written: 3, and the run is done") {
  const Place place;
  check_done(run_program(place.command("whole")));
  const auto expected = lasting(place / "whole");
  for (const Stream stream : {Stream::Full, Stream::Broken, Stream::Closed}) {
    CAPTURE(static_cast<int>(stream));
    for (const Arguments& arguments :
         {Arguments{"schema"}, Arguments{"specs"}, Arguments{"keys"}, Arguments{"--version"},
          Arguments{"--help"}, Arguments{"check", "spec.json"}}) {
      CAPTURE(arguments[0]);
      Command command = place.command(arguments);
      command.out = stream;
      check_error(run_program(command), 3, {"stdout"});
    }
    const std::string out = std::to_string(static_cast<int>(stream));
    Command command = place.command(out);
    command.out = stream;
    command.close_input = stream == Stream::Closed;
    check_error(run_program(command), 3, {"stdout"});
    check_same(lasting(place / out), expected);
  }
}

TEST_CASE("stderr that cannot be written takes nothing but the messages away") {
  const Place place;
  check_done(run_program(place.command("whole", kLonger)));
  const auto expected = lasting(place / "whole");
  for (const Stream stream : {Stream::Full, Stream::Broken, Stream::Closed}) {
    CAPTURE(static_cast<int>(stream));
    Command wrong = place.command(Arguments{"run", "none.json"});
    wrong.error = stream;
    CHECK(run_program(wrong).status == 3);
    wrong.argv = {wrong.argv[0], "--fast"};
    CHECK(run_program(wrong).status == 2);

    const std::string out = std::to_string(static_cast<int>(stream));
    Command command = place.command(out, kLonger);
    command.error = stream;
    ChildProcess process(command);
    wait_until(process, [&] { return count_lines(place / (out + "/metrics.jsonl")) >= 8; });
    process.send(SIGHUP);  // what comes when the terminal is closed
    const Outcome stopped = process.wait();
    CHECK(stopped.signal == 0);
    CHECK((stopped.status == 75 || stopped.status == 0));
    const Outcome outcome = run_program(command);
    CHECK(outcome.status == 0);
    CHECK(outcome.out == read_plain(place / "whole/report.txt"));
    const auto got = lasting(place / out);
    for (const char* name : {"metrics.jsonl", "results.json", "algorithm.safetensors"}) {
      CHECK(got.contains(name));
      if (got.contains(name)) CHECK(got.at(name) == expected.at(name));
    }
  }
}

TEST_CASE("all three closed: no file of the run is taken for an output") {
  const Place place;
  check_done(run_program(place.command("whole")));
  Command command = place.command("out");
  command.out = command.error = Stream::Closed;
  command.close_input = true;
  CHECK(run_program(command).status == 3);
  check_same(lasting(place / "out"), lasting(place / "whole"));
}

TEST_CASE("variables of the environment change no bit") {
  const Place place;
  check_done(run_program(place.command("whole", {"--json"})));
  const auto expected = lasting(place / "whole");
  if (std::setlocale(LC_ALL, "de_DE.UTF-8") == nullptr) {
    MESSAGE("there is no locale de_DE.UTF-8 here: it is named to the program all the same");
  }
  int number = 0;
  const auto same = [&](const std::map<std::string, std::string>& set) {
    CAPTURE(number);
    const std::string out = std::to_string(++number);
    Command command = place.command(out, {"--json"});
    command.environment = set;
    command.unset = {"HOME", "PATH", "TERM", "LANG", "LANGUAGE", "LC_ALL", "TMPDIR", "USER"};
    const Outcome outcome = run_program(command);
    check_done(outcome);
    CHECK(outcome.out == read_plain(place / "whole/results.json"));
    check_same(lasting(place / out), expected);
  };
  same({});
  same({{"LC_ALL", "de_DE.UTF-8"}, {"LANG", "de_DE.UTF-8"}, {"LC_NUMERIC", "de_DE.UTF-8"}});
  same({{"LC_ALL", "nonsense"}, {"HOME", "/nonexistent"}, {"TMPDIR", "/nonexistent"}});
  same({{"OMP_NUM_THREADS", "3"}, {"OPENBLAS_NUM_THREADS", "3"}, {"TZ", "Asia/Tokyo"}});
}

TEST_CASE("few open files are enough, or it is said") {
#if defined(__SANITIZE_ADDRESS__)
  // The sanitizer of undefined behaviour opens pipes to look at objects, and takes its failure to
  // do so for a bad object.
  MESSAGE("skipped: the sanitizers need more open files");
  return;
#endif
  const Place place;
  check_done(run_program(place.command("whole")));
  for (const rlim_t files : {4, 5, 6, 7, 8, 10, 16, 32}) {
    CAPTURE(files);
    const std::string out = std::to_string(files);
    Command command = place.command(out);
    command.limits[RLIMIT_NOFILE] = files;
    if (!starts(command)) continue;
    const Outcome outcome = run_program(command);
    if (outcome.status != 0) check_error(outcome, outcome.status == 5 ? 5 : 3);
    check_done(run_program(place.command(out)));
    check_same(lasting(place / out), lasting(place / "whole"));
  }
}

}  // namespace tools::test
