#include "engine/ops/movement.h"

#include <fmt/format.h>

#include "engine/joined.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/op.h"

namespace engine {
namespace {

Strides permuted(const Strides& strides, const std::vector<int>& order) {
  Strides result{};
  for (size_t k = 0; k < order.size(); ++k) result[k] = strides[static_cast<size_t>(order[k])];
  return result;
}

void require_in_range(const char* op, const Tensor& index, int64_t extent) {
  for (const int32_t place : index.to_vector<int32_t>()) {
    if (place < 0 || place >= extent) {
      throw ShapeError(fmt::format("{}: expected indices in [0, {}), got {}", op, extent, place));
    }
  }
}

// The part [first, first + part's extent) of `out` along axis, as a view to write to.
View part_of(const Tensor& out, int axis, int64_t first, int64_t extent) {
  View view = out.view();
  view.data = static_cast<char*>(view.data) + first * view.strides[axis] * size_of(out.dtype());
  view.shape[axis] = extent;
  return view;
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  if (shape == x.shape()) return x;
  if (shape.size() != x.size()) {
    throw_shape_error("reshape", fmt::format("a shape of {} elements", x.size()),
                      {x.shape(), shape});
  }
  Tensor out = x.contiguous().with_layout(shape, contiguous_strides(shape));
  record("reshape", {x}, out, [from = x.shape()](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, reshape(dout, from));
  });
  return out;
}

Tensor reshape_inferred(const Tensor& x, const std::vector<int64_t>& extents) {
  int64_t known = 1;
  for (const int64_t extent : extents) known *= extent == -1 ? 1 : extent;
  Shape shape;
  for (const int64_t extent : extents) {
    shape.push_back(extent != -1 ? extent : known == 0 ? 0 : x.size() / known);
  }
  return reshape(x, shape);
}

Tensor permute(const Tensor& x, const std::vector<int>& order) {
  std::vector<int> axes, inverse(order.size(), -1);
  Shape shape;
  bool valid = static_cast<int>(order.size()) == x.rank();
  for (size_t k = 0; valid && k < order.size(); ++k) {
    const int axis = normal_axis("permute", order[k], x.rank());
    valid = inverse[static_cast<size_t>(axis)] == -1;
    inverse[static_cast<size_t>(axis)] = static_cast<int>(k);
    axes.push_back(axis);
    shape.push_back(x.dim(axis));
  }
  if (!valid) {
    throw ShapeError(fmt::format("permute: expected each axis of {} once, got order [{}]",
                                 to_string(x.shape()), joined(order, ", ")));
  }
  Tensor out = x.with_layout(shape, permuted(x.strides(), axes));
  record("permute", {x}, out, [inverse](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, permute(dout, inverse));
  });
  return out;
}

Tensor transpose(const Tensor& x) {
  if (x.rank() < 2) throw_shape_error("transpose", "at least 2 axes", {x.shape()});
  std::vector<int> order;
  for (int axis = 0; axis < x.rank(); ++axis) order.push_back(axis);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return permute(x, order);
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (shape.rank() < x.rank() || broadcast("broadcast_to", x.shape(), shape) != shape) {
    throw_shape_error("broadcast_to", "a shape that x broadcasts to", {x.shape(), shape});
  }
  const View view = broadcast_view(x, shape);
  Strides strides{};
  for (int axis = 0; axis < view.rank; ++axis) {
    strides[static_cast<size_t>(axis)] = view.strides[axis];
  }
  Tensor out = x.with_layout(shape, strides);
  record("broadcast_to", {x}, out, [from = x.shape()](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, sum_to(dout, from));
  });
  return out;
}

Tensor expand(const Tensor& x, int axis) {
  const int place = normal_axis("expand", axis, x.rank() + 1);
  const Shape shape = x.shape().inserted(place, 1);
  Strides strides{};
  for (int k = 0; k < shape.rank(); ++k) {
    strides[static_cast<size_t>(k)] =
        k == place ? 0 : x.strides()[static_cast<size_t>(k < place ? k : k - 1)];
  }
  Tensor out = x.with_layout(shape, strides);
  record("expand", {x}, out, [from = x.shape()](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, reshape(dout, from));
  });
  return out;
}

Tensor slice(const Tensor& x, int axis, int64_t first, int64_t last) {
  const int along = normal_axis("slice", axis, x.rank());
  const int64_t extent = x.dim(along);
  const int64_t from = first < 0 ? first + extent : first, to = last < 0 ? last + extent : last;
  if (from < 0 || from > to || to > extent) {
    throw ShapeError(
        fmt::format("slice: expected 0 <= first <= last <= {} along axis {} of {}, "
                    "got [{}, {})",
                    extent, axis, to_string(x.shape()), first, last));
  }
  if (from == 0 && to == extent) return x;
  Tensor out = x.with_layout(x.shape().with(along, to - from), x.strides(),
                             from * x.strides()[static_cast<size_t>(along)]);
  record("slice", {x}, out,
         [along, from, after = extent - to](const Tensor& dout, InputGradients& grads) {
           if (grads.wanted(0)) grads.set(0, pad(dout, along, from, after));
         });
  return out;
}

std::vector<Tensor> split(const Tensor& x, int axis, int64_t parts) {
  const int along = normal_axis("split", axis, x.rank());
  const int64_t extent = x.dim(along);
  if (parts < 1 || extent % parts != 0) {
    throw ShapeError(
        fmt::format("split: expected a number of parts that divides axis {} of {}, "
                    "got {}",
                    axis, to_string(x.shape()), parts));
  }
  const Shape shape = x.shape().with(along, extent / parts);
  std::vector<Tensor> out;
  for (int64_t k = 0; k < parts; ++k) {
    out.push_back(x.with_layout(shape, x.strides(),
                                k * shape[along] * x.strides()[static_cast<size_t>(along)]));
  }
  if (Tape::recording({x})) {
    Tape::record("split", {x}, out,
                 [along, shape, dtype = gradient_type(x.dtype()), device = x.device()](
                     const std::vector<Tensor>& douts, InputGradients& grads) {
                   std::vector<Tensor> slices = douts;
                   for (Tensor& slice : slices) {
                     if (!slice.defined()) slice = Tensor::zeros(shape, dtype, device);
                   }
                   if (grads.wanted(0)) grads.set(0, concat(slices, along));
                 });
  }
  return out;
}

Tensor pad(const Tensor& x, int axis, int64_t before, int64_t after) {
  const int along = normal_axis("pad", axis, x.rank());
  if (before < 0 || after < 0) {
    throw ShapeError(fmt::format("pad: expected 0 or more zeros, got {} and {}", before, after));
  }
  const int64_t extent = x.dim(along);
  Tensor out = Tensor::zeros(x.shape().with(along, before + extent + after), x.dtype(), x.device());
  if (x.size() > 0) backend(x.device()).copy(x.view(), part_of(out, along, before, extent));
  record("pad", {x}, out, [along, before, extent](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, slice(dout, along, before, before + extent));
  });
  return out;
}

Tensor concat(const std::vector<Tensor>& parts, int axis) {
  if (parts.empty()) throw ShapeError("concat: expected at least one tensor, got none");
  const int along = normal_axis("concat", axis, parts[0].rank());
  std::vector<int64_t> bounds{0};
  for (const Tensor& part : parts) {
    require_same_device("concat", parts[0], part);
    require_same_dtype("concat", parts[0], part);
    if (part.rank() != parts[0].rank() ||
        part.shape().with(along, 1) != parts[0].shape().with(along, 1)) {
      throw_shape_error("concat", fmt::format("shapes that agree except along axis {}", along),
                        {parts[0].shape(), part.shape()});
    }
    bounds.push_back(bounds.back() + part.dim(along));
  }
  Tensor out = Tensor::empty(parts[0].shape().with(along, bounds.back()), parts[0].dtype(),
                             parts[0].device());
  for (size_t k = 0; k < parts.size(); ++k) {
    if (parts[k].size() == 0) continue;
    backend(out.device())
        .copy(parts[k].view(), part_of(out, along, bounds[k], parts[k].dim(along)));
  }
  record("concat", parts, out, [along, bounds](const Tensor& dout, InputGradients& grads) {
    for (size_t k = 0; k + 1 < bounds.size(); ++k) {
      const int input = static_cast<int>(k);
      if (grads.wanted(input)) grads.set(input, slice(dout, along, bounds[k], bounds[k + 1]));
    }
  });
  return out;
}

Tensor stack(const std::vector<Tensor>& parts, int axis) {
  if (parts.empty()) throw ShapeError("stack: expected at least one tensor, got none");
  std::vector<Tensor> expanded;
  for (const Tensor& part : parts) {
    require_same_device("stack", parts[0], part);
    require_same_dtype("stack", parts[0], part);
    if (part.shape() != parts[0].shape()) {
      throw_shape_error("stack", "tensors of one shape", {parts[0].shape(), part.shape()});
    }
    expanded.push_back(expand(part, axis));
  }
  return concat(expanded, normal_axis("stack", axis, parts[0].rank() + 1));
}

Tensor gather(const Tensor& x, const Tensor& index, int axis) {
  const int along = normal_axis("gather", axis, x.rank());
  require_i32("gather", "index", index);
  require_same_device("gather", x, index);
  if (index.rank() != 1) throw_shape_error("gather", "index [n]", {index.shape()});
  require_in_range("gather", index, x.dim(along));
  Tensor out = Tensor::empty(x.shape().with(along, index.dim(0)), x.dtype(), x.device());
  if (out.size() > 0) {
    backend(x.device()).gather(x.view(), index.contiguous().view(), along, out.view());
  }
  record("gather", {x}, out,
         [index, along, extent = x.dim(along)](const Tensor& dout, InputGradients& grads) {
           if (grads.wanted(0)) grads.set(0, scatter_add(dout, index, along, extent));
         });
  return out;
}

Tensor scatter_add(const Tensor& x, const Tensor& index, int axis, int64_t extent) {
  const int along = normal_axis("scatter_add", axis, x.rank());
  require_i32("scatter_add", "index", index);
  require_same_device("scatter_add", x, index);
  require_number("scatter_add", x);
  if (index.rank() != 1 || index.dim(0) != x.dim(along)) {
    throw_shape_error("scatter_add", fmt::format("index [{}]", x.dim(along)),
                      {x.shape(), index.shape()});
  }
  require_in_range("scatter_add", index, extent);
  Tensor out = Tensor::zeros(x.shape().with(along, extent), x.dtype(), x.device());
  if (x.size() > 0) {
    backend(x.device()).scatter_add(x.view(), index.contiguous().view(), along, out.view());
  }
  record("scatter_add", {x}, out, [index, along](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, gather(dout, index, along));
  });
  return out;
}

Tensor one_hot(const Tensor& index, int64_t classes, DType dtype) {
  require_i32("one_hot", "index", index);
  if (!is_float(dtype)) {
    throw DTypeError(
        fmt::format("one_hot: expected a result of f32 or f64, got {}", name_of(dtype)));
  }
  if (classes < 0) {
    throw ShapeError(fmt::format("one_hot: expected 0 or more classes, got {}", classes));
  }
  require_in_range("one_hot", index, classes);
  std::vector<int32_t> all(static_cast<size_t>(classes));
  for (size_t k = 0; k < all.size(); ++k) all[k] = static_cast<int32_t>(k);
  const Tensor each = Tensor::from(all, {classes}, index.device());
  return cast(equal(expand(index, -1), each), dtype);
}

}  // namespace engine
