// vsml/experiment/results.h: what a run found out, as a table for people and JSON for machines.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vsml/meta/evaluate.h"

namespace vsml {

// The value that was the best of a grid, such as learning_rate 0.01.
struct Choice {
  std::string key;
  double value = 0;

  friend bool operator==(const Choice&, const Choice&) = default;
};

// One learner on one task, over the first `examples` of each episode.
struct Result {
  std::string task;
  std::string learner;
  std::optional<Choice> chosen;  // the best of a grid, chosen on this very task
  int64_t episodes = 0, examples = 0;
  ScoreSummary score;
  std::vector<double> accuracies;  // of each episode
};

struct RunResults {
  std::string experiment;  // "meta_train" or "meta_test"
  std::string name;
  std::vector<Result> results;
};

// {"experiment", "name", "results": [{"task", "learner", "learning_rate" or "ridge",
// "episodes", "examples", "accuracy_cumulative", "accuracy_cumulative_sd", "accuracy_last", "loss",
// "accuracies", "difference"},
// ...]}; a
// learning rate or ridge only where one was chosen. "accuracies" are those of each episode;
// "difference" {"mean", "low", "high"} is the paired difference of the first learner to this one.
// Indented text, numbers that read back exactly.
std::string results_to_json(const RunResults& results);
// One result as JSON on one line.
std::string result_to_line(const Result& result);

// Back from their texts. Throw engine::Error if a text is not what the functions above write.
RunResults results_from_json(const std::string& file, const std::string& text);
Result result_from_line(const std::string& file, const std::string& line);

// A table: a row per result, grouped by task and number of examples, best accuracy first. The last
// column is how much better the first learner is, paired by episodes, with a 95 % confidence
// interval.
std::string results_table(const RunResults& results);

}  // namespace vsml
