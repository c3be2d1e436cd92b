// vsml/meta/population.h: lanes: the members of a population, each on its way through a task.
//
// A lane is one learner in one lifetime. Everything random about a lifetime (task, projection,
// permutations, order of examples, length, initial state) is a function of its key, so that a lane
// is rebuilt exactly from three numbers (lifetime, age, member) and its state.
#pragma once

#include <memory>
#include <vector>

#include "vsml/learner.h"
#include "vsml/tasks/task.h"

namespace vsml {

// The tasks that lifetimes are drawn from, with their weights.
class TaskMixture {
 public:
  TaskMixture(std::vector<std::shared_ptr<const Task>> tasks, std::vector<double> weights);
  const std::vector<std::shared_ptr<const Task>>& tasks() const { return tasks_; }
  // The task of the lifetime with this key.
  const Task& choose(const engine::RngKey& lifetime) const;

 private:
  std::vector<std::shared_ptr<const Task>> tasks_;
  std::vector<double> cumulative_;
};

struct Lane {
  engine::RngKey key;  // seed, number of the lifetime, member
  std::shared_ptr<const Lifetime> lifetime;
  TaskDims dims;
  int64_t length = 0;   // steps until this lifetime ends
  int64_t age = 0;      // steps seen
  int64_t support = 0;  // examples at the beginning of this lifetime that are not scored
  LearnerState state;   // P = 1
};

// A lane at the beginning of a lifetime of `length` steps, without a state.
Lane enter_lifetime(const TaskMixture& tasks, const engine::RngKey& key, int64_t length);
// States that have seen nothing, of lanes of one size, side by side along P. `params` may hold one
// set per lane.
LearnerState begin_states(const Learner& learner, const engine::ParamSet& params,
                          const std::vector<Lane*>& lanes, int64_t batch);
// Both, for one lane.
Lane begin_lane(const TaskMixture& tasks, const LearnerSource& learners,
                const engine::ParamSet& params, const engine::RngKey& key, int64_t length,
                int64_t batch);

// What the prediction of step `step` counts in a lane's loss and accuracy: 1; of a task with
// support examples 0 for these, and for later ones so much that it is 1 on average over the
// lifetime.
double score_weight(const Lane& lane, int64_t step, int64_t batch);

// Lanes whose tasks have the same size, so that one tensor holds them all; in order of their first.
std::vector<std::vector<Lane*>> groups_of_equal_size(std::vector<Lane>& lanes);

// The next `steps` examples (batches) of several lanes.
struct ExampleBlock {
  std::vector<engine::Tensor> inputs;  // per step [P, B, D]
  std::vector<engine::Tensor> labels;  // per step [P, B, C]
};
// How many steps' examples are asked for at a time where they need not all be there at once: as
// many as a few megabytes hold. The examples are the same however they are asked for.
int64_t steps_at_a_time(const std::vector<Lane*>& lanes, int64_t batch);
// One copy to the device, of which a step's tensors are parts; what neighbours have in common (the
// two of an antithetic pair) is made and copied once.
ExampleBlock next_examples(const std::vector<Lane*>& lanes, int64_t steps, int64_t batch,
                           engine::DType dtype, engine::Device device);

// The lanes' states side by side along P, and handed back to them.
LearnerState gather_states(const std::vector<Lane*>& lanes);
void scatter_states(const LearnerState& state, const std::vector<Lane*>& lanes);

}  // namespace vsml
