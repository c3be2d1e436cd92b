#include "engine/cuda/check.h"

#include <cstring>
#include <fmt/format.h>
#include <stdexcept>

#include "engine/error.h"

namespace engine::cuda {

void require_success(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) return;
  const char* slash = std::strrchr(file, '/');
  const std::string message = fmt::format("CUDA: {}:{}: {}: expected success, got {} ({})",
                                          slash == nullptr ? file : slash + 1, line, call,
                                          cudaGetErrorName(status), cudaGetErrorString(status));
  if (status == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();  // the device goes on
    throw ResourceError(message, "use a smaller population, chunk_size, network or memory_budget");
  }
  throw std::runtime_error(message);
}

}  // namespace engine::cuda
