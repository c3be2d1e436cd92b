// engine/cuda/absent.cpp: all there is of CUDA in a build without it.
#include "engine/backend.h"

namespace engine {

Backend* cuda_backend(int) {
  return nullptr;
}

std::string cuda_absence(int) {
  return "this build has no CUDA";
}

}  // namespace engine
