// vsml/kernels/cpu/vector.h: the few vector operations that the fused ticks are written with, for
// the instruction set that this file is compiled for. Internal linkage: only isa.cpp includes it,
// once per instruction set, so that no copy for a newer one is ever linked into another.
#pragma once

#include <cstdint>
#include <cstring>
#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

#include "engine/kernels/bf16.h"
#include "vsml/kernels/cell_update.h"

namespace vsml::kernels {
namespace {

using engine::Bf16;

// A NaN stays a NaN in clamp() and exp2_limited(), so that a network that diverged is noticed.

#if defined(__AVX512F__)
// 16 numbers. How much is worked on at once, so that sums stay in registers: kCells cells with all
// their gates; kHiddenCells cells with one vector each; kWeightRows rows of weights. kBlocks times
// kCells cells go through the backward pass together, with what they keep in the first cache level.
struct Wide {
  using Vec = __m512;
  static constexpr int kLanes = 16;
  static constexpr int kCells = 6, kBlocks = 4, kHiddenCells = 12, kWeightRows = 4;
  static Vec load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, Vec x) { _mm512_storeu_ps(p, x); }
  static Vec load(const Bf16* p) {
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
  }
  static void store(Bf16* p, Vec x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i more = _mm512_add_epi32(_mm512_set1_epi32(0x7fff), odd);
    const __m512i rounded =
        _mm512_mask_or_epi32(_mm512_add_epi32(bits, more), _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q),
                             bits, _mm512_set1_epi32(0x400000));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
  }
  static Vec all(float x) { return _mm512_set1_ps(x); }
  static Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
  static Vec fnma(Vec a, Vec b, Vec c) { return _mm512_fnmadd_ps(a, b, c); }
  static Vec clamp(Vec x, float lo, float hi) {
    return _mm512_max_ps(all(lo), _mm512_min_ps(all(hi), x));
  }
  // For 2^x: what of x may be too much for scaled(); x - floor(x); y 2^floor(x).
  static Vec limited(Vec x) { return _mm512_min_ps(all(kMostExponent), x); }
  static Vec sqrt(Vec x) { return _mm512_sqrt_ps(x); }
  // Lane i is lane i ^ distance of x.
  template <int distance>
  static Vec swapped(Vec x) {
    if constexpr (distance == 1) return _mm512_permute_ps(x, 0xb1);
    if constexpr (distance == 2) return _mm512_permute_ps(x, 0x4e);
    if constexpr (distance == 4) return _mm512_shuffle_f32x4(x, x, 0xb1);
    if constexpr (distance == 8) return _mm512_shuffle_f32x4(x, x, 0x4e);
  }
  static Vec fraction(Vec x) { return _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF); }
  static Vec scaled(Vec y, Vec x) { return _mm512_scalef_ps(y, x); }
};
#endif

#if defined(__AVX2__)
struct Half {
  using Vec = __m256;
  static constexpr int kLanes = 8;
#if defined(__AVX512F__)
  static constexpr int kCells = 6, kBlocks = 4, kHiddenCells = 12, kWeightRows = 4;
#else
  static constexpr int kCells = 3, kBlocks = 8, kHiddenCells = 12, kWeightRows = 2;
#endif
  static Vec load(const float* p) {
    return _mm256_loadu_ps(p);
  }
  static void store(float* p, Vec x) {
    _mm256_storeu_ps(p, x);
  }
  static Vec load(const Bf16* p) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
  }
  static void store(Bf16* p, Vec x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i more = _mm256_add_epi32(_mm256_set1_epi32(0x7fff), odd);
    const __m256i nan = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256 either =
        _mm256_blendv_ps(_mm256_castsi256_ps(_mm256_add_epi32(bits, more)),
                         _mm256_castsi256_ps(nan), _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    const __m256i upper = _mm256_srli_epi32(_mm256_castps_si256(either), 16);
    const __m256i packed = _mm256_packus_epi32(upper, upper);  // each half twice
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08)));
  }
  static Vec all(float x) {
    return _mm256_set1_ps(x);
  }
  static Vec fma(Vec a, Vec b, Vec c) {
    return _mm256_fmadd_ps(a, b, c);
  }
  static Vec fnma(Vec a, Vec b, Vec c) {
    return _mm256_fnmadd_ps(a, b, c);
  }
  static Vec clamp(Vec x, float lo, float hi) {
    return _mm256_max_ps(all(lo), _mm256_min_ps(all(hi), x));
  }
  static Vec sqrt(Vec x) {
    return _mm256_sqrt_ps(x);
  }
  template <int distance>
  static Vec swapped(Vec x) {
    if constexpr (distance == 1) return _mm256_permute_ps(x, 0xb1);
    if constexpr (distance == 2) return _mm256_permute_ps(x, 0x4e);
    if constexpr (distance == 4) return _mm256_permute2f128_ps(x, x, 0x01);
  }
  static Vec limited(Vec x) {
    return clamp(x, kLeastExponent, kMostExponent);
  }
  static Vec fraction(Vec x) {
    return x - _mm256_floor_ps(x);
  }
  static Vec scaled(Vec y, Vec x) {
    const __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(_mm256_floor_ps(x)), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(y), exponent));
  }
};
#else
// Four numbers in the compiler's own vectors: for every other machine.
struct Half {
  using Vec = float __attribute__((vector_size(16)));
  using Int = int32_t __attribute__((vector_size(16)));
  static constexpr int kLanes = 4;
  static constexpr int kCells = 2, kBlocks = 4, kHiddenCells = 8, kWeightRows = 2;
  static Vec load(const float* p) {
    Vec x;
    std::memcpy(&x, p, sizeof x);
    return x;
  }
  static void store(float* p, Vec x) { std::memcpy(p, &x, sizeof x); }
  static Vec load(const Bf16* p) {
    Vec x;
    for (int lane = 0; lane < kLanes; ++lane) x[lane] = engine::kernels::widened(p[lane]);
    return x;
  }
  static void store(Bf16* p, Vec x) {
    for (int lane = 0; lane < kLanes; ++lane) p[lane] = engine::kernels::narrowed(x[lane]);
  }
  static Vec all(float x) { return Vec{x, x, x, x}; }
  static Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
  static Vec fnma(Vec a, Vec b, Vec c) { return c - a * b; }
  static Vec clamp(Vec x, float lo, float hi) {
    x = x > all(hi) ? all(hi) : x;
    return x < all(lo) ? all(lo) : x;
  }
  static Vec sqrt(Vec x) {
    for (int lane = 0; lane < kLanes; ++lane) x[lane] = __builtin_sqrtf(x[lane]);
    return x;
  }
  template <int distance>
  static Vec swapped(Vec x) {
    Vec y;
    for (int lane = 0; lane < kLanes; ++lane) y[lane] = x[lane ^ distance];
    return y;
  }
  static Vec limited(Vec x) { return clamp(x, kLeastExponent, kMostExponent); }
  static Vec floor(Vec x) {
    const Vec shift = all(12582912.0f);  // 1.5 * 2^23: whole numbers are as far apart as floats
    const Vec nearest = (x + shift) - shift;
    return nearest > x ? nearest - all(1.0f) : nearest;
  }
  static Vec fraction(Vec x) { return x - floor(x); }
  static Vec scaled(Vec y, Vec x) {
    const Int exponent = __builtin_convertvector(floor(x), Int) << 23;
    return reinterpret_cast<Vec>(reinterpret_cast<Int>(y) + exponent);
  }
};
#endif

// 2^x with x clamped to kLeastExponent (or less) and kMostExponent; relative error 2e-7.
template <class V>
typename V::Vec exp2_limited(typename V::Vec x) {
  x = V::limited(x);
  const typename V::Vec f = V::fraction(x);
  // 2^f on [0, 1], minimax for the relative error: 7.5e-8.
  typename V::Vec y = V::all(0.0018775767f);
  y = V::fma(y, f, V::all(0.00898934f));
  y = V::fma(y, f, V::all(0.055826318f));
  y = V::fma(y, f, V::all(0.24015361f));
  y = V::fma(y, f, V::all(0.6931531f));
  y = V::fma(y, f, V::all(0.99999994f));
  return V::scaled(y, x);
}

// A vector type as cell_update.h wants it.
template <class V>
struct CellVector : V {
  static typename V::Vec exp2_limited(typename V::Vec x) { return kernels::exp2_limited<V>(x); }
  static typename V::Vec divide(typename V::Vec a, typename V::Vec b) { return a / b; }
};

}  // namespace
}  // namespace vsml::kernels
