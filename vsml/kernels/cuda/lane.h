// vsml/kernels/cuda/lane.h: one number as cell_update.h wants it, on a GPU and, for tests, on the
// host.
#pragma once

#include <cmath>

#include "vsml/kernels/cell_update.h"

namespace vsml::kernels {
namespace {

struct Lane {
  using Vec = float;
  ENGINE_HD float all(float x) { return x; }
  ENGINE_HD float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
  ENGINE_HD float fnma(float a, float b, float c) { return __builtin_fmaf(-a, b, c); }
  // A NaN stays one.
  ENGINE_HD float clamp(float x, float lo, float hi) { return x > hi ? hi : x < lo ? lo : x; }

  ENGINE_HD float exp2_limited(float x) {
    x = clamp(x, kLeastExponent, kMostExponent);
#if defined(__CUDA_ARCH__)
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));  // relative error 2^-22
    return y;
#else
    return std::exp2(x);
#endif
  }

  // For x > 0; relative error 2e-7.
  ENGINE_HD float inverse_sqrt(float x) {
#if defined(__CUDA_ARCH__)
    return rsqrtf(x);
#else
    return 1.0f / std::sqrt(x);
#endif
  }

  // For |b| from 1 to 1e21. The step after the approximate reciprocal makes that of 1 exact.
  ENGINE_HD float divide(float a, float b) {
#if defined(__CUDA_ARCH__)
    float r;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(b));
    r = __builtin_fmaf(r, __builtin_fmaf(-b, r, 1.0f), r);
    return a * r;
#else
    return a / b;
#endif
  }
};

}  // namespace
}  // namespace vsml::kernels
