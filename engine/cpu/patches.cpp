#include <cstring>

#include "engine/cpu/kernels.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

// Extents of image [N, Y, X, C] and patches [N, Yp, Xp, Ky, Kx, C].
struct Extents {
  Extents(const View& image, const View& patches)
      : images(image.shape[0]),
        height(image.shape[1]),
        width(image.shape[2]),
        channels(image.shape[3]),
        rows(patches.shape[1]),
        columns(patches.shape[2]),
        kernel_y(patches.shape[3]),
        kernel_x(patches.shape[4]) {}
  int64_t images, height, width, channels, rows, columns, kernel_y, kernel_x;
};

// Calls body(pixel offset or -1 if outside, patch offset), in elements of one image, for every
// kernel place of every patch, in order.
template <class Body>
void each_place(const Extents& e, int64_t stride, int64_t pad_y, int64_t pad_x, Body&& body) {
  int64_t place = 0;
  for (int64_t row = 0; row < e.rows; ++row) {
    for (int64_t column = 0; column < e.columns; ++column) {
      for (int64_t ky = 0; ky < e.kernel_y; ++ky) {
        for (int64_t kx = 0; kx < e.kernel_x; ++kx, place += e.channels) {
          const int64_t y = row * stride + ky - pad_y, x = column * stride + kx - pad_x;
          const bool inside = y >= 0 && y < e.height && x >= 0 && x < e.width;
          body(inside ? (y * e.width + x) * e.channels : -1, place);
        }
      }
    }
  }
}

template <class T>
void unfold_typed(const View& image, const View& patches, int64_t stride, int64_t pad_y,
                  int64_t pad_x) {
  const Extents e(image, patches);
  parallel_for(e.images, [&](int64_t n) {
    const T* from = static_cast<const T*>(image.data) + n * e.height * e.width * e.channels;
    T* to = static_cast<T*>(patches.data) +
            n * e.rows * e.columns * e.kernel_y * e.kernel_x * e.channels;
    each_place(e, stride, pad_y, pad_x, [&](int64_t pixel, int64_t place) {
      for (int64_t c = 0; c < e.channels; ++c) to[place + c] = pixel < 0 ? T(0) : from[pixel + c];
    });
  });
}

template <class T>
void fold_typed(const View& patches, const View& image, int64_t stride, int64_t pad_y,
                int64_t pad_x) {
  const Extents e(image, patches);
  parallel_for(e.images, [&](int64_t n) {
    T* to = static_cast<T*>(image.data) + n * e.height * e.width * e.channels;
    const T* from = static_cast<const T*>(patches.data) +
                    n * e.rows * e.columns * e.kernel_y * e.kernel_x * e.channels;
    for (int64_t i = 0; i < e.height * e.width * e.channels; ++i) to[i] = 0;
    each_place(e, stride, pad_y, pad_x, [&](int64_t pixel, int64_t place) {
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
