// vsml/experiment/spec.h: an experiment as one plain struct. vsml/experiment/spec_fields.cpp is the
// one table that reads, prints, overrides and documents it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vsml/clone/clone_options.h"
#include "vsml/learners/learner_options.h"
#include "vsml/meta/meta_options.h"
#include "vsml/tasks/task_options.h"

namespace vsml {

enum class ExperimentType { MetaTrain, MetaTest, Compare, Clone, Introspect };

struct TasksSpec {
  std::vector<TaskOptions> train;
  std::vector<TaskOptions> test;

  friend bool operator==(const TasksSpec&, const TasksSpec&) = default;
};

struct EvaluateSpec {
  int64_t every = 100;  // meta-training steps between two meta-tests; 0: only at the end
  int64_t episodes = 32;
  int64_t episode_length = 500;
  std::vector<int64_t> prefixes;  // also scored: so many first examples; below episode_length
  int64_t chunk_size = 8;         // episodes that are computed together
  int64_t weights_every = 100;    // compare: examples between two looks at the weights
  int64_t swap_labels_at = 0;     // introspect: from this example on labels are others; 0: never
  bool untrained = true;          // meta_train: also meta-test the parameters it started from
  std::vector<LearnerOptions> learners;  // baselines on the same episodes

  friend bool operator==(const EvaluateSpec&, const EvaluateSpec&) = default;
};

struct CheckpointSpec {
  int64_t every = 100;  // steps of meta-training or cloning
  int64_t keep = 3;

  friend bool operator==(const CheckpointSpec&, const CheckpointSpec&) = default;
};

struct Spec {
  std::string name;  // empty in the file: the file's name without .json
  ExperimentType experiment = ExperimentType::MetaTrain;
  uint64_t seed = 1;
  std::string data;  // folder searched first for named data sets
  LearnerOptions learner;
  MetaOptions meta;
  CloneOptions clone;
  TasksSpec tasks;
  EvaluateSpec evaluate;
  CheckpointSpec checkpoint;

  friend bool operator==(const Spec&, const Spec&) = default;
};

}  // namespace vsml
