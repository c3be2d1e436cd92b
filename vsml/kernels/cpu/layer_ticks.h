// vsml/kernels/cpu/layer_ticks.h: the fused ticks of whole layers on the CPU, whose tiles run in
// parallel.
#pragma once

#include "vsml/kernels/layer_ticks.h"

namespace vsml::kernels::cpu {

// The instruction set in use, if there are fused ticks for cells of this state size; else null.
const char* fused_isa(int64_t state_size);

// See the functions of the same name in vsml/kernels/layer_ticks.h.
LayerTicksResult run_layer_ticks(const LayerTicks& layer, bool want_over_outputs, bool in_place);
LayerTicksGradients layer_ticks_gradients(const LayerTicks& layer, const LayerTicksResult& dresult);

}  // namespace vsml::kernels::cpu
