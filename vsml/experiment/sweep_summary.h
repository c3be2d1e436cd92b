// vsml/experiment/sweep_summary.h: results of runs that differ in their seed, put together.
#pragma once

#include <string>
#include <vector>

#include "vsml/experiment/results.h"

namespace vsml {

struct VariantResults {
  std::string variant;
  RunResults results;
};

// A number over the seeds of a variant.
struct Spread {
  double mean = 0;
  double sd = 0;  // sample standard deviation; NaN with fewer than two seeds
};
Spread spread_of(const std::vector<double>& values);

// One learner of one variant on one task, over the first `examples` of an episode.
struct SummaryRow {
  std::string variant, task, learner;
  int64_t examples = 0;
  int64_t seeds = 0;  // runs that have it
  Spread accuracy, accuracy_last, loss;
};

// Rows in the order in which variant, task, learner and examples are first met.
std::vector<SummaryRow> summarize_runs(const std::vector<VariantResults>& runs);

// A table per task and number of examples, best accuracy first; mean +- sd over the seeds.
std::string summary_table(const std::vector<SummaryRow>& rows);
// {"name", "rows": [{"variant", "task", "learner", "examples", "seeds", "accuracy_cumulative":
// {"mean", "sd"}, "accuracy_last": ..., "loss": ...}, ...]}; sd is null with one seed.
std::string summary_json(const std::string& name, const std::vector<SummaryRow>& rows);

}  // namespace vsml
