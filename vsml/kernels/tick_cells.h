// vsml/kernels/tick_cells.h: what VSML spends its time on, as one op: the ticks of all cells of a
// layer. There is one meaning, reference_tick_cells(), made of engine ops; the fused kernels below
// this folder (cpu/, cuda/) compute the same much faster and are held to it by tests.
#pragma once

#include <string>

#include "vsml/cell.h"

namespace vsml::kernels {

struct CellTicks {
  CellState state;  // after the ticks
  // Sums of h; or of normalised messages, and then F takes the place of H.
  engine::Tensor over_inputs;   // [P, B, O, H]  over I
  engine::Tensor over_outputs;  // [P, B, I, H]  over O; empty if it was not asked for
};

// `micro_ticks` ticks of cells [P, B, I, O] on the same incoming messages.
//   in.forward [P, B, I, F], in.reverse [P, B, O, R], state [P, S, I, O, H]
// S is B, or divides it: then each B / S entries begin with the same state. The result has B.
// With messengers [H + 1, F], or [H + 1, 2F] for sums over outputs too, or [P, ...], centred over
// the F channels of a direction, the sums are of x = z / sqrt(mean(z^2) + epsilon), where
// z = [h, 1] messengers (message_norm.h).
// h and c, or h alone, may be kept in bf16: they are rounded once, after the ticks, and the sums
// are of h before that. Fused where fused_kernels() says so, but for normalised messages of
// more channels than most_fused_messages(). A fused op keeps the state for its gradient, which
// ticks the cells again and is differentiable once. Where nothing is recorded, S is B and nobody
// else owns the storage of `state`, the result takes its place. The caller has checked the shapes.
CellTicks tick_cells(const CellParams& cell, CellState state, const Messages& in,
                     int64_t micro_ticks, bool want_over_outputs,
                     const engine::Tensor& messengers = {});

// The same, from engine ops only.
CellTicks reference_tick_cells(const CellParams& cell, const CellState& state, const Messages& in,
                               int64_t micro_ticks, bool want_over_outputs,
                               const engine::Tensor& messengers = {});

// The name of the fused kernels ("avx512", "avx2", "portable"; "cuda") that serve cells of this
// state size, with messages of this element type, on a device; empty where engine ops do it.
// VSML_KERNELS in the environment, set to one of these names or to "reference", asks for others
// than the machine's best.
std::string fused_kernels(int64_t state_size, engine::DType dtype, engine::Device device);

}  // namespace vsml::kernels
