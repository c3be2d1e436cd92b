// vsml/kernels/cuda/launch.h: the fused kernels as functions that can be called from C++.
#pragma once

#include "vsml/kernels/cuda/backward_block.h"
#include "vsml/kernels/cuda/forward_block.h"

namespace vsml::kernels::cuda {

// Cuts of both directions, for state sizes 8, 16, 32 and 64.
TilePlan forward_plan(int64_t layers, int64_t inputs, int64_t outputs, int64_t state_size);
TilePlan backward_plan(int64_t layers, int64_t inputs, int64_t outputs, int64_t state_size);

// Bytes of shared memory that the kernels need; 0 for another state size.
int64_t shared_memory(int64_t state_size);

// On the device's stream. launch_backward() allocates the history of its blocks.
void launch_forward(int device, int64_t state_size, const ForwardWork& work);
void launch_backward(int device, int64_t state_size, const BackwardWork& work);

}  // namespace vsml::kernels::cuda
