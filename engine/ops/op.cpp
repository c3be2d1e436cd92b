#include "engine/ops/op.h"

#include <fmt/format.h>

namespace engine {

void require_same_dtype(const char* op, const Tensor& a, const Tensor& b) {
  if (a.dtype() == b.dtype()) return;
  throw DTypeError(
      fmt::format("{}: expected operands of one dtype, got {} {} and {} {}", op, name_of(a.dtype()),
                  to_string(a.shape()), name_of(b.dtype()), to_string(b.shape())),
      "convert one of them with cast()");
}

void require_same_device(const char* op, const Tensor& a, const Tensor& b) {
  if (a.device() == b.device()) return;
  throw DeviceError(fmt::format("{}: expected operands on one device, got {} and {}", op,
                                to_string(a.device()), to_string(b.device())));
}

void require_number(const char* op, const Tensor& tensor) {
  if (tensor.dtype() != DType::bf16) return;
  throw DTypeError(
      fmt::format("{}: expected f32, f64 or i32, got bf16 {}", op, to_string(tensor.shape())),
      "convert it with cast(): bf16 is only for keeping numbers");
}

void require_float(const char* op, const Tensor& tensor) {
  if (is_float(tensor.dtype())) return;
  throw DTypeError(fmt::format("{}: expected f32 or f64, got {} {}", op, name_of(tensor.dtype()),
                               to_string(tensor.shape())));
}

void require_i32(const char* op, const char* what, const Tensor& tensor) {
  if (tensor.dtype() == DType::i32) return;
  throw DTypeError(fmt::format("{}: expected {} of i32, got {} {}", op, what,
                               name_of(tensor.dtype()), to_string(tensor.shape())));
}

void throw_shape_error(const char* op, const std::string& rule, const std::vector<Shape>& got) {
  std::string shapes;
  for (const Shape& shape : got) shapes += (shapes.empty() ? "" : " and ") + to_string(shape);
  throw ShapeError(fmt::format("{}: expected {}, got {}", op, rule, shapes));
}

View broadcast_view(const Tensor& tensor, const Shape& shape) {
  const View from = tensor.view();
  View view;
  view.data = from.data;
  view.dtype = from.dtype;
  view.rank = shape.rank();
  const int missing = shape.rank() - tensor.rank();
  for (int axis = 0; axis < shape.rank(); ++axis) {
    view.shape[axis] = shape[axis];
    const bool repeats = axis < missing || tensor.dim(axis - missing) == 1;
    view.strides[axis] = repeats ? 0 : from.strides[axis - missing];
  }
  return view;
}

}  // namespace engine
