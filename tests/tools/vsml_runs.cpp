#include "tests/tools/vsml_runs.h"

#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace tools::test {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::directory_entry& entry) {
  const fs::file_status status = entry.symlink_status();
  if (fs::is_symlink(status)) return "link to " + fs::read_symlink(entry.path()).string();
  if (fs::is_directory(status)) return "folder";
  return fs::is_regular_file(status) ? "file: " + read_plain(entry.path()) : "special file";
}

// Without the value of "wall_s", which is a number.
std::string without_clock(const std::string& metrics) {
  const std::string key = "\"wall_s\":";
  std::string text = metrics;
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at)) {
    at += key.size();
    text.erase(at, text.find_first_of(",}", at) - at);
  }
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace

Command vsml(const std::string& folder, const Arguments& arguments) {
  const char* program = std::getenv("VSML_PROGRAM");
  if (program == nullptr) throw std::runtime_error("VSML_PROGRAM: expected the program's path");
  Command command;
  command.argv = Arguments{program} + arguments;
  const char* device = std::getenv("VSML_TEST_DEVICE");
  if (device != nullptr && !arguments.empty() && arguments[0] == "run") {
    command.argv = command.argv + Arguments{"--device", device};
  }
  command.folder = folder;
  return command;
}

Outcome run_vsml(const std::string& folder, const Arguments& arguments) {
  return run_program(vsml(folder, arguments));
}

const char* small_spec() {
  return R"({
  "name": "small",
  "seed": 3,
  "learner": {"state_size": 3, "message_size": 2, "output_channel": 0, "micro_ticks": 1},
  "meta": {"optimizer": "bptt", "steps": 6, "population": 6, "chunk_size": 2, "carry": true,
           "unroll": 5, "lifetime": 20, "step_scale": "initial"},
  "tasks": {
    "train": [{"dataset": "sum_sign", "inputs": 4}],
    "test": [{"dataset": "sum_sign", "inputs": 4}]
  },
  "evaluate": {
    "every": 3, "episodes": 4, "episode_length": 20, "chunk_size": 2,
    "learners": [{"type": "sgd", "learning_rate": [0.01, 0.1]}, {"type": "nearest_mean"}]
  },
  "checkpoint": {"every": 2, "keep": 2}
}
)";
}

const Arguments& with_es() {
  static const Arguments overrides{"--set", "meta.optimizer=es",      "--set", "meta.carry=false",
                                   "--set", "meta.episode_length=10", "--set", "name=es"};
  return overrides;
}

Arguments run_into(const std::string& out, const Arguments& more) {
  return Arguments{"run", "spec.json", "--out", out} + more;
}

Arguments operator+(Arguments a, const Arguments& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::map<std::string, std::string> listing(const std::string& folder) {
  std::map<std::string, std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    found[entry.path().lexically_relative(folder)] = text_of(entry);
  }
  return found;
}

std::map<std::string, std::string> lasting(const std::string& run_directory) {
  auto found = listing(run_directory);
  found.erase("env.json");
  std::erase_if(found, [](const auto& one) { return contains(one.first, ".tmp."); });
  for (auto& [name, text] : found) {
    if (name == "metrics.jsonl") text = without_clock(text);
  }
  return found;
}

void check_same(const std::map<std::string, std::string>& got,
                const std::map<std::string, std::string>& expected) {
  for (const auto& [name, text] : expected) {
    CHECK_MESSAGE(got.contains(name), name, " is missing");
    if (got.contains(name)) CHECK_MESSAGE(got.at(name) == text, name, " differs");
  }
  for (const auto& [name, text] : got) CHECK_MESSAGE(expected.contains(name), name, " is new");
}

int64_t count_lines(const std::string& path) {
  const std::string text = read_plain(path);
  return std::count(text.begin(), text.end(), '\n');
}

bool wait_until(ChildProcess& process, const std::function<bool()>& condition) {
  while (process.running()) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
  return false;
}

void try_until_met(const std::function<bool(const std::string& out)>& attempt) {
  for (int k = 0; k < 10; ++k) {
    if (attempt("met." + std::to_string(k))) return;
  }
  FAIL("the program was always done before it was met");
}

void check_error(const Outcome& outcome, int status, const std::vector<std::string>& parts) {
  CAPTURE(outcome.error);
  CAPTURE(outcome.signal);
  CHECK_FALSE(outcome.timed_out);
  CHECK(outcome.status == status);
  CHECK(outcome.out == "");
  const std::vector<std::string> lines = lines_of(outcome.error);
  CHECK(lines.size() >= 1);
  CHECK(lines.size() <= 2);
  if (!lines.empty()) CHECK(lines[0].starts_with("error: "));
  if (lines.size() > 1) CHECK(lines[1].starts_with("hint: "));
  CHECK(outcome.error.ends_with("\n"));
  for (const std::string& line : lines) {
    CHECK(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < 127; }));
  }
  CHECK_FALSE(contains(outcome.error, "fault of the program"));
  for (const std::string& part : parts) {
    CHECK_MESSAGE(contains(outcome.error, part), "expected to find: ", part);
  }
}

void check_done(const Outcome& outcome) {
  CAPTURE(outcome.signal);
  CHECK_FALSE(outcome.timed_out);
  CHECK(outcome.error == "");
  CHECK(outcome.status == 0);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++found;
  return found;
}

}  // namespace tools::test
