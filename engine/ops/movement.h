// engine/ops/movement.h: the same elements in another arrangement.
//
// Functions marked "view" copy nothing: the result shares the input's storage. All are
// differentiable in the elements. Any dtype. Throws ShapeError naming the op.
#pragma once

#include <vector>

#include "engine/tensor.h"

namespace engine {

// The same elements in row-major order with another shape; a view if x is contiguous. Throws if the
// sizes differ.
Tensor reshape(const Tensor& x, const Shape& shape);
// The same; one extent may be -1 and follows from the others.
Tensor reshape_inferred(const Tensor& x, const std::vector<int64_t>& extents);

// Axis k of the result is axis order[k] of x. View.
Tensor permute(const Tensor& x, const std::vector<int>& order);
// The last two axes exchanged. View; rank at least 2.
Tensor transpose(const Tensor& x);

// x repeated along axes of extent 1 and new leading axes. View.
Tensor broadcast_to(const Tensor& x, const Shape& shape);
// A new axis of extent 1 before `axis`. View.
Tensor expand(const Tensor& x, int axis);

// Elements [first, last) along an axis; negative counts from the end. View. Throws unless
// 0 <= first <= last <= extent.
Tensor slice(const Tensor& x, int axis, int64_t first, int64_t last);
// x cut into `parts` equal slices along an axis, recorded as one op: the gradient is one concat,
// not a sum of padded slices. Views. Throws unless `parts` divides the extent.
std::vector<Tensor> split(const Tensor& x, int axis, int64_t parts);
// x with `before` and `after` zeros along an axis.
Tensor pad(const Tensor& x, int axis, int64_t before, int64_t after);

// Tensors one after another along an axis; the other extents, dtypes and devices agree.
Tensor concat(const std::vector<Tensor>& parts, int axis);
// Tensors of one shape side by side along a new axis.
Tensor stack(const std::vector<Tensor>& parts, int axis);

// x with `axis` indexed by index [n] (i32): result has n there. Throws ShapeError for an index
// outside [0, extent). Gradient: scatter_add.
Tensor gather(const Tensor& x, const Tensor& index, int axis);
// zeros with extent `extent` along `axis`, plus x[j] added at index[j], in order of j.
Tensor scatter_add(const Tensor& x, const Tensor& index, int axis, int64_t extent);

// [...] i32 -> [..., classes] with 1 at the index, in a float dtype. Throws ShapeError for an index
// outside [0, classes).
Tensor one_hot(const Tensor& index, int64_t classes, DType dtype);

}  // namespace engine
