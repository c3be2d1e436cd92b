// engine/cuda/check.h: every call of the CUDA runtime goes through ENGINE_CUDA().
#pragma once

#include <cuda_runtime_api.h>

namespace engine::cuda {

// Returns if `status` is success. Else throws ResourceError for memory that is not there, and
// std::runtime_error otherwise, naming the call, the file and the line.
void require_success(cudaError_t status, const char* call, const char* file, int line);

}  // namespace engine::cuda

#define ENGINE_CUDA(call) ::engine::cuda::require_success((call), #call, __FILE__, __LINE__)
