#include "vsml/meta/meta_trainer.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "engine/gradient_checkpoint.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "engine/parallel.h"
#include "engine/tape.h"
#include "vsml/meta/step_scale.h"
#include "vsml/random_purpose.h"

namespace vsml {
namespace {

using engine::Tensor;

constexpr double kShortestLifetime = 0.3;  // of the longest

bool finite(const Tensor& x) {
  return std::isfinite(engine::global_norm(x));
}

void require_finite(bool holds, const char* what, int64_t step) {
  if (holds) return;
  throw DivergedError(fmt::format("meta-training step {}: {} not finite", step, what),
                      "lower meta.learning_rate, set meta.clip_norm, or shorten meta.unroll");
}

// Members [first, last) of chunk `chunk`.
std::pair<int64_t, int64_t> chunk_bounds(const MetaOptions& options, int64_t chunk) {
  const int64_t first = chunk * options.chunk_size;
  return {first, std::min(options.population, first + options.chunk_size)};
}

constexpr double kMostBytes = 1e15;  // more than can be had, and a step's multiple of it an integer

}  // namespace

MetaTrainer::MetaTrainer(const MetaOptions& options, const LearnerSource& learners,
                         const TaskMixture& tasks, uint64_t seed)
    : options_(options), learners_(learners), tasks_(tasks), seed_(seed) {
  for (const auto& task : tasks.tasks()) {
    const int64_t needed = longest_lifetime() * options.batch_size;
    if (needed <= task->max_examples()) continue;
    throw engine::Error(
        fmt::format("task {}: expected at least {} examples for one lifetime, found {}",
                    task->name(), needed, task->max_examples()),
        "shorten meta.episode_length or meta.lifetime, or let the task repeat");
  }
}

int64_t MetaTrainer::chunks() const {
  return (options_.population + options_.chunk_size - 1) / options_.chunk_size;
}

int64_t MetaTrainer::unroll_steps() const {
  if (options_.carry) return options_.unroll;
  return options_.unroll > 0 ? std::min(options_.unroll, options_.episode_length)
                             : options_.episode_length;
}

int64_t MetaTrainer::longest_lifetime() const {
  if (!options_.carry) return options_.episode_length;
  return (options_.lifetime + options_.unroll - 1) / options_.unroll * options_.unroll;
}

// A whole number of unrolls. A member's first lifetime is cut at a random place, as if it had begun
// before training did: so the members' ages are spread from the start.
int64_t MetaTrainer::lifetime_length(const engine::RngKey& key) const {
  if (!options_.carry) return options_.episode_length;
  engine::RandomStream stream(key_for(key, RandomPurpose::LifetimeLength));
  const auto longest = static_cast<double>(options_.lifetime);
  const auto shortest = static_cast<double>(options_.shortest_lifetime);
  const double draw = stream.uniform();
  double length = options_.shortest_lifetime > 0
                      ? shortest * std::exp(draw * std::log(longest / shortest))
                      : (kShortestLifetime + draw * (1 - kShortestLifetime)) * longest;
  if (key.step == 0) length *= 1 - stream.uniform();
  const int64_t unrolls = static_cast<int64_t>(length) / options_.unroll + 1;
  return std::min(unrolls * options_.unroll, longest_lifetime());
}

Lane MetaTrainer::new_lane(const engine::ParamSet& params, int64_t member, int64_t lifetime) const {
  const engine::RngKey key{seed_, 0, static_cast<uint32_t>(lifetime),
                           static_cast<uint32_t>(member)};
  return begin_lane(tasks_, learners_, params, key, lifetime_length(key), options_.batch_size);
}

MetaState MetaTrainer::initial_state(const Tensor& params) const {
  MetaState state;
  state.params = params;
  if (options_.step_scale == StepScale::Initial) {
    state.start = params;
    state.scale = step_scale(learners_.layout(), params, options_);
    state.moved =
        engine::normal(params.shape(), key_for({seed_, 0, 0, 0}, RandomPurpose::StartNoise),
                       params.dtype(), params.device()) *
        options_.start_noise;
    if (options_.tie_steps) state.moved = tied(learners_.layout(), params, state.moved);
    if (options_.start_noise > 0) state.params = state.start + state.scale * state.moved;
  }
  if (options_.carry) {
    const engine::ParamSet set(learners_.layout(), params);
    for (int64_t k = 0; k < options_.population * lanes_per_member(); ++k) {
      state.lanes.push_back(new_lane(set, k / lanes_per_member(), 0));
    }
  }
  if (options_.optimizer == MetaOptimizer::Pes) {
    state.noise =
        Tensor::zeros({options_.population, params.dim(0)}, params.dtype(), params.device());
  }
  return state;
}

// Of a chunk whose members all have the task that needs the most.
LearnerMemory MetaTrainer::chunk_memory() const {
  const int64_t chunk = std::min(options_.chunk_size, options_.population);
  LearnerMemory most;
  for (const auto& task : tasks_.tasks()) {
    const Learner& learner = learners_.for_dims(task->dims());
    const int64_t members =
        options_.optimizer == MetaOptimizer::Es
            ? std::min(2 * chunk,
                       es_lanes_together(learner, options_.batch_size, learners_.device()))
            : chunk;
    const LearnerMemory memory = learner.memory(members, options_.batch_size);
    if (memory.tape > most.tape) most = memory;
  }
  return most;
}

int64_t MetaTrainer::segment(const LearnerMemory& memory) const {
  const int64_t at_once = std::min<int64_t>(chunks(), engine::num_threads());
  const auto whole = [](double bytes) { return static_cast<int64_t>(std::min(bytes, kMostBytes)); };
  return engine::segment_for_budget(unroll_steps(), whole(memory.state), whole(memory.tape),
                                    (options_.memory_budget << 20) / at_once);
}

double MetaTrainer::lane_bytes() const {
  if (!options_.carry) return 0;
  double most = 0;
  for (const auto& task : tasks_.tasks()) {
    const LearnerMemory memory = learners_.for_dims(task->dims()).memory(1, options_.batch_size);
    most = std::max(most, memory.state + task->lifetime_bytes());
  }
  return static_cast<double>(options_.population * lanes_per_member()) * most;
}

double MetaTrainer::predicted_bytes(int threads) const {
  const LearnerMemory memory = chunk_memory();
  const auto at_once = static_cast<double>(std::min<int64_t>(chunks(), threads));
  const auto population = static_cast<double>(options_.population);
  const auto members = static_cast<double>(std::min(options_.chunk_size, options_.population));
  double lifetime = 0;
  for (const auto& task : tasks_.tasks()) lifetime = std::max(lifetime, task->lifetime_bytes());
  if (options_.optimizer != MetaOptimizer::Bptt) {
    const auto params = static_cast<double>(learners_.layout().size()) *
                        static_cast<double>(engine::size_of(engine::DType::f32));
    // Parameters of its own for each learner, by themselves and side by side; pes: sums of noise,
    // old and new, one by one and side by side, and the lanes that it began with and ends with.
    const bool carried = options_.optimizer == MetaOptimizer::Pes;
    const double sums = carried ? 4 * population * params + 2 * lane_bytes() : 0;
    return sums + at_once * (memory.state + memory.unrecorded +
                             members * ((carried ? 0 : lifetime) + 4 * params));
  }
  const int64_t length = segment(memory), steps = unroll_steps();
  // In segments: their beginnings, the end, and the gradient that one hands to the one before.
  const auto kept = static_cast<double>(length >= steps ? 1 : (steps + length - 1) / length + 2);
  const double chunk =
      kept * memory.state + static_cast<double>(length) * memory.tape + memory.work;
  // A chunk's states are there twice: one by one, and side by side.
  if (!options_.carry) return at_once * (memory.state + members * lifetime + chunk);
  // A step's lanes stand beside those that it began with until all chunks are done.
  const double renewed = (population - at_once * members) / members * memory.state;
  return lane_bytes() + renewed + at_once * chunk;
}

MetaTrainer::Gradient MetaTrainer::chunk_gradient(const engine::ParamSet& params,
                                                  const Tensor& scale,
                                                  std::vector<Lane>& lanes) const {
  const Tensor nothing =
      Tensor::zeros(params.flat().shape(), params.flat().dtype(), params.flat().device());
  Gradient total;
  total.gradient = nothing;
  const int64_t steps = unroll_steps();
  for (const std::vector<Lane*>& group : groups_of_equal_size(lanes)) {
    const Learner& learner = learners_.for_dims(group[0]->dims);
    const int64_t all = options_.carry ? steps : options_.episode_length;
    Tensor of_group = nothing;
    for (int64_t done = 0; done < all; done += steps) {
      const int64_t now = std::min(steps, all - done);
      // With the loss on the last example alone, only the unroll that holds it has a gradient.
      const UnrollGradient part =
          bptt_unroll(learner, params, group, now, options_.batch_size, options_.loss, segment_);
      const bool counts = options_.loss == MetaLoss::Mean || done + now == all;
      const double share =
          options_.loss == MetaLoss::Mean ? static_cast<double>(now) / static_cast<double>(all) : 1;
      total.correct += part.correct * static_cast<double>(now) / static_cast<double>(all);
      if (!counts) continue;
      total.loss += part.loss * share;
      of_group = of_group + part.gradient * share;
    }
    if (options_.clip_lifetime_norm > 0) {
      const double norm = engine::global_norm(scale.defined() ? of_group * scale : of_group);
      const double most = options_.clip_lifetime_norm * static_cast<double>(group.size());
      if (norm > most) of_group = of_group * (most / norm);
    }
    total.gradient = total.gradient + of_group;
  }
  return total;
}

MetaTrainer::Gradient MetaTrainer::bptt_gradient(const MetaState& state,
                                                 std::vector<Lane>& lanes) const {
  const engine::ParamSet params(learners_.layout(), state.params);
  if (segment_ < 0) segment_ = segment(chunk_memory());
  std::vector<Gradient> parts(static_cast<size_t>(chunks()));
  engine::parallel_for(chunks(), [&](int64_t chunk) {
    const auto [first, last] = chunk_bounds(options_, chunk);
    std::vector<Lane> mine;
    for (int64_t member = first; member < last; ++member) {
      if (!options_.carry) {
        mine.push_back(new_lane(params, member, state.step));
        continue;
      }
      const Lane& lane = lanes[static_cast<size_t>(member)];
      const bool ended = lane.age >= lane.length;
      mine.push_back(ended ? new_lane(params, member, lane.key.step + 1) : lane);
    }
    parts[static_cast<size_t>(chunk)] = chunk_gradient(params, state.scale, mine);
    for (size_t k = 0; options_.carry && k < mine.size(); ++k) {
      lanes[static_cast<size_t>(first) + k] = std::move(mine[k]);
    }
  });
  Gradient total;
  const double share = 1 / static_cast<double>(options_.population);
  for (const Gradient& part : parts) {
    total.gradient = total.gradient.defined() ? total.gradient + part.gradient : part.gradient;
    total.loss += part.loss * share;
    total.correct += part.correct * share;
  }
  total.gradient = total.gradient * share;
  return total;
}

// Carried lanes of pairs [first, last): those whose lifetime has ended are born again. A state may
// depend on the parameters from birth, so it is born with the perturbed ones.
std::vector<PairLoss> MetaTrainer::pair_losses(const engine::ParamSet& params, const EsStep& es,
                                               int64_t first, int64_t last,
                                               std::vector<Lane>& lanes) const {
  std::vector<Lane> mine;
  for (int64_t pair = first; pair < last; ++pair) {
    const auto own = perturbed_pair(params, es, pair);
    for (int64_t twin = 0; twin < 2; ++twin) {
      const Lane& lane = lanes[static_cast<size_t>(2 * pair + twin)];
      const engine::ParamSet& born_with = own[static_cast<size_t>(twin)];
      if (lane.age == 0) {
        mine.push_back(new_lane(born_with, pair, lane.key.step));
      } else if (lane.age >= lane.length) {
        mine.push_back(new_lane(born_with, pair, lane.key.step + 1));
      } else {
        mine.push_back(lane);
      }
    }
  }
  std::vector<PairLoss> losses = es_unroll(learners_, params, es, first, mine, options_.unroll);
  std::move(mine.begin(), mine.end(), lanes.begin() + 2 * first);
  return losses;
}

MetaTrainer::Gradient MetaTrainer::es_gradient_of_step(const MetaState& state,
                                                       Carried& carried) const {
  const engine::ParamSet params(learners_.layout(), state.params);
  const EsStep es{options_, seed_, state.step, state.scale};
  std::vector<PairLoss> losses(static_cast<size_t>(options_.population));
  engine::parallel_for(chunks(), [&](int64_t chunk) {
    const auto [first, last] = chunk_bounds(options_, chunk);
    const std::vector<PairLoss> part = options_.carry
                                           ? pair_losses(params, es, first, last, carried.lanes)
                                           : es_losses(learners_, tasks_, params, es, first, last);
    std::copy(part.begin(), part.end(), losses.begin() + first);
  });
  Gradient total;
  for (const PairLoss& pair : losses) {
    const double share = 1 / static_cast<double>(losses.size());
    total.loss += (pair.plus + pair.minus) / 2 * share;
    total.correct += pair.correct * share;
  }
  if (options_.optimizer == MetaOptimizer::Es) {
    total.gradient = es_gradient(losses, params, es);
    return total;
  }
  // A lifetime that has just begun has no perturbations behind it.
  std::vector<double> goes_on;
  for (int64_t pair = 0; pair < options_.population; ++pair) {
    goes_on.push_back(carried.lanes[static_cast<size_t>(2 * pair)].age > options_.unroll ? 1 : 0);
  }
  const Tensor& flat = state.params;
  const Tensor kept =
      cast(Tensor::from(goes_on, {options_.population, 1}, flat.device()), flat.dtype());
  carried.noise = carried.noise * kept;
  total.gradient = pes_gradient(losses, params, es, carried.noise);
  return total;
}

MetaState MetaTrainer::updated(const MetaState& state, const Tensor& gradient, double rate) const {
  const engine::AdamOptions adam{options_.beta1, options_.beta2, options_.epsilon};
  MetaState next = state;
  const bool scaled = options_.step_scale == StepScale::Initial;
  // d loss / d moved = scale d loss / d params
  Tensor of_trained = scaled ? gradient * state.scale : gradient;
  if (scaled && options_.tie_steps) {
    of_trained = tied(learners_.layout(), state.start, of_trained);
  }
  of_trained = engine::clip_by_global_norm(of_trained, options_.clip_norm);
  engine::AdamResult result =
      engine::adam_update(scaled ? state.moved : state.params, of_trained, state.adam, rate, adam);
  next.adam = std::move(result.state);
  next.params = scaled ? state.start + state.scale * result.params : result.params;
  if (scaled) next.moved = result.params;
  next.step = state.step + 1;
  return next;
}

MetaStepReport MetaTrainer::step(MetaState& state) const {
  const engine::NoRecord none;
  Carried carried{state.lanes, state.noise};
  const Gradient gradient = options_.optimizer == MetaOptimizer::Bptt
                                ? bptt_gradient(state, carried.lanes)
                                : es_gradient_of_step(state, carried);
  MetaStepReport report;
  report.loss = gradient.loss;
  report.accuracy = gradient.correct;
  report.gradient_norm = engine::global_norm(gradient.gradient);
  report.learning_rate =
      options_.learning_rate * engine::linear_warmup(state.step, options_.warmup);
  if (options_.schedule == Schedule::Cosine) {
    report.learning_rate *=
        engine::cosine_decay(state.step, options_.steps, options_.final_learning_rate);
  }
  require_finite(std::isfinite(report.loss), "the loss is", state.step);
  require_finite(std::isfinite(report.gradient_norm), "the gradient is", state.step);
  MetaState next = updated(state, gradient.gradient, report.learning_rate);
  require_finite(finite(next.params), "the updated parameters are", state.step);
  next.lanes = std::move(carried.lanes);
  next.noise = std::move(carried.noise);
  state = std::move(next);
  return report;
}

}  // namespace vsml
