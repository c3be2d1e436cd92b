#include "vsml/kernels/layer_ticks.h"

#include "vsml/kernels/cpu/layer_ticks.h"
#include "vsml/kernels/cuda/layer_ticks.h"

namespace vsml::kernels {
namespace {

bool on_cpu(const engine::Device& device) {
  return device.kind == engine::Device::Kind::Cpu;
}

}  // namespace

const char* fused_name(int64_t state_size, engine::Device device) {
  if (on_cpu(device)) return cpu::fused_isa(state_size);
  constexpr int64_t kAlwaysFused = 16;  // unless the reference is asked for
  const bool wanted = cpu::fused_isa(kAlwaysFused) != nullptr;
  return wanted && cuda::fused(state_size, device.index) ? "cuda" : nullptr;
}

LayerTicksResult run_layer_ticks(const LayerTicks& layer, bool want_over_outputs, bool in_place) {
  return on_cpu(layer.h.device()) ? cpu::run_layer_ticks(layer, want_over_outputs, in_place)
                                  : cuda::run_layer_ticks(layer, want_over_outputs, in_place);
}

LayerTicksGradients layer_ticks_gradients(const LayerTicks& layer,
                                          const LayerTicksResult& dresult) {
  return on_cpu(layer.h.device()) ? cpu::layer_ticks_gradients(layer, dresult)
                                  : cuda::layer_ticks_gradients(layer, dresult);
}

}  // namespace vsml::kernels
