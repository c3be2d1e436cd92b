// vsml/kernels/cuda/layer_ticks.h: the fused ticks of whole layers on a GPU; absent.cpp has none.
#pragma once

#include "vsml/kernels/layer_ticks.h"

namespace vsml::kernels::cuda {

// Whether there are fused ticks for cells of this state size on a device that is present.
bool fused(int64_t state_size, int device);
int64_t most_fused_messages(int64_t state_size, int device);

// See the functions of the same name in vsml/kernels/layer_ticks.h.
LayerTicksResult run_layer_ticks(const LayerTicks& layer, bool want_over_outputs, bool in_place);
LayerTicksGradients layer_ticks_gradients(const LayerTicks& layer, const LayerTicksResult& dresult);

TickScratch tick_scratch(int64_t layers, int64_t inputs, int64_t outputs, int64_t state_size,
                         int64_t micro_ticks, int64_t messages);

}  // namespace vsml::kernels::cuda
