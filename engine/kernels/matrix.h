// engine/kernels/matrix.h: the last two axes of a view as a matrix that BLAS can read, shared by
// whoever asks for products and whoever computes them.
#pragma once

#include <cstdint>

#include "engine/kernels/view.h"

namespace engine::kernels {

// A row-major matrix, or the transpose of one, whose rows begin `leading` elements apart.
struct MatrixLayout {
  bool readable = false;  // false: BLAS cannot read it
  bool transposed = false;
  int64_t leading = 1;
};

inline MatrixLayout matrix_layout(const View& view) {
  const auto at_least_1 = [](int64_t x) { return x < 1 ? int64_t{1} : x; };
  const int64_t rows = view.shape[view.rank - 2], columns = view.shape[view.rank - 1];
  const int64_t row_step = view.strides[view.rank - 2], column_step = view.strides[view.rank - 1];
  // A step of 0 repeats; BLAS has no way to say that.
  if ((columns <= 1 || column_step == 1) && (rows <= 1 || row_step >= at_least_1(columns))) {
    return {true, false, at_least_1(rows <= 1 ? columns : row_step)};
  }
  if ((rows <= 1 || row_step == 1) && (columns <= 1 || column_step >= at_least_1(rows))) {
    return {true, true, at_least_1(columns <= 1 ? rows : column_step)};
  }
  return {};
}

// Elements from the first matrix to matrix `batch` of a view's batch axes, in row-major order.
inline int64_t matrix_offset(const View& view, int64_t batch) {
  int64_t offset = 0;
  for (int axis = view.rank - 3; axis >= 0; --axis) {
    offset += batch % view.shape[axis] * view.strides[axis];
    batch /= view.shape[axis];
  }
  return offset;
}

}  // namespace engine::kernels
