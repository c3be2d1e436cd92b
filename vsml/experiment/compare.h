// vsml/experiment/compare.h: learners side by side on the same episodes, example by example.
//
// All learners that have weights of the same shapes (Learner::weights) begin with the same ones,
// drawn by the spec's learner. Each time evaluate.weights_every examples have been seen, theirs are
// held against those of the first sgd among them. Per task and episode one table is written,
// curves/task-0-episode-0000.csv: a row per example, with each learner's loss and whether it was
// right, and where the weights were looked at their correlation, the correlation of their changes
// and their distance (LayerLikeness), layer by layer.
//
// An episode that is done has a line in comparisons.jsonl of the run directory; a run that was
// stopped goes on with the next one.
#pragma once

#include <optional>
#include <vector>

#include "vsml/experiment/meta_test.h"

namespace vsml {

// Results of all contestants on all tasks, in that order; empty if it was stopped before the end.
// The spec is one of experiment compare (validate_spec.h).
std::optional<std::vector<Result>> compare(const MetaTestSetting& setting,
                                           const std::vector<Contestant>& contestants);

// Bytes that it needs beside the data sets: all contestants are at work together.
double predicted_compare_bytes(const std::vector<Contestant>& contestants,
                               const std::vector<std::shared_ptr<const Task>>& tasks,
                               engine::Device device);

}  // namespace vsml
