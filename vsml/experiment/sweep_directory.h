// vsml/experiment/sweep_directory.h: the folder of a sweep, in which every run has its own.
//
//   sweep.json     the sweep's name and its runs: name, variant, seed
//   specs/         NAME.json: the resolved spec of each run
//   NAME/          its run directory (run_directory.h), made when it begins
//   summary.json, summary.txt   means over seeds of the runs that are done (sweep_summary.h)
//
// A run directory does not know that it belongs to a sweep: `vsml run specs/NAME.json --out NAME`
// goes on with it. Several processes may work on one sweep; each run is done by one of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vsml/experiment/results.h"
#include "vsml/experiment/sweep.h"

namespace vsml {

enum class RunState {
  New,
  Begun,  // and not done: nobody works in it
  InUse,  // a process works in it
  Done,
  Foreign,  // the folder holds something else, such as a run of another spec
};
const char* to_string(RunState state);

class SweepDirectory {
 public:
  // Nothing is read or written yet. The sweep must outlive it.
  SweepDirectory(std::string path, const Sweep& sweep);

  // Makes the folder, or takes over that of an earlier sweep: its runs that this sweep has too are
  // gone on with, others are left. Throws RunDirectoryError if it is a file or holds anything but a
  // sweep, before it is touched; IoError or ResourceError if it cannot be written.
  void prepare() const;

  const std::string& path() const { return path_; }
  std::string folder_of(const SweepRun& run) const;
  std::string spec_file_of(const SweepRun& run) const;
  RunState state_of(const SweepRun& run) const;
  // Of a run that is done. Throws IoError if its file is damaged.
  RunResults results_of(const SweepRun& run) const;

 private:
  void require_ours() const;

  std::string path_;
  const Sweep& sweep_;
};

// What sweep.json says of a run.
struct SweepEntry {
  std::string name, variant;
};
// The runs of the sweep in a folder, in order; nothing if it holds no sweep. Throws IoError if
// sweep.json is damaged or a name in it is not that of a folder.
std::optional<std::vector<SweepEntry>> sweep_in(const std::string& folder);

}  // namespace vsml
