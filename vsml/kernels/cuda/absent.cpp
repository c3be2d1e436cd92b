// vsml/kernels/cuda/absent.cpp: a build without CUDA.
#include "vsml/kernels/cuda/layer_ticks.h"

namespace vsml::kernels::cuda {

bool fused(int64_t, int) {
  return false;
}

int64_t most_fused_messages(int64_t, int) {
  return 0;
}

LayerTicksResult run_layer_ticks(const LayerTicks&, bool, bool) {
  return {};
}

LayerTicksGradients layer_ticks_gradients(const LayerTicks&, const LayerTicksResult&) {
  return {};
}

TickScratch tick_scratch(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t) {
  return {};
}

}  // namespace vsml::kernels::cuda
