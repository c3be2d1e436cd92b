// tests/tools/vsml_runs.h: small experiments with the program under test, and what they leave.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/temporary_folder.h"
#include "tests/tools/child_process.h"

namespace tools::test {

using engine::test::read_plain;
using engine::test::TemporaryFolder;
using engine::test::write_plain;
using Arguments = std::vector<std::string>;

// A command of the program named by the environment variable VSML_PROGRAM; experiments run on the
// device that VSML_TEST_DEVICE names, if it is set.
Command vsml(const std::string& folder, const Arguments& arguments);
Outcome run_vsml(const std::string& folder, const Arguments& arguments);

// A meta-training by carried unrolls that takes a few hundredths of a second, then three baselines
// (two rates of sgd), with 6 steps and checkpoints 2, 4 and 6 of which two are kept.
const char* small_spec();
// Overrides that make it one of evolution strategies.
const Arguments& with_es();
// The arguments `run spec.json --out OUT` and more.
Arguments run_into(const std::string& out, const Arguments& more = {});
Arguments operator+(Arguments a, const Arguments& b);

// Every entry below a folder, with the bytes of regular files and the kind of others.
std::map<std::string, std::string> listing(const std::string& folder);

// What a run directory holds that is a function of the spec and the build: everything but env.json
// and the wall-clock fields of metrics.jsonl.
std::map<std::string, std::string> lasting(const std::string& run_directory);
// Fails the test for each file that differs.
void check_same(const std::map<std::string, std::string>& got,
                const std::map<std::string, std::string>& expected);

// Lines in metrics.jsonl (or another file) that are complete.
int64_t count_lines(const std::string& path);
// Polls until `condition` holds; false if the program ended before.
bool wait_until(ChildProcess& process, const std::function<bool()>& condition);

// For what only a running program can show: it may be done before it is met, and then `attempt`,
// given the name of a new run directory, says false and is asked again.
void try_until_met(const std::function<bool(const std::string& out)>& attempt);

// The program ended with this status, printed nothing but one line `error: ...`, at most one line
// `hint: ...` after it, and both contain nothing that steers a terminal. `parts` are in them.
void check_error(const Outcome& outcome, int status, const std::vector<std::string>& parts = {});
// It ended with status 0 and without a word on stderr.
void check_done(const Outcome& outcome);

bool contains(const std::string& text, const std::string& part);
// How often.
size_t count(const std::string& text, const std::string& part);

}  // namespace tools::test
