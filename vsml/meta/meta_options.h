// vsml/meta/meta_options.h: how parameters are meta-trained. Plain data, as in a spec.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vsml {

enum class MetaOptimizer { Bptt, Es, Pes };
// Mean: cross entropy averaged over all examples; Last: of the last example only.
enum class MetaLoss { Mean, Last };
enum class Schedule { Constant, Cosine };
// Initial: parameters = start + scale m with m trained and scale = max(|start|, floor).
enum class StepScale { None, Initial };

// Columns of a cell's w and bias: those of one gate, or of all.
enum class GateChoice { All, Input, Candidate, Forget, Output };

// The floor of one named view of the parameters, such as cell.m_forward, or of one gate in it.
struct StepScaleFloor {
  std::string view;
  double floor = 0.1;
  GateChoice gate = GateChoice::All;

  friend bool operator==(const StepScaleFloor&, const StepScaleFloor&) = default;
};

struct MetaOptions {
  MetaOptimizer optimizer = MetaOptimizer::Bptt;
  int64_t steps = 1000;
  int64_t population = 16;  // bptt: lifetimes per step; es, pes: antithetic pairs per step
  int64_t chunk_size = 4;   // members that are computed together; part of the result's bits
  int64_t batch_size = 1;   // examples a learner sees at once
  MetaLoss loss = MetaLoss::Mean;

  double learning_rate = 0.001;
  Schedule schedule = Schedule::Constant;
  int64_t warmup = 0;              // steps of linear warm-up
  double final_learning_rate = 0;  // cosine: what is left at the end, as a fraction
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double clip_norm = 0;  // 0: no clipping
  // bptt: so that lifetimes with long gradients, such as those of deep networks, do not decide
  // alone: lifetimes of one size in a chunk add at most this norm each, before clip_norm. 0: no
  // clipping.
  double clip_lifetime_norm = 0;
  StepScale step_scale = StepScale::None;
  double start_noise = 0;         // with step scales: m starts as N(0, start_noise^2)
  double step_scale_floor = 0.1;  // of the views that the next list does not name
  std::vector<StepScaleFloor> step_scale_floors;  // of several for one parameter the last holds
  bool tie_steps = false;                         // with step scales: see tied() in step_scale.h

  // An unroll is the examples that one gradient sees. Without carry every step starts a new
  // lifetime of episode_length examples, cut for bptt into unrolls of `unroll` (0: full). With
  // carry each member's state goes on into the next step until its lifetime ends.
  int64_t episode_length = 100;
  int64_t unroll = 0;
  bool carry = false;
  int64_t lifetime = 700;         // carry: longest lifetime
  int64_t shortest_lifetime = 0;  // carry: lifetimes are uniform in the logarithm from here to the
                                  // longest; 0: uniform in [0.3, 1] of the longest

  double noise_std = 0.05;          // es, pes; with step scales in their units
  bool standardize_fitness = true;  // es, pes: fitness to mean 0, deviation 1 over the population

  int64_t memory_budget = 2048;  // MiB for what bptt stores; does not change any bit

  friend bool operator==(const MetaOptions&, const MetaOptions&) = default;
};

}  // namespace vsml
