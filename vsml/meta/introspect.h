// vsml/meta/introspect.h: what one example does to a learner's prediction about it.
//
// After Kirsch & Schmidhuber 2021 (arXiv 2012.14905), figure 9: an example is shown twice in a row,
// and the two predictions are compared. Gradient descent moves the second one a little; a learner
// that associates an input with its label at once moves it far.
#pragma once

#include "vsml/meta/evaluate.h"

namespace vsml {

// Probabilities (softmax of the prediction), averaged over episodes, in the windows of
// an episode (evaluate.h).
struct Introspection {
  int64_t swap_at = 0;  // from this example on, counted from 0, labels are others; 0: never
  // Of the label: when the example comes, and again right after it was learned.
  std::vector<double> before, after;
  // Of a false label (the next class): when the example comes, and right after the example was
  // learned with that label. Nothing of this is kept.
  std::vector<double> false_before, false_after;
  // When the example comes: of the label that its class had before the swap.
  std::vector<double> old;
};

struct IntrospectedEpisodes {
  std::vector<EpisodeScore> scores;  // as of evaluate()
  Introspection introspection;
};

// Runs the episodes of evaluate(). Every example is learned once; the second look at it is on a
// copy of the learner. With `swap_at` the labels of later examples are those of the next class:
// class c is called c + 1, the last one 0. Parallel over chunks. Throws as evaluate().
IntrospectedEpisodes introspect(const LearnerSource& learners, const engine::Tensor& params,
                                const std::shared_ptr<const Task>& task,
                                const EvaluateOptions& options, int64_t swap_at, uint64_t seed);

}  // namespace vsml
