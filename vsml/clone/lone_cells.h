// vsml/clone/lone_cells.h: ticks of M cells that belong to no network: each hears numbers of its
// own.
#pragma once

#include "engine/tensor.h"

namespace vsml {

// Parameters that M cells share. Total biases (no hidden +5 and -5).
struct LoneCell {
  engine::Tensor w_heard;   // [Z, 4H]  of what is heard; gates input, candidate, forget, output
  engine::Tensor w_hidden;  // [H, 4H]
};

struct LoneState {
  engine::Tensor h, c;  // [M, H]
};

struct LoneGradient {
  engine::Tensor gates;  // [M, 4H]  of each cell's gates
  engine::Tensor h, c;   // [M, H]   of the state before the tick
};

// One tick on `heard` [M, Z] (a column of ones for the bias): vsml/cell.h. By the fused kernels
// where there are some, else by engine ops. f32 or f64.
LoneState tick_lone(const LoneCell& cell, const engine::Tensor& heard, const LoneState& state);

// The gradient of <dnext.h, h'> + <dnext.c, c'>.
LoneGradient tick_lone_gradient(const LoneCell& cell, const engine::Tensor& heard,
                                const LoneState& state, const LoneState& dnext);

}  // namespace vsml
