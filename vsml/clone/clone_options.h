// vsml/clone/clone_options.h: how backpropagation is cloned by training. Plain data, as in a spec.
#pragma once

#include <cstdint>
#include <vector>

namespace vsml {

// What single cells are shown while they are trained: connections of weight w between a neuron x
// below and an error e above, all drawn, none from a data set.
struct CloneData {
  // |w| = |N(0, 1)| 10^u with u uniform between these.
  double least_weight_exponent = -1.6, most_weight_exponent = 0;
  // |e| = 10^u with u uniform between these, either sign; but 0 in a share of the draws.
  double least_error_exponent = -3, most_error_exponent = 0.2;
  double zero_error_share = 0.05;
  // x: in one share of the draws uniform in a range, in another one of some constants, else normal
  // with a deviation that is uniform in a range of its own.
  double uniform_share = 0.4, least_input = -3, most_input = 3;
  double constant_share = 0.1;
  std::vector<double> constants{10};
  double least_deviation = 0.2, most_deviation = 2.2;

  friend bool operator==(const CloneData&, const CloneData&) = default;
};

// One phase of the schedule, with an Adam of its own.
struct ClonePhase {
  int64_t steps = 1000;
  int64_t cells = 512;  // single cells per step
  // Errors (root mean square) much smaller than this are as good as none: while one target is far
  // off, the others do not compete with it.
  double loss_floor = 0;
  // Weights of the logarithms of the mean squared relative errors: forward message, reverse
  // message, change of the decoded weight, change of c off the encoder's direction.
  double forward_loss = 1, reverse_loss = 1, update_loss = 1, manifold_loss = 1;
  // The rate falls along half a cosine, after a linear warm-up.
  double learning_rate = 0.01, final_learning_rate = 0.001;
  int64_t warmup = 100;
  double clip_norm = 1;
  double beta1 = 0.9, beta2 = 0.98;  // of Adam

  friend bool operator==(const ClonePhase&, const ClonePhase&) = default;
};

struct CloneOptions {
  double teacher_rate = 0.01;  // learning rate of the backpropagation that is imitated
  // A cell keeps its weight in the first `weight_units` channels of c, with forget gates of exactly
  // 1; all others have forget gates of 0. c = encoder w / weight_scale.
  int64_t weight_units = 1;
  double weight_scale = 60;
  // Deviations of the initial parameters: of the messages' weights, of the recurrent ones over the
  // root of the state size, of the messengers.
  double input_std = 0.7, recurrent_std = 1, messenger_std = 0.3;

  int64_t unroll = 1;          // examples that one gradient sees
  int64_t burn_in = 1;         // examples before them, which leave their traces in h
  double newborn_share = 0.1;  // of the cells, which begin with h = 0 instead
  double drift = 0;            // deviation of S c off the encoder's direction at the beginning
  double weight_floor = 0.05;  // errors are relative to |w| + this
  double error_floor = 0.01;   // and |e| + this
  int64_t report_every = 100;  // steps between two lines of metrics.jsonl

  CloneData data;
  std::vector<ClonePhase> phases{ClonePhase{}};

  friend bool operator==(const CloneOptions&, const CloneOptions&) = default;
};

}  // namespace vsml
