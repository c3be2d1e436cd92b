#include "engine/ops/conv.h"

#include <fmt/format.h>

#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/op.h"

namespace engine {
namespace {

struct Side {
  int64_t patches;  // patches along this side
  int64_t before;   // zeros before the image
};

Side side(const char* op, int64_t extent, int64_t kernel, int64_t stride, Padding padding) {
  if (kernel < 1 || stride < 1) {
    throw ShapeError(fmt::format("{}: expected a kernel and a stride of 1 or more, got {} and {}",
                                 op, kernel, stride));
  }
  if (padding == Padding::Same) {
    const int64_t patches = (extent + stride - 1) / stride;
    return {patches, std::max<int64_t>(0, (patches - 1) * stride + kernel - extent) / 2};
  }
  if (kernel > extent) {
    throw ShapeError(
        fmt::format("{}: expected a kernel within the image, got {} and {}", op, kernel, extent));
  }
  return {(extent - kernel) / stride + 1, 0};
}

}  // namespace

Tensor unfold(const Tensor& image, int64_t kernel_y, int64_t kernel_x, int64_t stride,
              Padding padding) {
  require_float("unfold", image);
  if (image.rank() != 4) throw_shape_error("unfold", "image [N, Y, X, C]", {image.shape()});
  const Side y = side("unfold", image.dim(1), kernel_y, stride, padding);
  const Side x = side("unfold", image.dim(2), kernel_x, stride, padding);
  Tensor out = Tensor::empty({image.dim(0), y.patches, x.patches, kernel_y, kernel_x, image.dim(3)},
                             image.dtype(), image.device());
  if (out.size() > 0) {
    backend(image.device())
        .unfold(image.contiguous().view(), out.view(), stride, y.before, x.before);
  }
  record("unfold", {image}, out,
         [height = image.dim(1), width = image.dim(2), stride, padding](const Tensor& dout,
                                                                        InputGradients& grads) {
           if (grads.wanted(0)) grads.set(0, fold(dout, height, width, stride, padding));
         });
  return out;
}

Tensor fold(const Tensor& patches, int64_t height, int64_t width, int64_t stride, Padding padding) {
  require_float("fold", patches);
  if (patches.rank() != 6) {
    throw_shape_error("fold", "patches [N, Yp, Xp, Ky, Kx, C]", {patches.shape()});
  }
  const Side y = side("fold", height, patches.dim(3), stride, padding);
  const Side x = side("fold", width, patches.dim(4), stride, padding);
  if (y.patches != patches.dim(1) || x.patches != patches.dim(2)) {
    throw_shape_error(
        "fold",
        fmt::format("{} x {} patches of an image of {} x {}", y.patches, x.patches, height, width),
        {patches.shape()});
  }
  Tensor out = Tensor::empty({patches.dim(0), height, width, patches.dim(5)}, patches.dtype(),
                             patches.device());
  if (out.size() > 0) {
    backend(patches.device())
        .fold(patches.contiguous().view(), out.view(), stride, y.before, x.before);
  }
  record("fold", {patches}, out,
         [ky = patches.dim(3), kx = patches.dim(4), stride, padding](const Tensor& dout,
                                                                     InputGradients& grads) {
           if (grads.wanted(0)) grads.set(0, unfold(dout, ky, kx, stride, padding));
         });
  return out;
}

Tensor conv2d(const Tensor& image, const Tensor& kernel, int64_t stride, Padding padding) {
  require_same_device("conv2d", image, kernel);
  require_same_dtype("conv2d", image, kernel);
  require_float("conv2d", image);
  if (image.rank() != 4 || kernel.rank() != 4 || image.dim(3) != kernel.dim(2)) {
    throw_shape_error("conv2d", "image [N, Y, X, C] and kernel [Ky, Kx, C, K]",
                      {image.shape(), kernel.shape()});
  }
  const Tensor patches = unfold(image, kernel.dim(0), kernel.dim(1), stride, padding);
  const int64_t depth = kernel.dim(0) * kernel.dim(1) * kernel.dim(2);
  const Shape places{patches.dim(0), patches.dim(1), patches.dim(2)};
  const Tensor rows = reshape(patches, {places.size(), depth});
  const Tensor out = matmul(rows, reshape(kernel, {depth, kernel.dim(3)}));
  return reshape(out, places + Shape{kernel.dim(3)});
}

}  // namespace engine
