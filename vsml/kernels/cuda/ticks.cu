#include "engine/cuda/queue.h"
#include "vsml/kernels/cuda/launch.h"

namespace vsml::kernels::cuda {
namespace {

using engine::cuda::Queue;
using engine::kernels::DeviceBlock;

// Blocks that one multiprocessor should hold: what registers they may have follows from it.
constexpr int kForwardBlocks = 2;
template <int H>
constexpr int kBackwardBlocks = H <= 32 ? 2 : 1;

template <int H, bool normalised, class Hidden, class Memory>
__global__ void __launch_bounds__(kBlockThreads, kForwardBlocks)
    forward_kernel(const __grid_constant__ ForwardWork<Hidden, Memory> work) {
  extern __shared__ Four shared[];
  for (int64_t tile = blockIdx.x; tile < work.in.plan.tiles; tile += gridDim.x) {
    forward_tile<H, normalised>(DeviceBlock{tile}, work, reinterpret_cast<float*>(shared));
  }
}

template <int H, bool normalised, class Hidden, class Memory>
__global__ void __launch_bounds__(kBlockThreads, kBackwardBlocks<H>)
    backward_kernel(const __grid_constant__ BackwardWork<Hidden, Memory> work, float* history,
                    int64_t floats_per_block) {
  extern __shared__ Four shared[];
  float* own = history + blockIdx.x * floats_per_block;
  for (int64_t tile = blockIdx.x; tile < work.in.plan.tiles; tile += gridDim.x) {
    backward_tile<H, normalised>(DeviceBlock{tile}, work, reinterpret_cast<float*>(shared), own);
  }
}

// As much as a block can have, always the same: the limit is the kernel's, for whoever launches it,
// and a graph may replay a launch that needs more than the last one.
template <class Kernel>
void allow_shared_memory(Kernel* kernel, const Queue& queue) {
  ENGINE_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   queue.shared_memory));
}

// What the larger kernel of both needs, with messages of so many channels in both directions.
int64_t shared_bytes(int64_t state_size, int64_t messages) {
  int64_t floats = 0;
  with_state_size(state_size, [&](auto size) {
    constexpr int H = decltype(size)::value;
    const int forward = Geometry<H>::kForwardFloats + forward_message_floats<H>(messages, 2);
    const int backward = Geometry<H>::kBackwardFloats + backward_message_floats<H>(messages, 2);
    floats = forward > backward ? forward : backward;
  });
  return floats * int64_t{sizeof(float)};
}

}  // namespace

bool can_launch(int device, int64_t state_size) {
  const int64_t bytes = shared_bytes(state_size, 0);
  return bytes > 0 && engine::cuda_backend(device) != nullptr &&
         bytes <= engine::cuda::queue_of(device).shared_memory;
}

int64_t most_messages(int device, int64_t state_size) {
  if (!can_launch(device, state_size)) return 0;
  int64_t messages = kMostMessages;
  while (messages > 0 &&
         shared_bytes(state_size, messages) > engine::cuda::queue_of(device).shared_memory) {
    --messages;
  }
  return messages;
}

template <class Hidden, class Memory>
void launch_forward(int device, int64_t state_size, const ForwardWork<Hidden, Memory>& work) {
  if (work.in.plan.tiles == 0) return;
  const Queue& queue = engine::cuda::queue_of(device);
  with_state_size(state_size, [&](auto size) {
    constexpr int H = decltype(size)::value;
    const int64_t bytes = forward_floats<H>(work.in) * int64_t{sizeof(float)};
    auto* kernel = work.in.message_size > 0 ? forward_kernel<H, true, Hidden, Memory>
                                            : forward_kernel<H, false, Hidden, Memory>;
    allow_shared_memory(kernel, queue);
    const auto blocks = static_cast<unsigned>(forward_blocks(work.in.plan));
    kernel<<<blocks, kBlockThreads, static_cast<size_t>(bytes), queue.stream>>>(work);
    ENGINE_CUDA(cudaGetLastError());
  });
}

template <class Hidden, class Memory>
void launch_backward(int device, int64_t state_size, const BackwardWork<Hidden, Memory>& work) {
  if (work.in.plan.tiles == 0) return;
  const Queue& queue = engine::cuda::queue_of(device);
  with_state_size(state_size, [&](auto size) {
    constexpr int H = decltype(size)::value;
    const int64_t bytes = backward_floats<H>(work.in) * int64_t{sizeof(float)};
    auto* kernel = work.in.message_size > 0 ? backward_kernel<H, true, Hidden, Memory>
                                            : backward_kernel<H, false, Hidden, Memory>;
    allow_shared_memory(kernel, queue);
    const int64_t blocks = backward_blocks(work.in.plan);
    const int64_t floats = history_floats(H, work.in.micro_ticks);
    const engine::cuda::Workspace history(queue, blocks * floats * int64_t{sizeof(float)});
    kernel<<<static_cast<unsigned>(blocks), kBlockThreads, static_cast<size_t>(bytes),
             queue.stream>>>(work, history.as<float>(), floats);
    ENGINE_CUDA(cudaGetLastError());
  });
}

template void launch_forward(int, int64_t, const ForwardWork<float, float>&);
template void launch_forward(int, int64_t, const ForwardWork<Bf16, float>&);
template void launch_forward(int, int64_t, const ForwardWork<Bf16, Bf16>&);
template void launch_backward(int, int64_t, const BackwardWork<float, float>&);
template void launch_backward(int, int64_t, const BackwardWork<Bf16, float>&);
template void launch_backward(int, int64_t, const BackwardWork<Bf16, Bf16>&);

}  // namespace vsml::kernels::cuda
