#include "vsml/kernels/tick_cells.h"

#include <utility>
#include <vector>

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/op.h"
#include "engine/ops/reduce.h"
#include "vsml/kernels/layer_ticks.h"
#include "vsml/kernels/message_norm.h"

namespace vsml::kernels {
namespace {

using engine::Shape;
using engine::Tensor;

// Axes of [P, B, I, O, ...].
constexpr int kBatchAxis = 1;
constexpr int kInputAxis = 2;
constexpr int kOutputAxis = 3;

// The messages' share of the gates, the same in every micro tick.
struct Heard {
  Tensor from_input;   // [P, B, I, 4H]
  Tensor from_output;  // [P, B, O, 4H], with the bias: there are mostly fewer outputs than inputs
};

Heard heard(const CellParams& cell, const Messages& in) {
  return {project(in.forward, cell.w_forward),
          project(in.reverse, cell.w_reverse) + spread(gate_bias(cell), 4)};
}

// The same elements, with P and B as one axis.
Tensor merged_axes(const Tensor& x) {
  if (!x.defined()) return x;
  Shape shape{x.dim(0) * x.dim(1)};
  for (int axis = 2; axis < x.rank(); ++axis) shape.push_back(x.dim(axis));
  return x.contiguous().with_layout(shape, engine::contiguous_strides(shape));
}

Tensor shaped(const Tensor& x, const Shape& shape) {
  return x.with_layout(shape, engine::contiguous_strides(shape));
}

// x [P, S, ...] with each entry repeated: [P, B, ...].
Tensor for_batch(const Tensor& x, int64_t batch) {
  const Shape shape = x.shape();
  if (shape[kBatchAxis] == batch) return x;
  const Tensor repeated = broadcast_to(expand(x, kBatchAxis + 1),
                                       shape.inserted(kBatchAxis + 1, batch / shape[kBatchAxis]));
  return reshape(repeated, shape.with(kBatchAxis, batch));
}

// The inputs that a gradient may be asked for, in the order of the op's inputs.
enum Input { kH, kC, kForward, kReverse, kWForward, kWReverse, kWHidden, kBias, kMessengers };

// What is asked of the ticks beside the state.
struct Asked {
  int64_t micro_ticks;
  bool over_outputs;
  Tensor messengers;  // empty: sums of h

  int64_t message_size() const {
    if (!messengers.defined()) return 0;
    return over_outputs ? messengers.dim(-1) / 2 : messengers.dim(-1);
  }
};

std::vector<Tensor> inputs_of(const CellParams& cell, const CellState& state, const Messages& in,
                              const Asked& asked) {
  std::vector<Tensor> inputs{state.h,        state.c,        in.forward,    in.reverse,
                             cell.w_forward, cell.w_reverse, cell.w_hidden, cell.bias};
  if (asked.messengers.defined()) inputs.push_back(asked.messengers);
  return inputs;
}

LayerTicks layer_of(const CellParams& cell, const CellState& state, const Heard& share,
                    const Asked& asked) {
  LayerTicks layer{merged_axes(share.from_input), merged_axes(share.from_output),
                   cell.w_hidden.contiguous(),    merged_axes(state.h),
                   merged_axes(state.c),          asked.micro_ticks};
  layer.message_size = asked.message_size();
  if (asked.messengers.defined()) layer.messengers = asked.messengers.contiguous();
  return layer;
}

// Sums of the normalised messages of h [P, B, I, O, H], from engine ops.
void sum_messages(const Tensor& h, const Asked& asked, CellTicks& ticks) {
  const int64_t state = h.dim(-1), size = asked.message_size();
  const auto summed = [&](int64_t first, int axis) {
    const Tensor messenger = slice(asked.messengers, -1, first, first + size);
    const Tensor row = slice(messenger, -2, state, state + 1);
    const Shape bias = row.rank() == 2 ? Shape{size} : Shape{row.dim(0), size};
    const Tensor z =
        project(h, slice(messenger, -2, 0, state)) + spread(reshape(row, bias), h.rank());
    return sum(z / sqrt(mean(square(z), {-1}, engine::KeepAxes::Yes) + kNormEpsilon), {axis});
  };
  ticks.over_inputs = summed(0, kInputAxis);
  if (asked.over_outputs) ticks.over_outputs = summed(size, kOutputAxis);
}

// The backward rule: the kernels' gradients, then those of the messages' share.
struct Backward {
  CellParams cell;
  CellState state;
  Messages in;
  Asked asked;

  void operator()(const std::vector<Tensor>& douts, engine::InputGradients& grads) const {
    // The messages' share is computed again, under a tape that then takes its gradients on.
    const std::vector<Tensor> inputs = inputs_of(cell, state, in, asked);
    std::vector<Input> heard_from;
    std::vector<Tensor> watched;
    for (const Input place : {kForward, kReverse, kWForward, kWReverse, kBias}) {
      if (!grads.wanted(place)) continue;
      heard_from.push_back(place);
      watched.push_back(inputs[place]);
    }
    engine::Tape tape;
    for (const Tensor& tensor : watched) tape.watch(tensor);
    const Heard share = heard(cell, in);
    LayerTicksResult dresult;
    dresult.h = merged_axes(douts[0]);
    dresult.c = merged_axes(douts[1]);
    dresult.over_inputs = merged_axes(douts[2]);
    if (douts.size() > 3) dresult.over_outputs = merged_axes(douts[3]);
    const LayerTicksGradients d =
        layer_ticks_gradients(layer_of(cell, state, share, asked), dresult);
    grads.set(kH, shaped(d.h, state.h.shape()));
    grads.set(kC, shaped(d.c, state.c.shape()));
    grads.set(kWHidden, d.w_hidden);
    if (asked.messengers.defined()) grads.set(kMessengers, d.messengers);
    const std::vector<Tensor> dwatched =
        tape.gradient({share.from_input, share.from_output},
                      {shaped(d.from_input, share.from_input.shape()),
                       shaped(d.from_output, share.from_output.shape())},
                      watched);
    for (size_t k = 0; k < watched.size(); ++k) grads.set(heard_from[k], dwatched[k]);
  }
};

CellTicks fused_tick_cells(const CellParams& cell, CellState state, const Messages& in,
                           const Asked& asked) {
  const Shape grid = state.h.shape().with(kBatchAxis, in.forward.dim(kBatchAxis));
  const bool recording = engine::Tape::recording(inputs_of(cell, state, in, asked));
  const bool in_place = !recording && state.h.shape() == grid && state.h.is_sole_owner() &&
                        state.c.is_sole_owner() && state.h.is_contiguous() &&
                        state.c.is_contiguous();
  LayerTicksResult done;
  {
    const engine::NoRecord none;
    done = run_layer_ticks(layer_of(cell, state, heard(cell, in), asked), asked.over_outputs,
                           in_place);
  }
  const int64_t size = asked.messengers.defined() ? asked.message_size() : grid[4];
  const auto sums = [&](int axis) { return Shape{grid[0], grid[1], grid[axis], size}; };
  CellTicks result{{shaped(done.h, grid), shaped(done.c, grid)},
                   shaped(done.over_inputs, sums(kOutputAxis)),
                   {}};
  std::vector<Tensor> outputs{result.state.h, result.state.c, result.over_inputs};
  if (asked.over_outputs) {
    result.over_outputs = shaped(done.over_outputs, sums(kInputAxis));
    outputs.push_back(result.over_outputs);
  }
  if (recording) {
    engine::Tape::record("tick_cells", inputs_of(cell, state, in, asked), outputs,
                         Backward{cell, state, in, asked}, engine::Differentiable::Once);
  }
  return result;
}

}  // namespace

std::string fused_kernels(int64_t state_size, engine::DType dtype, engine::Device device) {
  if (dtype != engine::DType::f32) return "";
  const char* name = fused_name(state_size, device);
  return name == nullptr ? "" : name;
}

CellTicks tick_cells(const CellParams& cell, CellState state, const Messages& in,
                     int64_t micro_ticks, bool want_over_outputs, const Tensor& messengers) {
  using engine::DType;
  // Kernels know c in bf16 only beside h in bf16.
  const auto is_kept = [&](const Tensor& x) {
    return x.dtype() == DType::bf16 || x.dtype() == in.forward.dtype();
  };
  const bool known = is_kept(state.h) && is_kept(state.c) &&
                     (state.h.dtype() == DType::bf16 || state.c.dtype() != DType::bf16);
  const bool fused =
      known && !fused_kernels(state.h.dim(-1), in.forward.dtype(), state.h.device()).empty() &&
      state.h.size() > 0;
  if (!fused) {
    return reference_tick_cells(cell, state, in, micro_ticks, want_over_outputs, messengers);
  }
  const Asked asked{micro_ticks, want_over_outputs, messengers};
  if (asked.message_size() <= most_fused_messages(state.h.dim(-1), state.h.device())) {
    return fused_tick_cells(cell, std::move(state), in, asked);
  }
  // Only the messages by engine ops, of h before it is rounded.
  const StateTypes kept_in = types_of(state);
  state = cast_state(state, in.forward.dtype());
  CellTicks ticks = fused_tick_cells(cell, std::move(state), in, {micro_ticks, false, {}});
  sum_messages(ticks.state.h, asked, ticks);
  ticks.state = cast_state(ticks.state, kept_in);
  return ticks;
}

CellTicks reference_tick_cells(const CellParams& cell, const CellState& state, const Messages& in,
                               int64_t micro_ticks, bool want_over_outputs,
                               const Tensor& messengers) {
  const Heard share = heard(cell, in);
  const Tensor together = expand(share.from_input, kOutputAxis) +
                          expand(share.from_output, kInputAxis);  // [P, B, I, O, 4H]
  const int64_t batch = in.forward.dim(kBatchAxis);
  const CellState wide = cast_state(state, in.forward.dtype());
  CellTicks result{{for_batch(wide.h, batch), for_batch(wide.c, batch)}, {}, {}};
  for (int64_t k = 0; k < micro_ticks; ++k) {
    const Tensor& h = result.state.h;
    const Tensor gates = cell.w_hidden.rank() == 2 ? affine(h, cell.w_hidden, together)
                                                   : project(h, cell.w_hidden) + together;
    result.state = update_cell(gates, result.state.c);
  }
  if (messengers.defined()) {
    sum_messages(result.state.h, {micro_ticks, want_over_outputs, messengers}, result);
  } else {
    result.over_inputs = sum(result.state.h, {kInputAxis});
    if (want_over_outputs) result.over_outputs = sum(result.state.h, {kOutputAxis});
  }
  result.state = cast_state(result.state, types_of(state));
  return result;
}

}  // namespace vsml::kernels
