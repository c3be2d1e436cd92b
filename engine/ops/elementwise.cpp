#include "engine/ops/elementwise.h"

#include <fmt/format.h>

#include "engine/ops/movement.h"
#include "engine/ops/op.h"
#include "engine/ops/reduce.h"

namespace engine {
namespace {

// Check, allocate and run; the caller records.
Tensor run_binary(const char* op, BinaryOp kind, const Tensor& a, const Tensor& b) {
  require_same_device(op, a, b);
  require_same_dtype(op, a, b);
  require_number(op, a);
  const Shape shape = broadcast(op, a.shape(), b.shape());
  Tensor out = Tensor::empty(shape, a.dtype(), a.device());
  if (out.size() > 0) {
    backend(a.device())
        .binary(kind, broadcast_view(a, shape), broadcast_view(b, shape), out.view());
  }
  return out;
}

Tensor run_unary(const char* op, UnaryOp kind, const Tensor& x) {
  require_number(op, x);
  Tensor out = Tensor::empty(x.shape(), x.dtype(), x.device());
  if (out.size() > 0) backend(x.device()).unary(kind, x.view(), out.view());
  return out;
}

// dx = slope(dout).
template <class Slope>
Tensor unary(const char* op, UnaryOp kind, const Tensor& x, Slope&& slope) {
  Tensor out = run_unary(op, kind, x);
  record(op, {x}, out, [slope](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, slope(dout));
  });
  return out;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  Tensor out = run_binary("add", BinaryOp::Add, a, b);
  record("add", {a, b}, out,
         [x = a.shape(), y = b.shape()](const Tensor& dout, InputGradients& grads) {
           if (grads.wanted(0)) grads.set(0, sum_to(dout, x));
           if (grads.wanted(1)) grads.set(1, sum_to(dout, y));
         });
  return out;
}

Tensor subtract(const Tensor& a, const Tensor& b) {
  Tensor out = run_binary("subtract", BinaryOp::Subtract, a, b);
  record("subtract", {a, b}, out,
         [x = a.shape(), y = b.shape()](const Tensor& dout, InputGradients& grads) {
           if (grads.wanted(0)) grads.set(0, sum_to(dout, x));
           if (grads.wanted(1)) grads.set(1, negate(sum_to(dout, y)));
         });
  return out;
}

Tensor multiply(const Tensor& a, const Tensor& b) {
  Tensor out = run_binary("multiply", BinaryOp::Multiply, a, b);
  record("multiply", {a, b}, out, [a, b](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, sum_to(multiply(dout, b), a.shape()));
    if (grads.wanted(1)) grads.set(1, sum_to(multiply(dout, a), b.shape()));
  });
  return out;
}

Tensor divide(const Tensor& a, const Tensor& b) {
  require_float("divide", a);
  Tensor out = run_binary("divide", BinaryOp::Divide, a, b);
  record("divide", {a, b}, out, [a, b](const Tensor& dout, InputGradients& grads) {
    const Tensor da = divide(dout, b);
    if (grads.wanted(0)) grads.set(0, sum_to(da, a.shape()));
    if (grads.wanted(1)) grads.set(1, negate(sum_to(divide(multiply(da, a), b), b.shape())));
  });
  return out;
}

Tensor maximum(const Tensor& a, const Tensor& b) {
  Tensor out = run_binary("maximum", BinaryOp::Maximum, a, b);
  record("maximum", {a, b}, out, [a, b](const Tensor& dout, InputGradients& grads) {
    const Tensor from_b = less(a, b);
    if (grads.wanted(0)) grads.set(0, sum_to(dout - dout * from_b, a.shape()));
    if (grads.wanted(1)) grads.set(1, sum_to(dout * from_b, b.shape()));
  });
  return out;
}

Tensor minimum(const Tensor& a, const Tensor& b) {
  Tensor out = run_binary("minimum", BinaryOp::Minimum, a, b);
  record("minimum", {a, b}, out, [a, b](const Tensor& dout, InputGradients& grads) {
    const Tensor from_b = greater(a, b);
    if (grads.wanted(0)) grads.set(0, sum_to(dout - dout * from_b, a.shape()));
    if (grads.wanted(1)) grads.set(1, sum_to(dout * from_b, b.shape()));
  });
  return out;
}

Tensor equal(const Tensor& a, const Tensor& b) {
  return run_binary("equal", BinaryOp::Equal, a, b);
}
Tensor less(const Tensor& a, const Tensor& b) {
  return run_binary("less", BinaryOp::Less, a, b);
}
Tensor less_equal(const Tensor& a, const Tensor& b) {
  return run_binary("less_equal", BinaryOp::LessEqual, a, b);
}
Tensor greater(const Tensor& a, const Tensor& b) {
  return run_binary("greater", BinaryOp::Less, b, a);
}
Tensor greater_equal(const Tensor& a, const Tensor& b) {
  return run_binary("greater_equal", BinaryOp::LessEqual, b, a);
}

Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b) {
  for (const Tensor* operand : {&a, &b}) {
    require_same_device("where", mask, *operand);
    require_same_dtype("where", mask, *operand);
  }
  require_number("where", mask);
  const Shape shape = broadcast("where", mask.shape(), broadcast("where", a.shape(), b.shape()));
  Tensor out = Tensor::empty(shape, a.dtype(), a.device());
  if (out.size() > 0) {
    backend(a.device())
        .where(broadcast_view(mask, shape), broadcast_view(a, shape), broadcast_view(b, shape),
               out.view());
  }
  record("where", {mask, a, b}, out,
         [mask, x = a.shape(), y = b.shape()](const Tensor& dout, InputGradients& grads) {
           const Tensor zero = Tensor::scalar(0, dout.dtype(), dout.device());
           if (grads.wanted(1)) grads.set(1, sum_to(where(mask, dout, zero), x));
           if (grads.wanted(2)) grads.set(2, sum_to(where(mask, zero, dout), y));
         });
  return out;
}

Tensor negate(const Tensor& x) {
  return unary("negate", UnaryOp::Negate, x, [](const Tensor& dout) { return negate(dout); });
}

Tensor square(const Tensor& x) {
  return unary("square", UnaryOp::Square, x,
               [x](const Tensor& dout) { return multiply(dout * x, 2); });
}

Tensor abs(const Tensor& x) {
  return unary("abs", UnaryOp::Abs, x, [x](const Tensor& dout) { return dout * sign(x); });
}

Tensor sign(const Tensor& x) {
  return run_unary("sign", UnaryOp::Sign, x);
}

Tensor relu(const Tensor& x) {
  return unary("relu", UnaryOp::Relu, x, [x](const Tensor& dout) {
    return dout * greater(x, Tensor::scalar(0, x.dtype(), x.device()));
  });
}

Tensor exp(const Tensor& x) {
  require_float("exp", x);
  Tensor out = run_unary("exp", UnaryOp::Exp, x);
  record("exp", {x}, out, [out](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, dout * out);
  });
  return out;
}

Tensor log(const Tensor& x) {
  require_float("log", x);
  return unary("log", UnaryOp::Log, x, [x](const Tensor& dout) { return dout / x; });
}

Tensor sqrt(const Tensor& x) {
  require_float("sqrt", x);
  Tensor out = run_unary("sqrt", UnaryOp::Sqrt, x);
  record("sqrt", {x}, out, [out](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, multiply(dout, 0.5) / out);
  });
  return out;
}

Tensor tanh(const Tensor& x) {
  require_float("tanh", x);
  Tensor out = run_unary("tanh", UnaryOp::Tanh, x);
  record("tanh", {x}, out, [out](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, tanh_slope(dout, out));
  });
  return out;
}

Tensor sigmoid(const Tensor& x) {
  require_float("sigmoid", x);
  Tensor out = run_unary("sigmoid", UnaryOp::Sigmoid, x);
  record("sigmoid", {x}, out, [out](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, sigmoid_slope(dout, out));
  });
  return out;
}

Tensor softplus(const Tensor& x) {
  require_float("softplus", x);
  return unary("softplus", UnaryOp::Softplus, x,
               [x](const Tensor& dout) { return dout * sigmoid(x); });
}

Tensor reciprocal(const Tensor& x) {
  require_float("reciprocal", x);
  Tensor out = run_unary("reciprocal", UnaryOp::Reciprocal, x);
  record("reciprocal", {x}, out, [out](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, negate(dout * square(out)));
  });
  return out;
}

Tensor tanh_slope(const Tensor& a, const Tensor& y) {
  require_float("tanh_slope", a);
  Tensor out = run_binary("tanh_slope", BinaryOp::TanhSlope, a, y);
  record("tanh_slope", {a, y}, out, [a, y](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, sum_to(tanh_slope(dout, y), a.shape()));
    if (grads.wanted(1)) grads.set(1, sum_to(multiply(dout * a * y, -2), y.shape()));
  });
  return out;
}

Tensor sigmoid_slope(const Tensor& a, const Tensor& y) {
  require_float("sigmoid_slope", a);
  Tensor out = run_binary("sigmoid_slope", BinaryOp::SigmoidSlope, a, y);
  record("sigmoid_slope", {a, y}, out, [a, y](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, sum_to(sigmoid_slope(dout, y), a.shape()));
    if (grads.wanted(1)) {
      grads.set(1, sum_to(dout * a * add(multiply(y, -2), 1), y.shape()));
    }
  });
  return out;
}

Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  Tensor out = Tensor::empty(x.shape(), dtype, x.device());
  if (out.size() > 0) backend(x.device()).copy(x.view(), out.view());
  if (has_gradient(dtype) && has_gradient(x.dtype())) {
    record("cast", {x}, out,
           [from = gradient_type(x.dtype())](const Tensor& dout, InputGradients& grads) {
             if (grads.wanted(0)) grads.set(0, cast(dout, from));
           });
  }
  return out;
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (shape.rank() > x.rank() || broadcast("sum_to", shape, x.shape()) != x.shape()) {
    throw_shape_error("sum_to", "a shape that broadcasts to x's", {shape, x.shape()});
  }
  const int missing = x.rank() - shape.rank();
  std::vector<int> axes;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (axis < missing || (shape[axis - missing] == 1 && x.dim(axis) != 1)) axes.push_back(axis);
  }
  return reshape(sum(x, axes, KeepAxes::Yes), shape);
}

Tensor add(const Tensor& a, double b) {
  return add(a, Tensor::scalar(b, a.dtype(), a.device()));
}
Tensor multiply(const Tensor& a, double b) {
  return multiply(a, Tensor::scalar(b, a.dtype(), a.device()));
}

}  // namespace engine
