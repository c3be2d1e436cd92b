// vsml/experiment/results.h: what a run found out, as a table for people and JSON for machines.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vsml/meta/evaluate.h"

namespace vsml {

// One learner on one task.
struct Result {
  std::string task;
  std::string learner;
  std::optional<double> learning_rate;  // the best of a grid, chosen on this very task
  int64_t episodes = 0;
  ScoreSummary score;
};

struct RunResults {
  std::string experiment;  // "meta_train" or "meta_test"
  std::string name;
  std::vector<Result> results;
};

// {"experiment", "name", "results": [{"task", "learner", "learning_rate", "episodes",
// "accuracy_cumulative", "accuracy_cumulative_sd", "accuracy_last", "loss"}, ...]}; learning_rate
// only where one was chosen. Indented text, numbers that read back exactly.
std::string results_to_json(const RunResults& results);
// One result as JSON on one line.
std::string result_to_line(const Result& result);

// Back from their texts. Throw engine::Error if a text is not what the functions above write.
RunResults results_from_json(const std::string& file, const std::string& text);
Result result_from_line(const std::string& file, const std::string& line);

// A table: a row per result, grouped by task, best accuracy first.
std::string results_table(const RunResults& results);

}  // namespace vsml
