// vsml/experiment/results.h: what a run found out, as a table for people and JSON for machines.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vsml/meta/evaluate.h"

namespace vsml {

// A layer's weights at the end of an episode beside those of true gradient descent from the same
// start.
struct LayerLikeness {
  double correlation = 0;         // of the weights
  double change_correlation = 0;  // of what was added to the start
  double distance = 0;            // |difference of the weights| / |what gradient descent added|
};

// How far a learner does what sgd does; means over the episodes.
struct Likeness {
  double same_predictions = 0;  // fraction of the examples
  std::vector<LayerLikeness> layers;
};

// One learner on one task.
struct Result {
  std::string task;
  std::string learner;
  std::optional<double> learning_rate;  // the best of a grid, chosen on this very task
  int64_t episodes = 0;
  ScoreSummary score;
  std::optional<Likeness> likeness;  // experiment compare, learners that have weights
};

struct RunResults {
  std::string experiment;  // "meta_train", ...
  std::string name;
  std::vector<Result> results;
};

// {"experiment", "name", "results": [{"task", "learner", "learning_rate", "episodes",
// "accuracy_cumulative", "accuracy_cumulative_sd", "accuracy_last", "loss"}, ...]}; learning_rate
// only where one was chosen; with compare also "same_predictions" and "layers": [{"correlation",
// "change_correlation", "distance"}, ...]. Numbers that are not finite are null. Indented text,
// numbers that read back exactly.
std::string results_to_json(const RunResults& results);
// One result as JSON on one line.
std::string result_to_line(const Result& result);

// Back from their texts. Throw engine::Error if a text is not what the functions above write.
RunResults results_from_json(const std::string& file, const std::string& text);
Result result_from_line(const std::string& file, const std::string& line);

// A table: a row per result, grouped by task, best accuracy first; then what compare found.
std::string results_table(const RunResults& results);

}  // namespace vsml
