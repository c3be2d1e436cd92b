// vsml/experiment/learn_state.h: the learners of `vsml learn` and the file that keeps them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/params.h"
#include "vsml/learners/learner_family.h"
#include "vsml/tasks/dataset.h"

namespace vsml {

// A learner at work.
struct Pupil {
  Pupil(std::string shown, double its_rate, const LearnerOptions& options, const TaskDims& dims,
        uint64_t seed);

  std::string name;
  double rate;  // 0: it has none
  std::unique_ptr<LearnerFamily> family;
  const Learner& learner;
  engine::ParamSet params;
  LearnerState state;
  double hits = 0;      // in this data
  double all_hits = 0;  // in all data before it
};

struct LearnState {
  std::vector<Pupil> pupils;  // the algorithm first
  // (value - mean) / deviation, per input.
  std::vector<float> mean, deviation;
  std::vector<std::string> classes;
  std::string algorithm;  // digest of its parameters and options
  std::string data;       // digest of the data that was learned last
  int64_t session = 1;    // how many there were
  int64_t done = 0;       // of its examples
  int64_t count = 0;      // that it has
  int64_t seen = 0;       // examples of all data before
  uint64_t seed = 1;
  bool in_order = false;
};

// Learners that have seen nothing, for examples of this kind and these classes; inputs are
// standardised as these are.
LearnState new_learn_state(const std::string& algorithm, const ExampleSet& examples,
                           const std::vector<std::string>& classes, uint64_t seed, bool in_order);

// Replaces the file in one step. Throws IoError or ResourceError.
void write_learn_state(const std::string& path, const LearnState& state);
// Fills a state that new_learn_state() has made for the same algorithm. Throws IoError if the file
// is damaged or of another algorithm, or of data with other inputs or classes.
void read_learn_state(const std::string& path, LearnState& state);
// The classes in the file of a state.
std::vector<std::string> classes_in(const std::string& path);

}  // namespace vsml
