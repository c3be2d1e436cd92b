// vsml/experiment/meta_test.h: every learner of a spec on every test task, and the best of a grid.
//
// A result that is known is kept in evaluations.jsonl of the run directory, so that a run that was
// stopped goes on with the next one.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "vsml/experiment/progress.h"
#include "vsml/experiment/results.h"
#include "vsml/experiment/run_directory.h"
#include "vsml/experiment/spec.h"
#include "vsml/learners/learner_family.h"

namespace vsml {

// A learner with its parameters, under the name that tables show. A grid of learning rates is
// tested with the parameters of each rate.
struct Contestant {
  std::string name;
  LearnerOptions options;
  engine::Tensor params;
};

// The parameters that a learner's options say: those of a file, or initial ones drawn from the
// seed. Throws IoError if the file does not fit.
engine::Tensor initial_params(const LearnerOptions& options, const LearnerFamily& family,
                              uint64_t seed);

struct MetaTestSetting {
  const Spec& spec;
  const std::vector<std::shared_ptr<const Task>>& tasks;
  engine::Device device;
  const RunDirectory& directory;
  Progress& progress;
  std::function<bool()> stop;  // may be empty
};

// Learners with the parameters that their options say (initial_params), under names of their own.
// Throws IoError if the file of a trained algorithm does not fit.
std::vector<Contestant> contestants_of(const std::vector<LearnerOptions>& learners, uint64_t seed,
                                       engine::Device device);

// The learner for episodes of `length` examples: nearest_neighbour with capacity 0 keeps them all.
LearnerOptions for_episodes(LearnerOptions options, int64_t length);

// Results of all contestants on all tasks, in that order; empty if it was stopped before the end.
std::optional<std::vector<Result>> meta_test(const MetaTestSetting& setting,
                                             const std::vector<Contestant>& contestants);

// Bytes that meta-testing any of the contestants needs at most, beside the data sets.
double predicted_meta_test_bytes(const Spec& spec, const std::vector<Contestant>& contestants,
                                 const std::vector<std::shared_ptr<const Task>>& tasks,
                                 engine::Device device);

// The name a task or learner has in tables: unique among `names`, by a number behind if need be.
std::string unique_name(const std::string& wanted, const std::vector<std::string>& names);

}  // namespace vsml
