#include "engine/cuda/kernels.h"
#include "engine/kernels/bf16.h"
#include "engine/kernels/loop.h"
#include "engine/kernels/scalar_ops.h"

namespace engine::cuda {
namespace {

using kernels::kMaxOperands;
using kernels::Loop;
using kernels::make_loop;

__device__ __forceinline__ int64_t first_index() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ __forceinline__ int64_t index_step() {
  return static_cast<int64_t>(gridDim.x) * blockDim.x;
}

template <class T>
__device__ __forceinline__ T& at(const Loop& loop, const int64_t (&offset)[kMaxOperands], int k) {
  return *reinterpret_cast<T*>(loop.data[k] + offset[k]);
}

// Calls body(loop, offsets) for every element.
template <class Body>
__global__ void each_element(Loop loop, int64_t count, Body body) {
  for (int64_t i = first_index(); i < count; i += index_step()) {
    int64_t offset[kMaxOperands];
    kernels::offsets_of(loop, i, offset);
    body(loop, offset);
  }
}

template <class Body>
void run(const Queue& queue, const Loop& loop, const Body& body) {
  const int64_t count = loop.num_rows() * loop.row_length();
  if (count == 0) return;
  each_element<<<blocks_for(count), kernels::kBlockThreads, 0, queue.stream>>>(loop, count, body);
  ENGINE_CUDA(cudaGetLastError());
}

template <class Functor, class T>
struct Unary {
  __device__ void operator()(const Loop& loop, const int64_t (&offset)[kMaxOperands]) const {
    at<T>(loop, offset, 0) = Functor::apply(at<T>(loop, offset, 1));
  }
};

template <class Functor, class T>
struct Binary {
  __device__ void operator()(const Loop& loop, const int64_t (&offset)[kMaxOperands]) const {
    at<T>(loop, offset, 0) = Functor::apply(at<T>(loop, offset, 1), at<T>(loop, offset, 2));
  }
};

template <class T>
struct Where {
  __device__ void operator()(const Loop& loop, const int64_t (&offset)[kMaxOperands]) const {
    at<T>(loop, offset, 0) =
        at<T>(loop, offset, 1) != 0 ? at<T>(loop, offset, 2) : at<T>(loop, offset, 3);
  }
};

template <class To, class From>
struct Convert {
  __device__ void operator()(const Loop& loop, const int64_t (&offset)[kMaxOperands]) const {
    at<To>(loop, offset, 0) = kernels::converted<To>(at<From>(loop, offset, 1));
  }
};

template <class T>
struct Fill {
  T value;
  __device__ void operator()(const Loop& loop, const int64_t (&offset)[kMaxOperands]) const {
    at<T>(loop, offset, 0) = value;
  }
};

// Calls body(zero of the element type).
template <class Body>
void with_type(DType dtype, Body&& body) {
  if (dtype == DType::f32) return body(float{});
  if (dtype == DType::f64) return body(double{});
  body(int32_t{});
}
// The same, for what only moves elements.
template <class Body>
void with_any_type(DType dtype, Body&& body) {
  if (dtype == DType::bf16) return body(Bf16{});
  with_type(dtype, body);
}

}  // namespace

void fill(const Queue& queue, double value, const View& out) {
  with_any_type(out.dtype, [&](auto zero) {
    using T = decltype(zero);
    run(queue, make_loop({out}), Fill<T>{kernels::converted<T>(value)});
  });
}

void copy(const Queue& queue, const View& in, const View& out) {
  with_any_type(out.dtype, [&](auto to) {
    with_any_type(in.dtype, [&](auto from) {
      run(queue, make_loop({out, in}), Convert<decltype(to), decltype(from)>{});
    });
  });
}

void unary(const Queue& queue, UnaryOp op, const View& in, const View& out) {
  kernels::visit(op, [&](auto functor) {
    using Functor = decltype(functor);
    const Loop loop = make_loop({out, in});
    if (out.dtype == DType::f32) return run(queue, loop, Unary<Functor, float>{});
    if (out.dtype == DType::f64) return run(queue, loop, Unary<Functor, double>{});
    if constexpr (Functor::integer()) run(queue, loop, Unary<Functor, int32_t>{});
  });
}

void binary(const Queue& queue, BinaryOp op, const View& a, const View& b, const View& out) {
  kernels::visit(op, [&](auto functor) {
    using Functor = decltype(functor);
    const Loop loop = make_loop({out, a, b});
    if (out.dtype == DType::f32) return run(queue, loop, Binary<Functor, float>{});
    if (out.dtype == DType::f64) return run(queue, loop, Binary<Functor, double>{});
    if constexpr (Functor::integer()) run(queue, loop, Binary<Functor, int32_t>{});
  });
}

void where(const Queue& queue, const View& mask, const View& a, const View& b, const View& out) {
  with_type(out.dtype, [&](auto zero) {
    run(queue, make_loop({out, mask, a, b}), Where<decltype(zero)>{});
  });
}

}  // namespace engine::cuda
