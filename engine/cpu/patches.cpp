#include "engine/kernels/patches.h"

#include <cstring>

#include "engine/cpu/kernels.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

using kernels::PatchGrid;

// Calls body(pixel offset or -1 if outside, patch offset), in elements of one image, for every
// kernel place of every patch, in order.
template <class Body>
void each_place(const PatchGrid& e, Body&& body) {
  int64_t place = 0;
  for (int64_t row = 0; row < e.rows; ++row) {
    for (int64_t column = 0; column < e.columns; ++column) {
      for (int64_t ky = 0; ky < e.kernel_y; ++ky) {
        for (int64_t kx = 0; kx < e.kernel_x; ++kx, place += e.channels) {
          body(kernels::pixel_of(e, row, column, ky, kx), place);
        }
      }
    }
  }
}

template <class T>
void unfold_typed(const View& image, const View& patches, int64_t stride, int64_t pad_y,
                  int64_t pad_x) {
  const PatchGrid e = kernels::patch_grid(image, patches, stride, pad_y, pad_x);
  parallel_for(e.images, [&](int64_t n) {
    const T* from = static_cast<const T*>(image.data) + n * kernels::image_size(e);
    T* to = static_cast<T*>(patches.data) + n * kernels::patches_size(e);
    each_place(e, [&](int64_t pixel, int64_t place) {
      for (int64_t c = 0; c < e.channels; ++c) to[place + c] = pixel < 0 ? T(0) : from[pixel + c];
    });
  });
}

template <class T>
void fold_typed(const View& patches, const View& image, int64_t stride, int64_t pad_y,
                int64_t pad_x) {
  const PatchGrid e = kernels::patch_grid(image, patches, stride, pad_y, pad_x);
  parallel_for(e.images, [&](int64_t n) {
    T* to = static_cast<T*>(image.data) + n * kernels::image_size(e);
    const T* from = static_cast<const T*>(patches.data) + n * kernels::patches_size(e);
    for (int64_t i = 0; i < kernels::image_size(e); ++i) to[i] = 0;
    each_place(e, [&](int64_t pixel, int64_t place) {
      for (int64_t c = 0; pixel >= 0 && c < e.channels; ++c) to[pixel + c] += from[place + c];
    });
  });
}

}  // namespace

void unfold(const View& image, const View& patches, int64_t stride, int64_t pad_y, int64_t pad_x) {
  if (image.dtype == DType::f32) return unfold_typed<float>(image, patches, stride, pad_y, pad_x);
  unfold_typed<double>(image, patches, stride, pad_y, pad_x);
}

void fold(const View& patches, const View& image, int64_t stride, int64_t pad_y, int64_t pad_x) {
  if (image.dtype == DType::f32) return fold_typed<float>(patches, image, stride, pad_y, pad_x);
  fold_typed<double>(patches, image, stride, pad_y, pad_x);
}

}  // namespace engine::cpu
