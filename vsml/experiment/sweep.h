// vsml/experiment/sweep.h: a spec that stands for many runs, which differ in a few keys.
//
//   "sweep": {
//     "grid": {"meta.learning_rate": [0.001, 0.003], "learner.state_size": [16, 32]},
//     "list": [{"name": "es", "meta.optimizer": "es"}, {"name": "bptt", "meta.optimizer": "bptt"}],
//     "seeds": 3
//   }
//
// There is a run for every object of `list` (once if there is none), every combination of the
// grid's values and every seed: 2 x 4 x 3 above. Key paths are those of --set. A number of seeds
// counts from the spec's own seed on. Runs are ordered by list, then grid, the first axis slowest,
// then seed.
//
// Runs are called after what is special about them, "es,learning_rate=0.001,state_size=16,seed=1",
// so that a sweep that grows keeps the names of the runs it had.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vsml/experiment/spec_file.h"

namespace vsml {

constexpr size_t kMaxSweepRuns = 1000;

struct SweepRun {
  std::string variant;  // its name without the seed: the same for runs that differ only in that
  LoadedSpec loaded;    // spec.name is the run's name, unlike that of any other
};

struct Sweep {
  std::string name;
  std::vector<SweepRun> runs;  // at least one
};

// The runs of a spec that has the key `sweep`; nothing if it has not. Arguments as in load_spec.
//
// Every run is read and validated as a spec of its own, with errors at the place of the value that
// is at fault. Throws SpecError also for a sweep without runs or with more than kMaxSweepRuns, for
// a key path that a sweep cannot set (extends, sweep, seed, name), and for two runs that are the
// same.
std::optional<Sweep> load_sweep(const std::string& spec,
                                const std::vector<std::string>& overrides = {},
                                const ShippedSpecs& shipped = {});

}  // namespace vsml
