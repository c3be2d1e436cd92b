#include "engine/ops/linalg.h"

#include <algorithm>

#include "engine/kernels/matrix.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/op.h"

namespace engine {
namespace {

void check(const char* op, const Tensor& a, const Tensor& b) {
  require_same_device(op, a, b);
  require_same_dtype(op, a, b);
  require_float(op, a);
  if (a.rank() < 2 || b.rank() < 2 || a.dim(-1) != b.dim(-2)) {
    throw_shape_error(op, "[..., m, k] x [..., k, n]", {a.shape(), b.shape()});
  }
}

// out = (accumulate ? out : 0) + a b; allocated here unless accumulating into `out`.
Tensor run(const Tensor& a, const Tensor& b, const Shape& batch, Tensor out, bool accumulate) {
  const Tensor left = kernels::matrix_layout(a.view()).readable ? a : a.contiguous();
  const Tensor right = kernels::matrix_layout(b.view()).readable ? b : b.contiguous();
  if (!out.defined())
    out = Tensor::empty(batch + Shape{a.dim(-2), b.dim(-1)}, a.dtype(), a.device());
  if (out.size() > 0) {
    // Only the batch axes are broadcast: the matrices' own extents differ from the result's.
    View x = broadcast_view(left, batch + left.shape().part(left.rank() - 2, left.rank()));
    View y = broadcast_view(right, batch + right.shape().part(right.rank() - 2, right.rank()));
    for (int axis : {1, 2}) {
      x.strides[x.rank - axis] = left.strides()[static_cast<size_t>(left.rank() - axis)];
      y.strides[y.rank - axis] = right.strides()[static_cast<size_t>(right.rank() - axis)];
    }
    backend(a.device()).matmul(x, y, out.view(), accumulate);
  }
  return out;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  check("matmul", a, b);
  if (b.rank() == 2 && a.rank() > 2) {
    const Shape rows{a.size() / std::max<int64_t>(1, a.dim(-1)), a.dim(-1)};
    if (a.dim(-1) > 0) return reshape(matmul(reshape(a, rows), b), a.shape().with(-1, b.dim(-1)));
  }
  const Shape batch =
      broadcast("matmul", a.shape().part(0, a.rank() - 2), b.shape().part(0, b.rank() - 2));
  Tensor out = run(a, b, batch, Tensor(), false);
  record("matmul", {a, b}, out, [a, b](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, sum_to(matmul(dout, transpose(b)), a.shape()));
    if (grads.wanted(1)) grads.set(1, sum_to(matmul(transpose(a), dout), b.shape()));
  });
  return out;
}

Tensor affine(const Tensor& x, const Tensor& w, const Tensor& bias) {
  check("affine", x, w);
  require_same_device("affine", x, bias);
  require_same_dtype("affine", x, bias);
  if (w.rank() != 2) throw_shape_error("affine", "w [k, n]", {w.shape()});
  const Shape shape = x.shape().with(-1, w.dim(-1));
  if (bias.rank() > shape.rank() || broadcast("affine", bias.shape(), shape) != shape) {
    throw_shape_error("affine", "a bias that broadcasts to the result", {bias.shape(), shape});
  }
  Tensor out = Tensor::empty(shape, x.dtype(), x.device());
  if (out.size() > 0) {
    backend(x.device()).copy(broadcast_view(bias, shape), out.view());
    const Shape rows{out.size() / w.dim(-1), x.dim(-1)};
    run(x.contiguous().with_layout(rows, contiguous_strides(rows)), w, {},
        out.with_layout({rows[0], w.dim(-1)}, contiguous_strides({rows[0], w.dim(-1)})), true);
  }
  record("affine", {x, w, bias}, out,
         [x, w, shape = bias.shape()](const Tensor& dout, InputGradients& grads) {
           if (grads.wanted(0)) grads.set(0, matmul(dout, transpose(w)));
           if (grads.wanted(1)) {
             const Tensor rows = reshape(x, {x.shape().part(0, x.rank() - 1).size(), w.dim(0)});
             grads.set(1, matmul(transpose(rows), reshape(dout, {rows.dim(0), w.dim(1)})));
           }
           if (grads.wanted(2)) grads.set(2, sum_to(dout, shape));
         });
  return out;
}

}  // namespace engine
