#include "engine/cuda/kernels.h"
#include "engine/kernels/patches.h"

namespace engine::cuda {
namespace {

using kernels::PatchGrid;

template <class T>
__global__ void unfold_elements(PatchGrid grid, const T* images, T* patches, int64_t count) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step) {
    const int64_t n = i / kernels::patches_size(grid);
    patches[i] = kernels::unfolded(grid, images + n * kernels::image_size(grid),
                                   i % kernels::patches_size(grid));
  }
}

template <class T>
__global__ void fold_pixels(PatchGrid grid, const T* patches, T* images, int64_t count) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step) {
    const int64_t n = i / kernels::image_size(grid);
    images[i] = kernels::folded(grid, patches + n * kernels::patches_size(grid),
                                i % kernels::image_size(grid));
  }
}

}  // namespace

void unfold(const Queue& queue, const View& image, const View& patches, int64_t stride,
            int64_t pad_y, int64_t pad_x) {
  const PatchGrid grid = kernels::patch_grid(image, patches, stride, pad_y, pad_x);
  const int64_t count = element_count(patches);
  if (count == 0) return;
  const auto launch = [&](auto zero) {
    using T = decltype(zero);
    unfold_elements<<<blocks_for(count), kernels::kBlockThreads, 0, queue.stream>>>(
        grid, static_cast<const T*>(image.data), static_cast<T*>(patches.data), count);
    ENGINE_CUDA(cudaGetLastError());
  };
  if (image.dtype == DType::f32) return launch(float{});
  launch(double{});
}

void fold(const Queue& queue, const View& patches, const View& image, int64_t stride, int64_t pad_y,
          int64_t pad_x) {
  const PatchGrid grid = kernels::patch_grid(image, patches, stride, pad_y, pad_x);
  const int64_t count = element_count(image);
  if (count == 0) return;
  const auto launch = [&](auto zero) {
    using T = decltype(zero);
    fold_pixels<<<blocks_for(count), kernels::kBlockThreads, 0, queue.stream>>>(
        grid, static_cast<const T*>(patches.data), static_cast<T*>(image.data), count);
    ENGINE_CUDA(cudaGetLastError());
  };
  if (image.dtype == DType::f32) return launch(float{});
  launch(double{});
}

}  // namespace engine::cuda
