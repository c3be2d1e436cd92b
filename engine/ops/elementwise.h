// engine/ops/elementwise.h: functions of single elements.
//
// Inputs are not modified; a result is new storage on the inputs' device and is recorded on the
// active tapes. Two operands broadcast (extents equal or 1, aligned at the last axis) and must
// agree in dtype and device. Throws ShapeError, DTypeError, DeviceError before any work. Unless
// said otherwise a function takes f32 or f64; "numbers" takes i32 too.
#pragma once

#include "engine/tensor.h"

namespace engine {

// Numbers. Gradients are summed over broadcast axes.
Tensor add(const Tensor& a, const Tensor& b);
Tensor subtract(const Tensor& a, const Tensor& b);
Tensor multiply(const Tensor& a, const Tensor& b);
Tensor divide(const Tensor& a, const Tensor& b);  // floats only
// Numbers. The gradient goes to the larger (smaller) operand; where they are equal, to a.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);

// Numbers. 1 where true, else 0, in the operands' dtype; not differentiable (gradient 0).
Tensor equal(const Tensor& a, const Tensor& b);
Tensor less(const Tensor& a, const Tensor& b);
Tensor less_equal(const Tensor& a, const Tensor& b);
Tensor greater(const Tensor& a, const Tensor& b);
Tensor greater_equal(const Tensor& a, const Tensor& b);
// a where mask is not 0, else b. All three broadcast and have one dtype.
Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b);

// Numbers.
Tensor negate(const Tensor& x);
Tensor square(const Tensor& x);
Tensor abs(const Tensor& x);   // gradient at 0: 0
Tensor sign(const Tensor& x);  // -1, 0, 1; gradient 0
Tensor relu(const Tensor& x);  // max(x, 0); gradient at 0: 0

Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);   // 1 / (1 + exp(-x))
Tensor softplus(const Tensor& x);  // log(1 + exp(x)), without overflow
Tensor reciprocal(const Tensor& x);

// a tanh'(x) and a sigmoid'(x), from y = tanh(x) and y = sigmoid(x): what the gradients of tanh and
// sigmoid are made of, in one pass over memory. a and y broadcast.
Tensor tanh_slope(const Tensor& a, const Tensor& y);     // a (1 - y^2)
Tensor sigmoid_slope(const Tensor& a, const Tensor& y);  // a y (1 - y)

// The same values in another dtype (float to i32 truncates; bf16 is rounded to the nearest,
// ties to even). Differentiable between all but i32; the gradient of a bf16 tensor is f32.
Tensor cast(const Tensor& x, DType dtype);

// Sums x over the axes along which `shape` was broadcast to x's shape; the result has shape
// `shape`. The adjoint of broadcasting. Throws ShapeError if `shape` does not broadcast to x's.
Tensor sum_to(const Tensor& x, const Shape& shape);

// A scalar operand takes the other's dtype and device.
Tensor add(const Tensor& a, double b);
Tensor multiply(const Tensor& a, double b);

inline Tensor operator+(const Tensor& a, const Tensor& b) {
  return add(a, b);
}
inline Tensor operator-(const Tensor& a, const Tensor& b) {
  return subtract(a, b);
}
inline Tensor operator*(const Tensor& a, const Tensor& b) {
  return multiply(a, b);
}
inline Tensor operator/(const Tensor& a, const Tensor& b) {
  return divide(a, b);
}
inline Tensor operator-(const Tensor& a) {
  return negate(a);
}
inline Tensor operator+(const Tensor& a, double b) {
  return add(a, b);
}
inline Tensor operator-(const Tensor& a, double b) {
  return add(a, -b);
}
inline Tensor operator*(const Tensor& a, double b) {
  return multiply(a, b);
}
inline Tensor operator*(double a, const Tensor& b) {
  return multiply(b, a);
}
inline Tensor operator/(const Tensor& a, double b) {
  return multiply(a, 1 / b);
}

}  // namespace engine
