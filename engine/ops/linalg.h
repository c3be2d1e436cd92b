// engine/ops/linalg.h: matrix products. Floats. "..." stands for batch axes.
#pragma once

#include "engine/tensor.h"

namespace engine {

// Matrix product.
//   a [..., m, k], b [..., k, n]  ->  [..., m, n]     batch axes broadcast
// Gradient: da = dout b^T, db = a^T dout, each summed over broadcast batch axes.
// For a transposed factor pass transpose(b): a view, no copy, BLAS gets the flag. If b is a plain
// matrix [k, n], the batch axes of a are folded into its rows: one large product.
// k may be 0 (the result is zeros).
// Throws ShapeError if a rank is below 2, k differs, or batch axes do not broadcast; DTypeError or
// DeviceError if the operands disagree.
Tensor matmul(const Tensor& a, const Tensor& b);

// Affine map of the last axis: x w + bias, in one pass over the result.
//   x [..., k], w [k, n], bias [n] or any shape that broadcasts to the result  ->  [..., n]
// Throws as matmul.
Tensor affine(const Tensor& x, const Tensor& w, const Tensor& bias);

}  // namespace engine
