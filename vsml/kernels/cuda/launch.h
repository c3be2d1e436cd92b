// vsml/kernels/cuda/launch.h: the fused kernels as functions that can be called from C++.
#pragma once

#include "vsml/kernels/cuda/backward_block.h"
#include "vsml/kernels/cuda/forward_block.h"

namespace vsml::kernels::cuda {

// Whether a device that may be present has fused kernels for this state size.
bool can_launch(int device, int64_t state_size);

// Channels, of each direction, up to which they have room for normalised messages.
int64_t most_messages(int device, int64_t state_size);

// On the device's stream, for h and c of the types that with_state_types() knows. launch_backward()
// allocates the history of its blocks.
template <class Hidden, class Memory>
void launch_forward(int device, int64_t state_size, const ForwardWork<Hidden, Memory>& work);
template <class Hidden, class Memory>
void launch_backward(int device, int64_t state_size, const BackwardWork<Hidden, Memory>& work);

}  // namespace vsml::kernels::cuda
