// tools/sweep_command.h: `vsml sweep`, and `vsml check` of a sweep.
#pragma once

#include <optional>

#include "tools/arguments.h"
#include "vsml/experiment/sweep.h"

namespace tools {

// The sweep that the arguments name, every run of it complete (adopt_algorithm.h); nothing if the
// spec is one of a single run.
std::optional<vsml::Sweep> load_sweep(const Arguments& arguments);

// Does the runs of a sweep that are not done, `jobs` at a time, each in a process of its own, and
// prints means over seeds. Returns the exit status: kStopped if it was stopped; else that of the
// first run, in order, that failed.
int run_sweep(const Arguments& arguments);

// Loads every run's data and prints the memory that it needs.
int check_sweep(const Arguments& arguments, const vsml::Sweep& sweep);

}  // namespace tools
