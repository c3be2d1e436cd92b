// engine/cpu/vector/reduce.h: reducing loops, accumulated in double. The order of additions is
// eight interleaved partial sums for a contiguous run, one after another otherwise. Internal
// linkage: only kernels.cpp of this folder includes it, once per instruction set.
#pragma once

#include "engine/cpu/vector/kernels.h"

namespace engine::cpu {
namespace {

constexpr int64_t kLanes = 8;

template <class How, class T>
double run(const char* data, int64_t count, int64_t stride, double total) {
  int64_t i = 0;
  if (stride == sizeof(T) && count >= 2 * kLanes) {
    const T* values = reinterpret_cast<const T*>(data);
    double lanes[kLanes];
    for (int64_t k = 0; k < kLanes; ++k) lanes[k] = static_cast<double>(values[k]);
    for (i = kLanes; i + kLanes <= count; i += kLanes) {
      for (int64_t k = 0; k < kLanes; ++k) {
        lanes[k] = How::apply(lanes[k], static_cast<double>(values[i + k]));
      }
    }
    for (int64_t k = 0; k < kLanes; ++k) total = How::apply(total, lanes[k]);
  }
  for (; i < count; ++i) {
    total = How::apply(total, static_cast<double>(*reinterpret_cast<const T*>(data + i * stride)));
  }
  return total;
}

template <class How, class T>
void row_into(const char* row, int64_t columns, double* __restrict totals) {
  const T* __restrict values = reinterpret_cast<const T*>(row);
  for (int64_t j = 0; j < columns; ++j) {
    totals[j] = How::apply(totals[j], static_cast<double>(values[j]));
  }
}

// Calls body(how, zero of the element type).
template <class Body>
auto choose(ReduceOp how, DType dtype, Body&& body) {
  return kernels::visit(how, [&](auto functor) {
    if (dtype == DType::f32) return body(functor, float{});
    if (dtype == DType::f64) return body(functor, double{});
    return body(functor, int32_t{});
  });
}

double accumulate_run(ReduceOp how, DType dtype, const char* data, int64_t count, int64_t stride,
                      double total) {
  return choose(how, dtype, [&](auto functor, auto zero) {
    return run<decltype(functor), decltype(zero)>(data, count, stride, total);
  });
}

void accumulate_row(ReduceOp how, DType dtype, const char* row, int64_t columns, double* totals) {
  choose(how, dtype, [&](auto functor, auto zero) {
    row_into<decltype(functor), decltype(zero)>(row, columns, totals);
  });
}

}  // namespace
}  // namespace engine::cpu
