// vsml/experiment/learn.h: a trained algorithm learns a data set of the user's, online, beside sgd
// and adam: what it has learned can be kept in a file and gone on with.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vsml/experiment/user_data.h"
#include "vsml/learners/learner_family.h"

namespace vsml {

struct LearnOptions {
  std::string algorithm;       // file of a trained algorithm
  std::string state;           // file; empty: nothing is kept
  std::string predictions;     // CSV file; empty: none is written
  uint64_t seed = 1;           // of the order of examples, and of what is random in learners
  bool in_order = false;       // examples as they stand in the file, not shuffled
  int64_t examples = -1;       // learn so many and stop; below 0: all that are left
  std::function<bool()> stop;  // asked before every example; may be empty
};

// How a learner did; accuracies are fractions of right predictions, each made before the example
// was learned from.
struct LearnScore {
  std::string learner;
  double rate = 0;      // the best of those that were tried on this data; 0: it has none
  double accuracy = 0;  // over the examples of this data so far; NaN before the first
  double overall = 0;   // over all data that it ever learned
  double test = 0;      // on the test data, without learning; NaN without it
};

struct LearnOutcome {
  bool finished = false;  // the data, or as many examples as were asked for, have been learned
  int64_t done = 0;       // examples of this data that have been learned
  int64_t count = 0;      // that it has
  int64_t session = 1;    // of the data sets that were learned one after the other, this one
  std::vector<LearnScore> scores;  // the algorithm first
};

// Learns `data`, then predicts `test` (if any) without learning.
//
// Inputs are standardised with mean and deviation of the first data that a state saw: per column of
// a table, over all pixels of images. Other data must have the same inputs and no class that is not
// among those of the first.
//
// With a state file it begins where the file ends: with the next example if the data is that of
// last time and was not learned to its end, else with the first. The file is replaced at the end
// and when `stop` says so. However often it was stopped, its bytes and those of the predictions are
// those of one that was not; they do not depend on threads.
//
// The file of predictions has a line per example, in the order in which they were learned:
// set,example,label,predicted,probability. Those of `test` come last.
//
// Throws IoError (algorithm, state, data that does not fit) and ResourceError.
LearnOutcome learn(const LearnOptions& options, const UserData& data,
                   const std::optional<UserData>& test);

// For people, and for programs.
std::string learn_table(const LearnOutcome& outcome, const UserData& data);
std::string learn_json(const LearnOutcome& outcome, const UserData& data);

}  // namespace vsml
