#include "vsml/kernels/layer_ticks.h"

#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "vsml/kernels/cpu/layer_ticks.h"
#include "vsml/kernels/cuda/layer_ticks.h"
#include "vsml/kernels/message_norm.h"

namespace vsml::kernels {
namespace {

bool on_cpu(const engine::Device& device) {
  return device.kind == engine::Device::Kind::Cpu;
}

using engine::Shape;
using engine::Tensor;

// Layers that begin with one state, as [states, layers of each, ...].
Shape by_states(const LayerTicks& layer) {
  const Shape cells = layer.h.shape().part(1, 4);
  return Shape{layer.h.dim(0), layer.from_input.dim(0) / layer.h.dim(0)} + cells;
}

// A state for each layer.
LayerTicks with_own_states(LayerTicks layer) {
  const Shape grid = by_states(layer);
  if (grid[1] == 1) return layer;
  for (Tensor* x : {&layer.h, &layer.c}) {
    const Tensor all = broadcast_to(expand(*x, 1), grid).contiguous();
    *x = reshape(all, Shape{grid[0] * grid[1]} + grid.part(2, 5));
  }
  return layer;
}

}  // namespace

const char* fused_name(int64_t state_size, engine::Device device) {
  if (on_cpu(device)) return cpu::fused_isa(state_size);
  constexpr int64_t kAlwaysFused = 16;  // unless the reference is asked for
  const bool wanted = cpu::fused_isa(kAlwaysFused) != nullptr;
  return wanted && cuda::fused(state_size, device.index) ? "cuda" : nullptr;
}

int64_t most_fused_messages(int64_t state_size, engine::Device device) {
  if (fused_name(state_size, device) == nullptr) return 0;
  return on_cpu(device) ? kMostMessages : cuda::most_fused_messages(state_size, device.index);
}

TickScratch tick_scratch(int64_t layers, int64_t inputs, int64_t outputs, int64_t state_size,
                         int64_t micro_ticks, int64_t messages, engine::Device device) {
  if (!on_cpu(device)) {
    return cuda::tick_scratch(layers, inputs, outputs, state_size, micro_ticks, messages);
  }
  // Sums of tiles are less than half a number per channel, beside them a little of each thread.
  const double channels = static_cast<double>(state_size) * static_cast<double>(layers) *
                          static_cast<double>(inputs) * static_cast<double>(outputs);
  return {0, 0.5 * channels};
}

LayerTicksResult run_layer_ticks(const LayerTicks& layer, bool want_over_outputs, bool in_place) {
  if (on_cpu(layer.h.device())) return cpu::run_layer_ticks(layer, want_over_outputs, in_place);
  const engine::NoRecord none;
  return cuda::run_layer_ticks(with_own_states(layer), want_over_outputs, in_place);
}

LayerTicksGradients layer_ticks_gradients(const LayerTicks& layer,
                                          const LayerTicksResult& dresult) {
  if (on_cpu(layer.h.device())) return cpu::layer_ticks_gradients(layer, dresult);
  const engine::NoRecord none;
  LayerTicksGradients result = cuda::layer_ticks_gradients(with_own_states(layer), dresult);
  const Shape grid = by_states(layer);
  if (grid[1] == 1) return result;
  for (Tensor* d : {&result.h, &result.c}) *d = sum(reshape(*d, grid), {1});
  return result;
}

}  // namespace vsml::kernels
