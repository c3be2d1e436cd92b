#include "vsml/clone/lone_cells.h"

#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/tape.h"
#include "vsml/cell.h"
#include "vsml/kernels/cpu/layer_ticks.h"
#include "vsml/kernels/tick_cells.h"

namespace vsml {
namespace {

using engine::Tensor;

bool is_fused(const Tensor& h) {
  return h.size() > 0 && !kernels::fused_kernels(h.dim(1), h.dtype(), h.device()).empty();
}

Tensor shaped(const Tensor& x, const engine::Shape& shape) {
  return x.with_layout(shape, engine::contiguous_strides(shape));
}

// M cells as a layer of M inputs and one output: everything a cell hears is its row's share.
kernels::LayerTicks as_layer(const LoneCell& cell, const Tensor& heard, const LoneState& state) {
  const int64_t cells = state.h.dim(0), size = state.h.dim(1);
  const Tensor share = matmul(heard, cell.w_heard);
  return {shaped(share, {1, cells, 4 * size}),
          Tensor::zeros({1, 1, 4 * size}, share.dtype(), share.device()),
          cell.w_hidden,
          shaped(state.h, {1, cells, 1, size}),
          shaped(state.c, {1, cells, 1, size}),
          1};
}

}  // namespace

LoneState tick_lone(const LoneCell& cell, const Tensor& heard, const LoneState& state) {
  const engine::NoRecord none;
  if (is_fused(state.h)) {
    const auto next = kernels::run_layer_ticks(as_layer(cell, heard, state), false, false);
    return {shaped(next.h, state.h.shape()), shaped(next.c, state.c.shape())};
  }
  const CellState next =
      update_cell(affine(state.h, cell.w_hidden, matmul(heard, cell.w_heard)), state.c);
  return {next.h, next.c};
}

LoneGradient tick_lone_gradient(const LoneCell& cell, const Tensor& heard, const LoneState& state,
                                const LoneState& dnext) {
  const engine::NoRecord none;
  if (is_fused(state.h)) {
    const kernels::LayerTicks layer = as_layer(cell, heard, state);
    kernels::LayerTicksResult dresult;
    dresult.h = shaped(dnext.h, layer.h.shape());
    dresult.c = shaped(dnext.c, layer.c.shape());
    const auto d = kernels::layer_ticks_gradients(layer, dresult);
    const int64_t cells = state.h.dim(0), size = state.h.dim(1);
    return {shaped(d.from_input, {cells, 4 * size}), shaped(d.h, state.h.shape()),
            shaped(d.c, state.c.shape())};
  }
  const Tensor gates = affine(state.h, cell.w_hidden, matmul(heard, cell.w_heard));
  engine::Tape tape;
  tape.watch(gates);
  tape.watch(state.c);
  const CellState next = update_cell(gates, state.c);
  const std::vector<Tensor> d =
      tape.gradient({next.h, next.c}, {dnext.h, dnext.c}, {gates, state.c});
  return {d[0], matmul(d[0], transpose(cell.w_hidden)), d[1]};
}

}  // namespace vsml
