// engine/ops/reduce.h: sums, means and extremes over axes.
//
// `axes` lists axes to reduce (negative counts from the end); an empty list means all of them.
// KeepAxes::Yes keeps a reduced axis with extent 1. Sums accumulate in double, in an order that
// depends on the shape alone. Throws ShapeError for an axis that is not there or named twice.
#pragma once

#include <vector>

#include "engine/tensor.h"

namespace engine {

enum class KeepAxes { No, Yes };

// Numbers; the sum of nothing is 0.
Tensor sum(const Tensor& x, const std::vector<int>& axes = {}, KeepAxes keep = KeepAxes::No);
// Floats. Throws ShapeError if there is nothing to average.
Tensor mean(const Tensor& x, const std::vector<int>& axes = {}, KeepAxes keep = KeepAxes::No);
// Numbers. The gradient is shared equally by all elements that attain the maximum. NaN if any is.
// Throws ShapeError if there is nothing to choose from.
Tensor max(const Tensor& x, const std::vector<int>& axes = {}, KeepAxes keep = KeepAxes::No);
Tensor min(const Tensor& x, const std::vector<int>& axes = {}, KeepAxes keep = KeepAxes::No);

// Index (i32) of the first largest element along an axis, which is dropped; a NaN counts as
// largest. Not differentiable. Throws ShapeError if the axis is empty.
Tensor argmax(const Tensor& x, int axis);

}  // namespace engine
