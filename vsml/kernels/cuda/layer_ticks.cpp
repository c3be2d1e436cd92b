#include "vsml/kernels/cuda/layer_ticks.h"

#include "engine/backend.h"
#include "vsml/kernels/cuda/launch.h"

namespace vsml::kernels::cuda {
namespace {

using engine::DType;
using engine::Shape;
using engine::Tensor;

template <class T = float>
T* address(const Tensor& x) {
  return x.defined() ? static_cast<T*>(x.view().data) : nullptr;
}

Tensor empty_like(const LayerTicks& layer, const Shape& shape) {
  return Tensor::empty(shape, DType::f32, layer.h.device());
}

// parts [n, count, size] -> a tensor of this shape: sums in a fixed order.
Tensor summed(const Tensor& parts, const Shape& shape) {
  const int64_t n = parts.dim(0), size = parts.dim(2);
  if (parts.dim(1) == 1) return parts.with_layout(shape, engine::contiguous_strides(shape));
  const Tensor sums = Tensor::empty({n, 1, size}, DType::f32, parts.device());
  if (sums.size() > 0) {
    engine::backend(parts.device()).reduce(engine::ReduceOp::Sum, parts.view(), sums.view());
  }
  return sums.with_layout(shape, engine::contiguous_strides(shape));
}

// Sets of parameters that layers share, if there are any.
int64_t sets_of(const Tensor& parameters) {
  return parameters.defined() && parameters.rank() == 3 ? parameters.dim(0) : 1;
}

template <class Hidden, class Memory>
TileInputs<Hidden, Memory> inputs_of(const LayerTicks& layer, const TilePlan& plan) {
  return {plan,
          layer.micro_ticks,
          plan.layers / sets_of(layer.w_hidden),
          address(layer.from_input),
          address(layer.from_output),
          address(layer.w_hidden),
          address<Hidden>(layer.h),
          address<Memory>(layer.c),
          layer.message_size,
          layer.directions(),
          plan.layers / sets_of(layer.messengers),
          address(layer.messengers)};
}

template <class Hidden, class Memory>
LayerTicksResult run_typed(const LayerTicks& layer, bool want_over_outputs, bool in_place) {
  const int64_t n = layer.h.dim(0), size = layer.h.dim(3);
  const TilePlan plan = forward_plan(n, layer.h.dim(1), layer.h.dim(2), size);
  LayerTicksResult result;
  result.h = in_place ? layer.h : Tensor::empty(layer.h.shape(), layer.h.dtype(), layer.h.device());
  result.c = in_place ? layer.c : Tensor::empty(layer.c.shape(), layer.c.dtype(), layer.c.device());
  const int64_t sum = layer.message_size > 0 ? layer.message_size : size;
  const Tensor over_rows = empty_like(layer, {n, plan.row_tiles, plan.outputs * sum});
  Tensor over_columns;
  if (want_over_outputs) {
    over_columns = empty_like(layer, {n, plan.column_tiles, plan.inputs * sum});
  }
  launch_forward(layer.h.device().index, size,
                 ForwardWork<Hidden, Memory>{inputs_of<Hidden, Memory>(layer, plan),
                                             address<Hidden>(result.h), address<Memory>(result.c),
                                             address(over_rows), address(over_columns)});
  result.over_inputs = summed(over_rows, {n, plan.outputs, sum});
  if (want_over_outputs) result.over_outputs = summed(over_columns, {n, plan.inputs, sum});
  return result;
}

template <class Hidden, class Memory>
LayerTicksGradients gradients_typed(const LayerTicks& layer, const LayerTicksResult& dresult) {
  const int64_t n = layer.h.dim(0), size = layer.h.dim(3), gates = 4 * size;
  const TilePlan plan = backward_plan(n, layer.h.dim(1), layer.h.dim(2), size);
  LayerTicksGradients result;
  result.h = empty_like(layer, layer.h.shape());
  result.c = empty_like(layer, layer.c.shape());
  const Tensor over_rows = empty_like(layer, {n, plan.row_tiles, plan.outputs * gates});
  const Tensor over_columns = empty_like(layer, {n, plan.column_tiles, plan.inputs * gates});
  // Parts of tiles, of each set of parameters.
  const auto parts_of = [&](const Tensor& parameters, int64_t numbers) {
    const int64_t sets = sets_of(parameters);
    return empty_like(layer, {sets, plan.tiles / sets, numbers});
  };
  const Tensor over_cells = parts_of(layer.w_hidden, size * gates);
  Tensor of_messages;
  if (layer.message_size > 0) {
    of_messages =
        parts_of(layer.messengers, messenger_numbers(size, layer.directions(), layer.message_size));
  }
  BackwardWork<Hidden, Memory> work;
  work.in = inputs_of<Hidden, Memory>(layer, plan);
  work.dnext_h = address(dresult.h);
  work.dnext_c = address(dresult.c);
  work.dover_inputs = address(dresult.over_inputs);
  work.dover_outputs = address(dresult.over_outputs);
  work.dh = address(result.h);
  work.dc = address(result.c);
  work.dfrom_output = address(over_rows);
  work.dfrom_input = address(over_columns);
  work.dw_hidden = address(over_cells);
  work.dmessengers = address(of_messages);
  launch_backward(layer.h.device().index, size, work);
  result.from_output = summed(over_rows, {n, plan.outputs, gates});
  result.from_input = summed(over_columns, {n, plan.inputs, gates});
  result.w_hidden = summed(over_cells, layer.w_hidden.shape());
  if (of_messages.defined()) {
    result.messengers = summed(of_messages, layer.messengers.shape());
  }
  return result;
}

}  // namespace

bool fused(int64_t state_size, int device) {
  return can_launch(device, state_size);
}

int64_t most_fused_messages(int64_t state_size, int device) {
  return most_messages(device, state_size);
}

TickScratch tick_scratch(int64_t layers, int64_t inputs, int64_t outputs, int64_t state_size,
                         int64_t micro_ticks, int64_t messages) {
  const auto size = static_cast<double>(state_size);
  const auto summed = static_cast<double>(messages > 0 ? messages : state_size);
  const auto messengers = static_cast<double>(messenger_numbers(state_size, 2, messages));
  // Of `numbers` for each column, row and tile; summing them up takes a little more.
  const auto partial_sums = [&](const TilePlan& plan, double numbers, double of_tile) {
    const auto rows = static_cast<double>(layers) * static_cast<double>(inputs);
    const auto columns = static_cast<double>(layers) * static_cast<double>(outputs);
    return 1.1 * (numbers * (static_cast<double>(plan.row_tiles) * columns +
                             static_cast<double>(plan.column_tiles) * rows) +
                  of_tile * static_cast<double>(plan.tiles));
  };
  const TilePlan forward = forward_plan(layers, inputs, outputs, state_size);
  const TilePlan backward = backward_plan(layers, inputs, outputs, state_size);
  return {partial_sums(forward, summed, 0),
          partial_sums(backward, 4 * size, 4 * size * size + messengers) +
              static_cast<double>(backward_blocks(backward)) *
                  static_cast<double>(history_floats(state_size, micro_ticks))};
}

LayerTicksResult run_layer_ticks(const LayerTicks& layer, bool want_over_outputs, bool in_place) {
  return with_state_types(layer, [&](auto h, auto c) {
    return run_typed<decltype(h), decltype(c)>(layer, want_over_outputs, in_place);
  });
}

LayerTicksGradients layer_ticks_gradients(const LayerTicks& layer,
                                          const LayerTicksResult& dresult) {
  return with_state_types(layer, [&](auto h, auto c) {
    return gradients_typed<decltype(h), decltype(c)>(layer, dresult);
  });
}

}  // namespace vsml::kernels::cuda
