// vsml/experiment/results.h: what a run found out, as a table for people and JSON for machines.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vsml/meta/introspect.h"

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
  std::vector<double> accuracies;              // of each episode
  std::optional<Likeness> likeness;            // experiment compare, learners that have weights
  std::optional<Introspection> introspection;  // experiment introspect
};

struct RunResults {
  std::string experiment;  // "meta_train", ...
  std::string name;
  std::vector<Result> results;
};

// {"experiment", "name", "results": [{"task", "learner", "learning_rate" or "ridge", "episodes",
// "examples", "accuracy_cumulative", "accuracy_cumulative_sd", "accuracy_last", "loss",
// "accuracies", "curve", "confusion", "difference"}, ...]}; a learning rate or ridge only where one
// was chosen. "accuracies" are those of each episode; "curve" and "confusion", in a list row by
// row, are those of ScoreSummary; "difference" {"mean", "low", "high"} is the paired difference of
// the first learner to this one. With compare also "same_predictions" and "layers":
// [{"correlation", "change_correlation", "distance"}, ...]. Numbers that are not finite are null.
// With introspect "introspection": {"swap_at", "before", "after", "false_before", "false_after",
// "old"}. Indented text, numbers that read back exactly.
std::string results_to_json(const RunResults& results);
// One result as JSON on one line.
std::string result_to_line(const Result& result);

// Back from their texts. Throw engine::Error if a text is not what the functions above write.
RunResults results_from_json(const std::string& file, const std::string& text);
Result result_from_line(const std::string& file, const std::string& line);

// A table: a row per result, grouped by task and number of examples, best accuracy first. The last
// column is how much better the first learner is, paired by episodes, with a 95 % confidence
// interval. Then what compare or introspect found.
std::string results_table(const RunResults& results);

}  // namespace vsml
