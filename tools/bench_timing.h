// tools/bench_timing.h: how the benchmarks measure and print.
//
// What is compared runs alternately in one process (A, B, A, B, ...), and medians are quoted, since
// clock and neighbours change the speed of one run against the next.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/device.h"

namespace bench {

struct Options {
  int repeat = 9;      // timed runs of each
  std::string filter;  // only measurements whose name contains this
  std::vector<int> threads{1, 2};
  engine::Device device;  // not the CPU: run_gpu() alone
};

struct Timing {
  double seconds = 0;  // median of one run
  double spread = 0;   // slowest run over fastest
};

// Times each function `repeat` times, taking turns, after one untimed round.
std::vector<Timing> alternate(const std::vector<std::function<void()>>& runs, int repeat);

// One JSON object on one line: {"name": ..., "threads": ..., KEY: VALUE, ...}.
void print_line(const std::string& name, int threads,
                const std::vector<std::pair<std::string, double>>& numbers);

// The groups of measurements; each skips what the filter leaves out.
void run_engine(const Options& options);
void run_vsml(const Options& options);
void run_gpu(const Options& options);

bool wanted(const Options& options, const std::string& name);

}  // namespace bench
