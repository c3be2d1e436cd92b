#include "vsml/conv_layer.h"

#include "engine/ops/conv.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/op.h"
#include "engine/ops/reduce.h"
#include "vsml/kernels/tick_cells.h"

namespace vsml {
namespace {

using engine::Shape;
using engine::Tensor;

constexpr int kHeightAxis = 1, kWidthAxis = 2;  // of [N, Y, X, ...]

void check(const CellState& state, const Messages& in, const ConvShape& shape) {
  const Shape& grid = state.c.shape();
  const auto fits = [&](const Tensor& message, int64_t neurons) {
    return message.rank() == 4 && message.shape().part(0, 2) == grid.part(0, 2) &&
           message.dim(2) == neurons;
  };
  if (grid.rank() != 5 || state.h.shape() != grid ||
      grid[2] != shape.kernel_y * shape.kernel_x * shape.image.channels ||
      grid[3] != shape.channels || !fits(in.forward, shape.image.size()) ||
      !fits(in.reverse, shape.positions() * shape.channels)) {
    engine::throw_shape_error(
        "conv_tick", "h, c [P, B, I, O, H], forward [P, B, Y X C, F], reverse [P, B, Q O, R]",
        {state.h.shape(), state.c.shape(), in.forward.shape(), in.reverse.shape()});
  }
}

// What each position hears from below: [P, B, Y X C, F] -> [P, B Q, I, F].
Tensor seen_by_positions(const Tensor& forward, const ConvShape& s) {
  const int64_t members = forward.dim(0), batch = forward.dim(1), message = forward.dim(3);
  const Tensor image = reshape(
      forward, {members * batch, s.image.height, s.image.width, s.image.channels * message});
  const Tensor padded =
      pad(pad(image, kHeightAxis, s.padding_y, s.padding_y), kWidthAxis, s.padding_x, s.padding_x);
  const Tensor patches = unfold(padded, s.kernel_y, s.kernel_x, s.stride, engine::Padding::Valid);
  return reshape(patches, {members, batch * s.positions(),
                           s.kernel_y * s.kernel_x * s.image.channels, message});
}

// Patches [N, Yp, Xp, ...] with zeros where the authors' code has none: they compare a position's
// place in pixels with the number of positions that there would be without rounding.
Tensor masked_as_authors(const Tensor& patches, const ConvShape& s) {
  Tensor result = patches;
  for (const auto& [axis, extent] :
       {std::pair{kHeightAxis, s.image.height}, std::pair{kWidthAxis, s.image.width}}) {
    const int64_t kept = (extent / s.stride + s.stride - 1) / s.stride;
    result = pad(slice(result, axis, 0, kept), axis, 0, patches.dim(axis) - kept);
  }
  return result;
}

// What each neuron below hears: [P, B Q, I, R] -> [P, B, Y X C, R].
Tensor back_to_image(const Tensor& reverse, int64_t batch, const ConvShape& s, Reduce reduce) {
  const int64_t members = reverse.dim(0), message = reverse.dim(3);
  Tensor patches = reshape(reverse, {members * batch, s.height(), s.width(), s.kernel_y, s.kernel_x,
                                     s.image.channels * message});
  if (s.backward == ConvBackward::Authors) patches = masked_as_authors(patches, s);
  const Tensor padded = fold(patches, s.image.height + 2 * s.padding_y,
                             s.image.width + 2 * s.padding_x, s.stride, engine::Padding::Valid);
  const Tensor image = slice(slice(padded, kHeightAxis, s.padding_y, s.padding_y + s.image.height),
                             kWidthAxis, s.padding_x, s.padding_x + s.image.width);
  const Tensor neurons = reshape(image, {members, batch, s.image.size(), message});
  if (reduce == Reduce::Sum) return neurons;
  return neurons * (1 / static_cast<double>(s.kernel_y * s.kernel_x));
}

// [P, B Q, I, O, H] -> [P, B, I, O, H].
Tensor over_positions(const Tensor& x, int64_t batch) {
  const Shape shape = x.shape();
  return mean(reshape(x, Shape{shape[0], batch, shape[1] / batch} + shape.part(2, 5)), {2});
}

CellState over_positions(const CellState& state, int64_t batch) {
  return {over_positions(state.h, batch), over_positions(state.c, batch)};
}

}  // namespace

LayerTick conv_tick(const CellParams& cell, CellState state, const Messages& in,
                    const ConvShape& shape, const TickOptions& options) {
  check(state, in, shape);
  const int64_t members = state.c.dim(0), batch = state.c.dim(1);
  const StateTypes kept_in = types_of(state);
  state = cast_state(state, in.forward.dtype());
  const Messages at_positions{
      seen_by_positions(in.forward, shape),
      reshape(in.reverse, {members, batch * shape.positions(), shape.channels, in.reverse.dim(3)})};
  for (int64_t k = 1; k < options.micro_ticks; ++k) {
    const kernels::CellTicks ticked =
        kernels::tick_cells(cell, std::move(state), at_positions, 1, false);
    state = over_positions(ticked.state, batch);
  }
  LayerTick last =
      tick(cell, std::move(state), at_positions, {1, options.reduce, options.want_reverse});
  LayerTick result{cast_state(over_positions(last.state, batch), kept_in), {}};
  result.out.forward =
      reshape(last.out.forward,
              {members, batch, shape.positions() * shape.channels, last.out.forward.dim(3)});
  if (options.want_reverse) {
    result.out.reverse = back_to_image(last.out.reverse, batch, shape, options.reduce);
  }
  return result;
}

}  // namespace vsml
