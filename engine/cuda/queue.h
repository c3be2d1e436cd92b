// engine/cuda/queue.h: where work for a GPU goes. All of a device's kernels and copies are on one
// stream, in the order in which they were asked for: memory that was released may be handed out
// again at once.
#pragma once

#include <cuda_runtime_api.h>

#include "engine/backend.h"
#include "engine/cuda/check.h"
#include "engine/kernels/block.h"

namespace engine::cuda {

struct Queue {
  int index = 0;  // of the device
  cudaStream_t stream = nullptr;
  Backend* backend = nullptr;  // for memory
  int shared_memory = 0;       // most bytes that one block can have
};

// The queue of a device that is present, which becomes the calling thread's device.
const Queue& queue_of(int index);

// Device memory for the kernels that are launched while it is in scope.
class Workspace {
 public:
  Workspace(const Queue& queue, int64_t bytes)
      : backend_(*queue.backend), bytes_(bytes), data_(backend_.allocate(bytes)) {}
  ~Workspace() { backend_.release(data_, bytes_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  Backend& backend_;
  int64_t bytes_;
  void* data_;
};

// Blocks for `count` threads' worth of work whose kernel goes on in steps of the grid.
inline unsigned blocks_for(int64_t count) {
  constexpr int64_t kMost = int64_t{1} << 20;
  const int64_t blocks = (count + kernels::kBlockThreads - 1) / kernels::kBlockThreads;
  return static_cast<unsigned>(blocks < kMost ? blocks : kMost);
}

}  // namespace engine::cuda
