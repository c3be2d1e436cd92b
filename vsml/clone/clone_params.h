// vsml/clone/clone_params.h: the numbers that cloning trains, and what they are as parameters of a
// VSML learner.
//
// Only what is free is trained: the gates input, candidate and output of both cells, what the
// messengers send, and the encoder. Forget gates are constants: a total bias of +20 (in float32
// exactly 1) for units that keep the weight, of -20 for the others. Scales that follow from the
// teacher are folded out, so that an optimiser sees numbers near 1: candidates of weight units are
// 2 teacher_rate / weight_scale times what is trained, messengers weight_scale times.
#pragma once

#include <vector>

#include "engine/params.h"
#include "engine/rng.h"
#include "vsml/clone/clone_options.h"
#include "vsml/clone/lone_cells.h"
#include "vsml/network_options.h"

namespace vsml {

// What is trained, for cells of state size H:
//   forward.gates [2 + H, 3, H]   rows x, bias, h; gates input, candidate, output
//   reverse.gates [3 + H, 3, H]   rows x, e, bias, h
//   forward.messenger, reverse.messenger [H]
//   encoder [weight_units]
engine::ParamLayout clone_layout(const CloneOptions& options, int64_t state_size);

// Initial values, flat [n].
engine::Tensor initial_clone_params(const CloneOptions& options, int64_t state_size, uint64_t seed,
                                    engine::DType dtype);

// The cells that they stand for.
struct CloneCells {
  LoneCell forward, reverse;                 // hear (x, 1) and (x, e, 1)
  engine::Tensor messenger, back_messenger;  // [H, 1], scaled
  std::vector<double> encoder;               // c = encoder w / S
  std::vector<double> decoder;               // w = S <decoder, c>; encoder / |encoder|^2
};
CloneCells clone_cells(const CloneOptions& options, const engine::ParamSet& params,
                       int64_t state_size);

// Factor on the gates of one unit: 2 teacher_rate / weight_scale for candidates of weight units.
double gate_scale(const CloneOptions& options, int gate, int64_t unit);
inline constexpr int kTrainedGates = 3;
inline constexpr int kTrainedGate[kTrainedGates] = {0, 1,
                                                    3};  // of input, candidate, forget, output

// As flat parameters of a learner with these options (two cells, encoded weights), whose layout
// is `layout`: the first channel of each message is used, and output_channel.
engine::Tensor learner_params(const CloneOptions& options, const engine::ParamSet& params,
                              const NetworkOptions& network, const engine::ParamLayout& layout);

}  // namespace vsml
