// vsml/experiment/run.h: from a spec to results: the only place that wires everything.
#pragma once

#include <functional>
#include <string>

#include "engine/device.h"
#include "vsml/experiment/results.h"
#include "vsml/experiment/spec.h"

namespace vsml {

struct RunOptions {
  std::string out;           // run directory
  std::string project_data;  // the project's data folder, searched after the spec's own
  engine::Device device;
  bool quiet = false;          // no progress on stderr
  std::function<bool()> stop;  // asked between steps; true: save and return
};

struct RunOutcome {
  bool finished = false;  // false: stopped on request; the same call goes on from there
  RunResults results;
};

// Runs the experiment in its run directory, from the newest checkpoint there if there is one. The
// results, the checkpoints and metrics.jsonl (but for wall-clock fields) depend on the spec and the
// build alone: not on the number of threads, nor on how often and when the run was stopped.
// Throws RunDirectoryError (folder in use or of another spec), IoError and engine::Error (data,
// file), DivergedError (last checkpoint untouched), ResourceError (memory, disk).
RunOutcome run(const Spec& spec, const RunOptions& options);

// What a run will need, by arithmetic.
struct MemoryForecast {
  // Bytes at the peak: on the CPU those of the process, on top of what the program and the data
  // sets, which it loads, take already; elsewhere those of the device.
  double bytes = 0;
  std::string shortage;  // empty, or the message with which run() will refuse
};
MemoryForecast forecast_memory(const Spec& spec, const RunOptions& options);

}  // namespace vsml
