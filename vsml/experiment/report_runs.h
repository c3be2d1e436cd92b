// vsml/experiment/report_runs.h: what run directories hold, gathered for a report.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vsml/experiment/results.h"

namespace vsml {

// A series of metrics.jsonl over meta-training steps.
struct Series {
  std::vector<double> step, value;
};

// A run directory, as far as it can be read. What is damaged is left out and noted.
struct ReportRun {
  std::string folder;         // as it was found
  std::string name, variant;  // of the run; what it shares with runs of other seeds
  std::string seed;           // as text; empty if unknown
  std::string spec;           // the resolved spec's text
  std::map<std::string, std::string> environment;
  std::optional<RunResults> results;      // of a run that is done
  std::map<std::string, Series> metrics;  // "train/loss", "TASK: test/accuracy_cumulative", ...
  std::vector<std::string> notes;         // what is wrong with it, a sentence each
};

// The runs in the folders: each is a run directory, the folder of a sweep, or holds run
// directories. A sweep's runs that have not begun are among them, with a note. Throws IoError if a
// folder holds no run.
//
// Runs that are not of a sweep have one variant if their specs differ in seed and name only; it is
// called after the first one's folder.
std::vector<ReportRun> gather_runs(const std::vector<std::string>& folders);

}  // namespace vsml
