// engine/kernels/scalar_ops.h: the scalar maths of every elementwise op, once for all devices.
//
// To add an elementwise op: an enumerator, a functor, a line in visit(); the compiler flags a
// missing one. docs/adding-an-op.md has the whole recipe.
#pragma once

#include "engine/kernels/scalar_math.h"
#include "engine/kernels/view.h"

namespace engine {

enum class UnaryOp {
  Negate,
  Exp,
  Log,
  Sqrt,
  Square,
  Abs,
  Sign,
  Tanh,
  Sigmoid,
  Relu,
  Softplus,
  Reciprocal,
};

enum class BinaryOp {
  Add,
  Subtract,
  Multiply,
  Divide,
  Maximum,
  Minimum,
  Equal,
  Less,
  LessEqual,
  TanhSlope,
  SigmoidSlope,
};

namespace kernels {

// Each functor maps T to T for T = float, double and, where integer() is true, int32_t.
struct Floats {
  static constexpr bool integer() { return false; }
};
struct Numbers {
  static constexpr bool integer() { return true; }
};

struct Negate : Numbers {
  template <class T>
  ENGINE_HD T apply(T x) {
    return -x;
  }
};
struct Exp : Floats {
  template <class T>
  ENGINE_HD T apply(T x) {
    return exp_of(x);
  }
};
struct Log : Floats {
  template <class T>
  ENGINE_HD T apply(T x) {
    return log_of(x);
  }
};
struct Sqrt : Floats {
  template <class T>
  ENGINE_HD T apply(T x) {
    return sqrt_of(x);
  }
};
struct Square : Numbers {
  template <class T>
  ENGINE_HD T apply(T x) {
    return x * x;
  }
};
struct Abs : Numbers {
  template <class T>
  ENGINE_HD T apply(T x) {
    return x < 0 ? -x : x == 0 ? T(0) : x;
  }
};
struct Sign : Numbers {  // NaN stays NaN
  template <class T>
  ENGINE_HD T apply(T x) {
    return x > 0 ? T(1) : x < 0 ? T(-1) : x;
  }
};
struct Tanh : Floats {
  template <class T>
  ENGINE_HD T apply(T x) {
    return tanh_of(x);
  }
};
struct Sigmoid : Floats {
  template <class T>
  ENGINE_HD T apply(T x) {
    return sigmoid_of(x);
  }
};
struct Relu : Numbers {
  template <class T>
  ENGINE_HD T apply(T x) {
    return x < 0 ? T(0) : x;
  }
};
struct Softplus : Floats {  // log(1 + exp(x)) without overflow
  template <class T>
  ENGINE_HD T apply(T x) {
    return softplus_of(x);
  }
};
struct Reciprocal : Floats {
  template <class T>
  ENGINE_HD T apply(T x) {
    return T(1) / x;
  }
};

struct Add : Numbers {
  template <class T>
  ENGINE_HD T apply(T a, T b) {
    return a + b;
  }
};
struct Subtract : Numbers {
  template <class T>
  ENGINE_HD T apply(T a, T b) {
    return a - b;
  }
};
struct Multiply : Numbers {
  template <class T>
  ENGINE_HD T apply(T a, T b) {
    return a * b;
  }
};
struct Divide : Floats {
  template <class T>
  ENGINE_HD T apply(T a, T b) {
    return a / b;
  }
};
struct Maximum : Numbers {  // a NaN on either side is the result
  template <class T>
  ENGINE_HD T apply(T a, T b) {
    return a > b || a != a ? a : b;
  }
};
struct Minimum : Numbers {
  template <class T>
  ENGINE_HD T apply(T a, T b) {
    return a < b || a != a ? a : b;
  }
};
struct Equal : Numbers {
  template <class T>
  ENGINE_HD T apply(T a, T b) {
    return a == b ? T(1) : T(0);
  }
};
struct Less : Numbers {
  template <class T>
  ENGINE_HD T apply(T a, T b) {
    return a < b ? T(1) : T(0);
  }
};
struct LessEqual : Numbers {
  template <class T>
  ENGINE_HD T apply(T a, T b) {
    return a <= b ? T(1) : T(0);
  }
};
struct TanhSlope : Floats {  // a tanh'(x) for y = tanh(x)
  template <class T>
  ENGINE_HD T apply(T a, T y) {
    return a * (T(1) - y * y);
  }
};
struct SigmoidSlope : Floats {  // a sigmoid'(x) for y = sigmoid(x)
  template <class T>
  ENGINE_HD T apply(T a, T y) {
    return a * (y * (T(1) - y));
  }
};

// Calls run(functor) for the functor of an op.
template <class Run>
inline void visit(UnaryOp op, Run&& run) {
  switch (op) {
    case UnaryOp::Negate:
      return run(Negate{});
    case UnaryOp::Exp:
      return run(Exp{});
    case UnaryOp::Log:
      return run(Log{});
    case UnaryOp::Sqrt:
      return run(Sqrt{});
    case UnaryOp::Square:
      return run(Square{});
    case UnaryOp::Abs:
      return run(Abs{});
    case UnaryOp::Sign:
      return run(Sign{});
    case UnaryOp::Tanh:
      return run(Tanh{});
    case UnaryOp::Sigmoid:
      return run(Sigmoid{});
    case UnaryOp::Relu:
      return run(Relu{});
    case UnaryOp::Softplus:
      return run(Softplus{});
    case UnaryOp::Reciprocal:
      return run(Reciprocal{});
  }
}

template <class Run>
inline void visit(BinaryOp op, Run&& run) {
  switch (op) {
    case BinaryOp::Add:
      return run(Add{});
    case BinaryOp::Subtract:
      return run(Subtract{});
    case BinaryOp::Multiply:
      return run(Multiply{});
    case BinaryOp::Divide:
      return run(Divide{});
    case BinaryOp::Maximum:
      return run(Maximum{});
    case BinaryOp::Minimum:
      return run(Minimum{});
    case BinaryOp::Equal:
      return run(Equal{});
    case BinaryOp::Less:
      return run(Less{});
    case BinaryOp::LessEqual:
      return run(LessEqual{});
    case BinaryOp::TanhSlope:
      return run(TanhSlope{});
    case BinaryOp::SigmoidSlope:
      return run(SigmoidSlope{});
  }
}

}  // namespace kernels
}  // namespace engine
