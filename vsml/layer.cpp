#include "vsml/layer.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/op.h"
#include "engine/ops/reduce.h"
#include "vsml/kernels/tick_cells.h"

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
      in.reverse.rank() != 4 || in.forward.dim(0) != grid[0] || in.forward.dim(2) != grid[2] ||
      in.reverse.shape().part(0, 2) != in.forward.shape().part(0, 2) ||
      in.reverse.dim(2) != grid[3] || grid[1] == 0 || in.forward.dim(1) % grid[1] != 0) {
    engine::throw_shape_error(
        "tick", "h, c [P, B, I, O, H], forward [P, B, I, F], reverse [P, B, O, R]",
        {state.h.shape(), state.c.shape(), in.forward.shape(), in.reverse.shape()});
  }
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

// A direction's message from the sum of h over an axis of `cells` cells.
Tensor message_of_sum(const Tensor& sum, int64_t cells, const Tensor& messenger, const Tensor& bias,
                      Reduce reduce) {
  const auto count = static_cast<double>(cells);
  const Tensor combined = reduce == Reduce::Mean ? sum * (1 / count) : sum;
  return project(combined, messenger) +
         spread(reduce == Reduce::Mean ? bias : bias * count, sum.rank());
}

// What the fused ticks make normalised messages of: messengers and biases of the directions that
// are wanted, centred over the channels of a message, [H + 1, F] or [H + 1, 2F], or [P, ...].
Tensor centred_messengers(const CellParams& cell, bool want_reverse) {
  const auto centred = [](const Tensor& messenger, const Tensor& bias) {
    const Tensor both = engine::concat({messenger, expand(bias, bias.rank() - 1)}, -2);
    return both - mean(both, {-1}, engine::KeepAxes::Yes);
  };
  const Tensor forward = centred(cell.m_forward, cell.b_forward);
  if (!want_reverse) return forward;
  return engine::concat({forward, centred(cell.m_reverse, cell.b_reverse)}, -1);
}

// A direction's message from the sum of what `cells` cells say, normalised.
Tensor message_of_normalised(const Tensor& sum, int64_t cells, const Tensor& scale,
                             const Tensor& offset, Reduce reduce) {
  const auto count = static_cast<double>(cells);
  const bool mean = reduce == Reduce::Mean;
  return (mean ? sum * (1 / count) : sum) * spread(scale, sum.rank()) +
         spread(mean ? offset : offset * count, sum.rank());
}

}  // namespace

LayerTick tick(const CellParams& cell, CellState state, const Messages& in,
               const TickOptions& options) {
  check(state, in);
  const int64_t inputs = state.c.dim(kInputAxis), outputs = state.c.dim(kOutputAxis);
  const Tensor messengers =
      cell.layer_norm() ? centred_messengers(cell, options.want_reverse) : Tensor();
  kernels::CellTicks ticked = kernels::tick_cells(cell, std::move(state), in, options.micro_ticks,
                                                  options.want_reverse, messengers);
  LayerTick result{std::move(ticked.state), {}};
  if (cell.layer_norm()) {
    result.out.forward = message_of_normalised(ticked.over_inputs, inputs, cell.scale_forward,
                                               cell.offset_forward, options.reduce);
    if (options.want_reverse) {
      result.out.reverse = message_of_normalised(ticked.over_outputs, outputs, cell.scale_reverse,
                                                 cell.offset_reverse, options.reduce);
    }
    return result;
  }
  result.out.forward =
      message_of_sum(ticked.over_inputs, inputs, cell.m_forward, cell.b_forward, options.reduce);
  if (options.want_reverse) {
    result.out.reverse = message_of_sum(ticked.over_outputs, outputs, cell.m_reverse,
                                        cell.b_reverse, options.reduce);
  }
  return result;
}

LayerTick tick_literal(const CellParams& cell, CellState state, const Messages& in,
                       const TickOptions& options) {
  check(state, in);
  const Shape grid = state.c.shape().part(0, 4);
  const int64_t message = in.forward.dim(-1);
  const Tensor w = engine::concat({cell.w_forward, cell.w_reverse, cell.w_hidden}, -2);
  const Tensor forward = broadcast_to(expand(in.forward, kOutputAxis), grid + Shape{message});
  const Tensor reverse = broadcast_to(expand(in.reverse, kInputAxis), grid + Shape{message});
  LayerTick result{cast_state(state, in.forward.dtype()), {}};
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
  result.state = cast_state(result.state, types_of(state));
  return result;
}

}  // namespace vsml
