#include "vsml/layer.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/op.h"
#include "engine/ops/reduce.h"

namespace vsml {
namespace {

using engine::Shape;
using engine::Tensor;

// Axes of [P, B, I, O, ...].
constexpr int kInputAxis = 2;
constexpr int kOutputAxis = 3;

void check(const CellState& state, const Messages& in) {
  const Shape& grid = state.c.shape();
  if (grid.rank() != 5 || state.h.shape() != grid || in.forward.rank() != 4 ||
      in.reverse.rank() != 4 || in.forward.shape().part(0, 3) != grid.part(0, 3) ||
      in.reverse.shape().part(0, 2) != grid.part(0, 2) || in.reverse.dim(2) != grid[3]) {
    engine::throw_shape_error(
        "tick", "h, c [P, B, I, O, H], forward [P, B, I, F], reverse [P, B, O, R]",
        {state.h.shape(), state.c.shape(), in.forward.shape(), in.reverse.shape()});
  }
}

Tensor gate_bias(const CellParams& cell) {
  const CellDims dims{cell.w_hidden.dim(-2), cell.m_forward.dim(-1)};
  return cell.bias + gate_offsets(dims, cell.bias.dtype(), cell.bias.device());
}

Tensor reduced(const Tensor& x, int axis, Reduce reduce) {
  return reduce == Reduce::Mean ? mean(x, {axis}) : sum(x, {axis});
}

// One direction's message of every cell, [P, B, I, O, H] -> [P, B, I, O, F].
Tensor message_of_each(const Tensor& h, const Tensor& messenger, const Tensor& bias,
                       const Tensor& scale, const Tensor& offset) {
  const Tensor message = project(h, messenger) + spread(bias, h.rank());
  if (!scale.defined()) return message;
  return layer_norm(message, spread(scale, h.rank()), spread(offset, h.rank()));
}

// The reduced message of one direction: over inputs for the forward, over outputs for the reverse.
Tensor combined_message(const Tensor& h, int axis, const Tensor& messenger, const Tensor& bias,
                        Reduce reduce) {
  const double cells = reduce == Reduce::Mean ? 1 : static_cast<double>(h.dim(axis));
  return project(reduced(h, axis, reduce), messenger) + spread(bias * cells, h.rank() - 1);
}

Messages outgoing(const CellParams& cell, const Tensor& h, const TickOptions& options) {
  Messages out;
  if (cell.layer_norm()) {
    out.forward = reduced(
        message_of_each(h, cell.m_forward, cell.b_forward, cell.scale_forward, cell.offset_forward),
        kInputAxis, options.reduce);
    if (!options.want_reverse) return out;
    out.reverse = reduced(
        message_of_each(h, cell.m_reverse, cell.b_reverse, cell.scale_reverse, cell.offset_reverse),
        kOutputAxis, options.reduce);
    return out;
  }
  out.forward = combined_message(h, kInputAxis, cell.m_forward, cell.b_forward, options.reduce);
  if (!options.want_reverse) return out;
  out.reverse = combined_message(h, kOutputAxis, cell.m_reverse, cell.b_reverse, options.reduce);
  return out;
}

}  // namespace

LayerTick tick(const CellParams& cell, const CellState& state, const Messages& in,
               const TickOptions& options) {
  check(state, in);
  const Tensor from_input =
      project(in.forward, cell.w_forward) + spread(gate_bias(cell), 4);  // [P, B, I, 4H]
  const Tensor from_output = project(in.reverse, cell.w_reverse);        // [P, B, O, 4H]
  const Tensor heard =
      expand(from_input, kOutputAxis) + expand(from_output, kInputAxis);  // [P, B, I, O, 4H]
  LayerTick result{state, {}};
  for (int64_t k = 0; k < options.micro_ticks; ++k) {
    const Tensor& h = result.state.h;
    const Tensor gates = cell.w_hidden.rank() == 2 ? affine(h, cell.w_hidden, heard)
                                                   : project(h, cell.w_hidden) + heard;
    result.state = update_cell(gates, result.state.c);
  }
  result.out = outgoing(cell, result.state.h, options);
  return result;
}

LayerTick tick_literal(const CellParams& cell, const CellState& state, const Messages& in,
                       const TickOptions& options) {
  check(state, in);
  const Shape grid = state.c.shape().part(0, 4);
  const int64_t message = in.forward.dim(-1);
  const Tensor w = engine::concat({cell.w_forward, cell.w_reverse, cell.w_hidden}, -2);
  const Tensor forward = broadcast_to(expand(in.forward, kOutputAxis), grid + Shape{message});
  const Tensor reverse = broadcast_to(expand(in.reverse, kInputAxis), grid + Shape{message});
  LayerTick result{state, {}};
  for (int64_t k = 0; k < options.micro_ticks; ++k) {
    const Tensor seen =
        engine::concat({forward, reverse, result.state.h}, -1);  // [P, B, I, O, F+R+H]
    result.state = update_cell(project(seen, w) + spread(gate_bias(cell), 5), result.state.c);
  }
  const Tensor& h = result.state.h;
  result.out.forward = reduced(
      message_of_each(h, cell.m_forward, cell.b_forward, cell.scale_forward, cell.offset_forward),
      kInputAxis, options.reduce);
  if (options.want_reverse) {
    result.out.reverse = reduced(
        message_of_each(h, cell.m_reverse, cell.b_reverse, cell.scale_reverse, cell.offset_reverse),
        kOutputAxis, options.reduce);
  }
  return result;
}

}  // namespace vsml
