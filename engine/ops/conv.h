// engine/ops/conv.h: convolution of images. Floats; channels are the last axis.
#pragma once

#include "engine/tensor.h"

namespace engine {

// Same: ceil(Y / stride) rows, zeros around the image, the extra one (if the sum is odd) after it.
// Valid: floor((Y - Ky) / stride) + 1 rows, no zeros. Columns likewise.
enum class Padding { Same, Valid };

// Every patch that a kernel of extent Ky x Kx sees (im2col).
//   image [N, Y, X, C]  ->  [N, Yp, Xp, Ky, Kx, C]
// Gradient: fold. Throws ShapeError for a wrong rank, a stride or extent below 1, or a kernel
// larger than the image under Valid.
Tensor unfold(const Tensor& image, int64_t kernel_y, int64_t kernel_x, int64_t stride,
              Padding padding);
// The adjoint of unfold: patches added up at their places in images of Y x X.
//   patches [N, Yp, Xp, Ky, Kx, C]  ->  [N, Y, X, C]
Tensor fold(const Tensor& patches, int64_t height, int64_t width, int64_t stride, Padding padding);

// Cross-correlation, as neural networks call convolution:
//   out[n, y, x, k] = sum over ky, kx, c of image[n, y s + ky - pad, x s + kx - pad, c]
//                     kernel[ky, kx, c, k]
//   image [N, Y, X, C], kernel [Ky, Kx, C, K]  ->  [N, Yp, Xp, K]
// Throws as unfold, and if C differs.
Tensor conv2d(const Tensor& image, const Tensor& kernel, int64_t stride = 1,
              Padding padding = Padding::Same);

}  // namespace engine
