#include "vsml/meta/population.h"

#include <algorithm>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/parallel.h"
#include "vsml/random_purpose.h"

namespace vsml {

using engine::RngKey;
using engine::Tensor;

TaskMixture::TaskMixture(std::vector<std::shared_ptr<const Task>> tasks,
                         std::vector<double> weights)
    : tasks_(std::move(tasks)) {
  double total = 0;
  for (const double weight : weights) {
    total += weight;
    cumulative_.push_back(total);
  }
}

const Task& TaskMixture::choose(const RngKey& lifetime) const {
  engine::RandomStream stream(key_for(lifetime, RandomPurpose::TaskChoice));
  const double place = stream.uniform() * cumulative_.back();
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), place);
  const auto last = static_cast<std::ptrdiff_t>(tasks_.size()) - 1;
  return *tasks_[static_cast<size_t>(std::min(found - cumulative_.begin(), last))];
}

Lane enter_lifetime(const TaskMixture& tasks, const RngKey& key, int64_t length) {
  const Task& task = tasks.choose(key);
  Lane lane;
  lane.key = key;
  lane.dims = task.dims();
  lane.lifetime = std::make_shared<const Lifetime>(task.lifetime(key));
  lane.length = length;
  lane.support = task.support();
  return lane;
}

LearnerState begin_states(const Learner& learner, const engine::ParamSet& params,
                          const std::vector<Lane*>& lanes, int64_t batch) {
  std::vector<RngKey> members;
  for (const Lane* lane : lanes) {
    members.push_back(key_for(lane->key, RandomPurpose::InitialState));
  }
  return learner.initial_state(params, members, batch);
}

Lane begin_lane(const TaskMixture& tasks, const LearnerSource& learners,
                const engine::ParamSet& params, const RngKey& key, int64_t length, int64_t batch) {
  Lane lane = enter_lifetime(tasks, key, length);
  lane.state = begin_states(learners.for_dims(lane.dims), params, {&lane}, batch);
  return lane;
}

double score_weight(const Lane& lane, int64_t step, int64_t batch) {
  if (lane.support == 0) return 1;
  const int64_t support = (lane.support + batch - 1) / batch;
  if (step < support) return 0;
  return static_cast<double>(lane.length) / static_cast<double>(lane.length - support);
}

std::vector<std::vector<Lane*>> groups_of_equal_size(std::vector<Lane>& lanes) {
  std::vector<std::vector<Lane*>> groups;
  for (Lane& lane : lanes) {
    const auto fits = [&](const std::vector<Lane*>& group) { return group[0]->dims == lane.dims; };
    const auto found = std::find_if(groups.begin(), groups.end(), fits);
    if (found == groups.end()) {
      groups.push_back({&lane});
    } else {
      found->push_back(&lane);
    }
  }
  return groups;
}

int64_t steps_at_a_time(const std::vector<Lane*>& lanes, int64_t batch) {
  constexpr int64_t kNumbers = int64_t{1} << 20, kMost = 64;
  const int64_t step =
      static_cast<int64_t>(lanes.size()) * batch * (lanes[0]->dims.inputs + lanes[0]->dims.classes);
  return std::clamp<int64_t>(kNumbers / step, 1, kMost);
}

ExampleBlock next_examples(const std::vector<Lane*>& lanes, int64_t steps, int64_t batch,
                           engine::DType dtype, engine::Device device) {
  const int64_t inputs = lanes[0]->dims.inputs, classes = lanes[0]->dims.classes;
  std::vector<const Lane*> sources;  // of the lanes that see the same, the first
  std::vector<int32_t> source_of;    // of each lane
  for (const Lane* lane : lanes) {
    if (sources.empty() || lane->lifetime != sources.back()->lifetime ||
        lane->age != sources.back()->age) {
      sources.push_back(lane);
    }
    source_of.push_back(static_cast<int32_t>(sources.size()) - 1);
  }
  std::vector<std::vector<float>> x(sources.size()), y(sources.size());  // [T, B, D], [T, B, C]
  const auto count = static_cast<int64_t>(sources.size());
  engine::parallel_for(count, [&](int64_t source) {
    const auto k = static_cast<size_t>(source);
    x[k].resize(static_cast<size_t>(steps * batch * inputs));
    y[k].resize(static_cast<size_t>(steps * batch * classes));
    sources[k]->lifetime->examples(sources[k]->age * batch, steps * batch, x[k].data(),
                                   y[k].data());
  });
  const auto members = static_cast<int64_t>(lanes.size());
  const Tensor places = count == members ? Tensor() : Tensor::from(source_of, {members}, device);
  // Per step, those of all lanes one after another.
  const auto by_step = [&](const std::vector<std::vector<float>>& values, int64_t width) {
    std::vector<float> all;
    all.reserve(static_cast<size_t>(steps * count * batch * width));
    for (int64_t t = 0; t < steps; ++t) {
      for (const std::vector<float>& source : values) {
        const auto first = source.begin() + t * batch * width;
        all.insert(all.end(), first, first + batch * width);
      }
    }
    Tensor together = cast(Tensor::from(all, {steps, count, batch, width}, device), dtype);
    if (places.defined()) together = engine::gather(together, places, 1);
    const engine::Shape shape{members, batch, width};
    std::vector<Tensor> parts;
    for (int64_t t = 0; t < steps; ++t) {
      parts.push_back(together.with_layout(shape, engine::contiguous_strides(shape),
                                           t * members * batch * width));
    }
    return parts;
  };
  return {by_step(x, inputs), by_step(y, classes)};
}

LearnerState gather_states(const std::vector<Lane*>& lanes) {
  std::vector<LearnerState> states;
  for (const Lane* lane : lanes) states.push_back(lane->state);
  return side_by_side(states);
}

void scatter_states(const LearnerState& state, const std::vector<Lane*>& lanes) {
  for (size_t p = 0; p < lanes.size(); ++p) {
    const auto member = static_cast<int64_t>(p);
    lanes[p]->state = detached(members_of(state, member, member + 1));
  }
}

}  // namespace vsml
