// engine/kernels/patches.h: which pixel a place of a patch is, for host and device.
#pragma once

#include <cstdint>

#include "engine/kernels/view.h"

namespace engine::kernels {

// Of image [N, height, width, channels] and patches [N, rows, columns, kernel_y, kernel_x,
// channels].
struct PatchGrid {
  int64_t images, height, width, channels, rows, columns, kernel_y, kernel_x;
  int64_t stride, pad_y, pad_x;
};

// Elements of one image, and of its patches.
ENGINE_HD int64_t image_size(const PatchGrid& grid) {
  return grid.height * grid.width * grid.channels;
}
ENGINE_HD int64_t patches_size(const PatchGrid& grid) {
  return grid.rows * grid.columns * grid.kernel_y * grid.kernel_x * grid.channels;
}

inline PatchGrid patch_grid(const View& image, const View& patches, int64_t stride, int64_t pad_y,
                            int64_t pad_x) {
  return {image.shape[0],
          image.shape[1],
          image.shape[2],
          image.shape[3],
          patches.shape[1],
          patches.shape[2],
          patches.shape[3],
          patches.shape[4],
          stride,
          pad_y,
          pad_x};
}

// The pixel (its offset in an image, over channels) at place (ky, kx) of patch (row, column); -1
// outside the image.
ENGINE_HD int64_t pixel_of(const PatchGrid& grid, int64_t row, int64_t column, int64_t ky,
                           int64_t kx) {
  const int64_t y = row * grid.stride + ky - grid.pad_y, x = column * grid.stride + kx - grid.pad_x;
  const bool inside = y >= 0 && y < grid.height && x >= 0 && x < grid.width;
  return inside ? (y * grid.width + x) * grid.channels : -1;
}

// The first and last of `count` patches along one axis that hold place `at`, which is counted from
// the padding's begin; first > last if none does.
ENGINE_HD void patches_with(int64_t at, int64_t kernel, int64_t stride, int64_t count,
                            int64_t& first, int64_t& last) {
  first = at < kernel ? 0 : (at - kernel) / stride + 1;
  last = at / stride;
  if (last >= count) last = count - 1;
}

// What fold() puts at pixel `index` (over height, width, channels) of an image whose patches are
// `patches`: the sum over them in order.
template <class T>
ENGINE_HD T folded(const PatchGrid& grid, const T* patches, int64_t index) {
  const int64_t channel = index % grid.channels, x = index / grid.channels % grid.width;
  const int64_t y = index / grid.channels / grid.width;
  int64_t first_row = 0, last_row = 0, first_column = 0, last_column = 0;
  patches_with(y + grid.pad_y, grid.kernel_y, grid.stride, grid.rows, first_row, last_row);
  patches_with(x + grid.pad_x, grid.kernel_x, grid.stride, grid.columns, first_column, last_column);
  T total = 0;
  for (int64_t row = first_row; row <= last_row; ++row) {
    const int64_t ky = y + grid.pad_y - row * grid.stride;
    for (int64_t column = first_column; column <= last_column; ++column) {
      const int64_t kx = x + grid.pad_x - column * grid.stride;
      const int64_t patch = row * grid.columns + column;
      const int64_t place = (patch * grid.kernel_y + ky) * grid.kernel_x + kx;
      total += patches[place * grid.channels + channel];
    }
  }
  return total;
}

// What unfold() puts at element `index` of an image's patches.
template <class T>
ENGINE_HD T unfolded(const PatchGrid& grid, const T* image, int64_t index) {
  const int64_t channel = index % grid.channels;
  index /= grid.channels;
  const int64_t kx = index % grid.kernel_x;
  index /= grid.kernel_x;
  const int64_t ky = index % grid.kernel_y;
  index /= grid.kernel_y;
  const int64_t pixel = pixel_of(grid, index / grid.columns, index % grid.columns, ky, kx);
  return pixel < 0 ? T(0) : image[pixel + channel];
}

}  // namespace engine::kernels
