// engine/kernels/philox.h: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2,
// 3", SC 2011) and the distributions made of its bits, for host and device.
//
// Bits, uniforms and normals are the same on every device and for every instruction set: nothing
// here depends on fused multiply-adds or on a library. This holds for -ffp-contract=off on the host
// and IEEE division and square roots (the defaults) on the device.
#pragma once

#include <cmath>
#include <cstdint>

#include "engine/kernels/view.h"

namespace engine {

enum class RandomKind { Uniform, Normal, TruncatedNormal };

namespace kernels {

// The four words of block `block` of the stream (seed, purpose, step, member).
ENGINE_HD void philox_block(uint64_t seed, uint32_t block, uint32_t purpose, uint32_t step,
                            uint32_t member, uint32_t out[4]) {
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  uint32_t c0 = block, c1 = purpose, c2 = step, c3 = member;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xd2511f53} * c0;
    const uint64_t product1 = uint64_t{0xcd9e8d57} * c2;
    c0 = static_cast<uint32_t>(product1 >> 32) ^ c1 ^ key0;
    c1 = static_cast<uint32_t>(product1);
    c2 = static_cast<uint32_t>(product0 >> 32) ^ c3 ^ key1;
    c3 = static_cast<uint32_t>(product0);
    key0 += 0x9e3779b9;
    key1 += 0xbb67ae85;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

// Number `index` of a stream: word index % 4 of block index / 4. A stream has 2^34 numbers; the
// indices beyond repeat them.
ENGINE_HD uint32_t philox_u32(uint64_t seed, uint32_t purpose, uint32_t step, uint32_t member,
                              uint64_t index) {
  uint32_t words[4];
  philox_block(seed, static_cast<uint32_t>(index / 4), purpose, step, member, words);
  return words[index % 4];
}

// Uniform in [0, 1): the upper 24 bits / 2^24, exact.
ENGINE_HD float uniform_from_bits(uint32_t bits) {
  return static_cast<float>(static_cast<int32_t>(bits >> 8)) * 0x1p-24f;
}

// a * b + c rounded after each operation, whatever the target could fuse.
ENGINE_HD float multiply_then_add(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
  return __fadd_rn(__fmul_rn(a, b), c);
#else
  return a * b + c;
#endif
}

// -ln(x) for 2^-23 <= x <= 1, error below 1.3e-7 max(1, -ln(x)).
ENGINE_HD float minus_log(float x) {
  // x = (1 + f) 2^n with 1 + f in [sqrt(1/2), sqrt(2)); ln(1 + f) = 2 atanh(f / (2 + f)).
  const int32_t above = __builtin_bit_cast(int32_t, x) - 0x3f3504f3;
  const float n = static_cast<float>(above >> 23);
  const float f = __builtin_bit_cast(float, (above & 0x007fffff) + 0x3f3504f3) - 1.0f;
  const float s = f / (2.0f + f);
  const float z = s * s;
  float p = 0.295802772f;
  p = multiply_then_add(p, z, 0.399887734f);
  p = multiply_then_add(p, z, 0.66666685f);
  p = multiply_then_add(p, z, 2.0f);
  return multiply_then_add(n, -0.693147181f, -(s * p));
}

// sqrt(2) erfinv(x) for |x| < 1, given w = -ln(1 - x^2) < 5: the central polynomial of M. Giles,
// "Approximating the erfinv function", GPU Computing Gems, 2011.
ENGINE_HD float central_quantile(float x, float w) {
  const float t = w - 2.5f;
  float p = 2.81022636e-8f;
  p = multiply_then_add(p, t, 3.43273939e-7f);
  p = multiply_then_add(p, t, -3.5233877e-6f);
  p = multiply_then_add(p, t, -4.39150654e-6f);
  p = multiply_then_add(p, t, 2.1858087e-4f);
  p = multiply_then_add(p, t, -1.25372503e-3f);
  p = multiply_then_add(p, t, -4.17768164e-3f);
  p = multiply_then_add(p, t, 0.246640727f);
  p = multiply_then_add(p, t, 1.50140941f);
  return p * (1.41421356f * x);
}

// The same for 5 <= w < 16: his tail polynomial.
ENGINE_HD float tail_quantile(float x, float w) {
  const float t = std::sqrt(w) - 3.0f;
  float p = -2.00214257e-4f;
  p = multiply_then_add(p, t, 1.00950558e-4f);
  p = multiply_then_add(p, t, 1.34934322e-3f);
  p = multiply_then_add(p, t, -3.67342844e-3f);
  p = multiply_then_add(p, t, 5.73950773e-3f);
  p = multiply_then_add(p, t, -7.6224613e-3f);
  p = multiply_then_add(p, t, 9.43887047e-3f);
  p = multiply_then_add(p, t, 1.00167406f);
  p = multiply_then_add(p, t, 2.83297682f);
  return p * (1.41421356f * x);
}

// The centre of one of 2^23 equal cells of (-1, 1): exact, odd in the bits, never 0.
ENGINE_HD float symmetric_from_bits(uint32_t bits) {
  return static_cast<float>(static_cast<int32_t>(bits >> 9) * 2 + 1 - 0x800000) * 0x1p-23f;
}

// Standard normal: the quantile function at the centre of one of 2^23 equal cells of (0, 1). Over
// all bits the error is at most 1.2e-6 (4.6e-7 within two sigma) and 2.9e-7 of the value, and
// |result| < 5.295. It never decreases with the bits; ~bits gives the opposite number.
ENGINE_HD float normal_from_bits(uint32_t bits) {
  const float x = symmetric_from_bits(bits);
  const float w = minus_log((1.0f - x) * (1.0f + x));
  return w < 5.0f ? central_quantile(x, w) : tail_quantile(x, w);
}

// Standard normal restricted to [-2, 2], likewise: error at most 7.2e-7 and 3.9e-7 of the value.
ENGINE_HD float truncated_normal_from_bits(uint32_t bits) {
  // Times erf(sqrt(2)); plus zero, so that the product is not fused into the sums below.
  const float x = multiply_then_add(symmetric_from_bits(bits), 0.954499736f, 0.0f);
  return central_quantile(x, minus_log((1.0f - x) * (1.0f + x)));
}

ENGINE_HD float random_value(RandomKind kind, uint32_t bits) {
  if (kind == RandomKind::Uniform) return uniform_from_bits(bits);
  if (kind == RandomKind::Normal) return normal_from_bits(bits);
  return truncated_normal_from_bits(bits);
}

}  // namespace kernels
}  // namespace engine
