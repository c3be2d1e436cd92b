// vsml/meta/evaluate.h: meta-testing: how well a learner with given parameters learns a task.
//
// Accuracy is prequential: every example is predicted first and learned from after. Of a task with
// shots only the queries are scored; each is learned from too, once it has been predicted.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "vsml/meta/population.h"

namespace vsml {

struct EpisodeScore {
  double accuracy = 0;       // fraction of right predictions over all scored examples
  double accuracy_last = 0;  // over the last tenth of them (at least one)
  double loss = 0;           // mean cross entropy of the scored examples
  // Accuracy in equal windows (num_windows() of them), of all examples, scored or not.
  std::vector<double> curve = {};
  // Over that last tenth, [C, C]: how many examples of the class of the row were taken for that of
  // the column. Empty for more than kMostConfused classes.
  std::vector<int64_t> confusion = {};

  friend bool operator==(const EpisodeScore&, const EpisodeScore&) = default;
};

constexpr int64_t kCurveWindows = 40;
constexpr int64_t kMostConfused = 64;

struct EvaluateOptions {
  int64_t episodes = 32;
  int64_t episode_length = 500;  // examples
  int64_t chunk_size = 8;        // episodes that are computed together; part of the result's bits
};

// Runs episodes 0 .. episodes-1 of a task, one learner each. Episode k is the same for every
// learner and set of parameters that is tested with this seed, and none of them is a lifetime of
// meta-training with it. Parallel over chunks. Throws as require_long_enough.
std::vector<EpisodeScore> evaluate(const LearnerSource& learners, const engine::Tensor& params,
                                   const std::shared_ptr<const Task>& task,
                                   const EvaluateOptions& options, uint64_t seed);

// The same with a score for each of several lengths, ascending and at most episode_length: entry
// [k][e] is that of the first lengths[k] examples of episode e.
std::vector<std::vector<EpisodeScore>> evaluate_lengths(const LearnerSource& learners,
                                                        const engine::Tensor& params,
                                                        const std::shared_ptr<const Task>& task,
                                                        const EvaluateOptions& options,
                                                        const std::vector<int64_t>& lengths,
                                                        uint64_t seed);

// For whoever runs episodes: scores of episodes of this length in which nothing has been predicted;
// and what the predictions [P, 1, C] of example t, counted from 0, add to those of P episodes that
// begin with `support` examples which are not scored.
std::vector<EpisodeScore> empty_scores(int64_t episodes, int64_t length, int64_t classes);
struct EpisodeSpan {
  int64_t length = 0, support = 0;
};
void add_example_score(const engine::Tensor& prediction, const engine::Tensor& label, int64_t t,
                       const EpisodeSpan& episode, EpisodeScore* scores);

// An episode's windows, W of them, at most kCurveWindows: window w has the examples from
// length w / W up to, not including, length (w + 1) / W, which is its end.
int64_t num_windows(int64_t length);
int64_t window_of(int64_t t, int64_t length);
int64_t window_end(int64_t window, int64_t length);
int64_t window_width(int64_t window, int64_t length);
std::vector<double> window_ends(int64_t length);

// The episodes of evaluate() in chunks, in parallel: body(number of the chunk, its first episode,
// its lanes, which have no states). Throws as require_long_enough.
int64_t num_chunks(const EvaluateOptions& options);
void for_each_chunk(const std::shared_ptr<const Task>& task, const EvaluateOptions& options,
                    uint64_t seed,
                    const std::function<void(int64_t, int64_t, std::vector<Lane>&)>& body);

// The key of episode k's lifetime and, with purpose InitialState, of its learner's birth.
engine::RngKey episode_key(uint64_t seed, int64_t episode);

// Throws Error if the task has fewer examples than an episode, or all of an episode's are support.
void require_long_enough(const Task& task, int64_t episode_length);

struct ScoreSummary {
  double accuracy = 0, accuracy_sd = 0;  // mean and sample standard deviation over episodes
  double accuracy_last = 0;
  double loss = 0;
  std::vector<double> curve = {};       // mean over episodes; empty if they have none
  std::vector<int64_t> confusion = {};  // sum over episodes
};
ScoreSummary summarize(const std::vector<EpisodeScore>& scores);

// Mean of paired differences a[k] - b[k] and its 95 % confidence interval by Student's t; with
// fewer than two pairs the interval is infinite. Both have the same size, at least 1.
struct PairedDifference {
  double mean = 0, low = 0, high = 0;
};
PairedDifference paired_difference(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace vsml
