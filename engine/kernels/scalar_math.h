// engine/kernels/scalar_math.h: exp, log, tanh, sigmoid, softplus and sqrt for host and device.
//
// The float functions have no branches, no tables and no library calls, so that the compiler
// vectorises a plain loop over them. The double functions are those of the standard library.
//
// Errors in ulp of the result, with or without fused multiply-adds: exp 1.1, log 0.9, tanh 1.4,
// sigmoid 2.6, softplus 3.
// exp, tanh and sigmoid never decrease where their argument grows; |tanh| <= 1; sigmoid is exactly
// 1 from 17.4 on. A NaN gives a NaN; infinities give the limits. Denormal results: exp, log, tanh
// and softplus keep them; sigmoid has zero below -88.73. Arguments near zero keep their relative
// precision, denormal ones too.
//
// Method: exp reduces to |r| <= ln(2)/2, log to [sqrt(1/2), sqrt(2)); the rest are expressed by
// these two without cancellation. The polynomials interpolate at Chebyshev nodes.
#pragma once

#include <cmath>
#include <cstdint>

#include "engine/kernels/view.h"

namespace engine::kernels {

// a * b + c: rounded once where the target has an instruction for it, else twice.
ENGINE_HD float multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__CUDA_ARCH__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

ENGINE_HD int32_t bits_of(float x) {
  return __builtin_bit_cast(int32_t, x);
}
ENGINE_HD float float_of(int32_t bits) {
  return __builtin_bit_cast(float, bits);
}
// 2^n for -126 <= n <= 127.
ENGINE_HD float power_of_two(int32_t n) {
  return float_of(static_cast<int32_t>(static_cast<uint32_t>(n + 127) << 23));
}
ENGINE_HD float magnitude_of(float x) {
  return float_of(bits_of(x) & 0x7fffffff);
}
ENGINE_HD float with_sign_of(float magnitude, float sign) {
  return float_of(bits_of(magnitude) | (bits_of(sign) & INT32_MIN));
}

// ln(2) in two parts; the first has so few bits that its products with exponents are exact.
inline constexpr float kLn2High = 0.693359375f;
inline constexpr float kLn2Low = -2.12194440e-4f;

ENGINE_HD float exp_of(float x) {
  // Beyond these the result is infinite, or zero.
  x = x > 89.0f ? 89.0f : x;
  x = x < -104.0f ? -104.0f : x;
  // Adding 1.5 * 2^23 leaves the nearest integer to x / ln(2) in the low bits.
  const float shifted = multiply_add(x, 1.44269504f, 0x1.8p23f);
  const float whole = shifted - 0x1.8p23f;
  const int32_t n = static_cast<int32_t>(static_cast<uint32_t>(bits_of(shifted)) - 0x4b400000u);
  const float r = multiply_add(whole, -kLn2Low, multiply_add(whole, -kLn2High, x));
  float p = 0.00139265504f;
  p = multiply_add(p, r, 0.00836347272f);
  p = multiply_add(p, r, 0.0416665524f);
  p = multiply_add(p, r, 0.166665752f);
  p = multiply_add(p, r, 0.5f);
  p = 1.0f + multiply_add(r * r, p, r);
  // In two factors, each within range where 2^n may not be.
  const int32_t half = n >> 1;
  return p * power_of_two(half) * power_of_two(n - half);
}

// -inf at zero, NaN below.
ENGINE_HD float log_of(float x) {
  const bool denormal = x < 0x1p-126f;
  const float scaled = denormal ? x * 0x1p23f : x;
  // m in [sqrt(1/2), sqrt(2)) with scaled = m 2^n.
  const int32_t above = static_cast<int32_t>(static_cast<uint32_t>(bits_of(scaled)) - 0x3f3504f3u);
  const int32_t n = above >> 23;
  const float m = float_of((above & 0x007fffff) + 0x3f3504f3);
  const float whole = static_cast<float>(n) - (denormal ? 23.0f : 0.0f);
  // ln(1 + f) = 2 atanh(s) = f - f^2/2 + s (f^2/2 + R), R = 2 atanh(s)/s - 2.
  const float f = m - 1.0f;
  const float s = f / (2.0f + f);
  const float z = s * s;
  float p = 0.295802772f;
  p = multiply_add(p, z, 0.399887734f);
  p = multiply_add(p, z, 0.66666685f);
  const float half_square = 0.5f * f * f;
  const float tail = multiply_add(s, multiply_add(p, z, half_square), whole * kLn2Low);
  const float finite = multiply_add(whole, kLn2High, f - (half_square - tail));
  const float positive = x < INFINITY ? finite : x;  // also NaN
  const float zero = x == 0.0f ? -INFINITY : NAN;
  return x <= 0.0f ? zero : positive;
}

ENGINE_HD float tanh_of(float x) {
  const float a = magnitude_of(x);
  const float z = a * a;
  float p = -0.00609671417f;
  p = multiply_add(p, z, 0.020997179f);
  p = multiply_add(p, z, -0.0538509096f);
  p = multiply_add(p, z, 0.133327697f);
  p = multiply_add(p, z, -0.333333289f);
  const float small = multiply_add(a * z, p, a);
  const float large = 1.0f - 2.0f / (exp_of(2.0f * a) + 1.0f);
  return with_sign_of(a < 0.625f ? small : large, x);
}

ENGINE_HD float sigmoid_of(float x) {
  return 1.0f / (1.0f + exp_of(-x));
}

// ln(1 + exp(x)), as max(x, 0) + ln(1 + e) with e = exp(-|x|), ln(1 + e) = 2 atanh(e / (2 + e)).
ENGINE_HD float softplus_of(float x) {
  const float e = exp_of(-magnitude_of(x));
  const float s = e / (2.0f + e);
  const float z = s * s;
  float p = 0.20787619f;
  p = multiply_add(p, z, 0.174647025f);
  p = multiply_add(p, z, 0.222647113f);
  p = multiply_add(p, z, 0.285703057f);
  p = multiply_add(p, z, 0.400000107f);
  p = multiply_add(p, z, 0.666666667f);
  const float above_zero = multiply_add(s * z, p, s + s);
  return x > 0.0f ? x + above_zero : above_zero;
}

ENGINE_HD float sqrt_of(float x) {
  return std::sqrt(x);
}

ENGINE_HD double exp_of(double x) {
  return std::exp(x);
}
ENGINE_HD double log_of(double x) {
  return std::log(x);
}
ENGINE_HD double tanh_of(double x) {
  return std::tanh(x);
}
ENGINE_HD double sigmoid_of(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}
ENGINE_HD double softplus_of(double x) {
  return (x > 0.0 ? x : 0.0) + std::log1p(std::exp(-std::fabs(x)));
}
ENGINE_HD double sqrt_of(double x) {
  return std::sqrt(x);
}

}  // namespace engine::kernels
