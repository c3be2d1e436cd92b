// engine/kernels/bf16.h: bf16 to and from the other element types, the same bits on every device.
//
// A bf16 has a float's sign and exponent and 8 bits of precision. What becomes one is rounded once,
// to the nearest, and to the even one of two that are equally near; a NaN stays one, with its sign.
#pragma once

#include <type_traits>

#include "engine/kernels/view.h"

namespace engine::kernels {

ENGINE_HD float widened(Bf16 x) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(x.bits) << 16);
}

ENGINE_HD Bf16 narrowed(float x) {
  const auto bits = __builtin_bit_cast(uint32_t, x);
  const uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
  const uint32_t nan = bits | 0x400000u;
  return {static_cast<uint16_t>((x == x ? rounded : nan) >> 16)};
}

// By way of a float whose last bit tells that something was cut off, so that it is not rounded
// twice.
ENGINE_HD Bf16 narrowed(double x) {
  const auto near = static_cast<float>(x);
  const auto exact = static_cast<double>(near);
  if (exact == x || x != x) return narrowed(near);
  auto bits = __builtin_bit_cast(uint32_t, near);
  if ((x < 0 ? -exact : exact) > (x < 0 ? -x : x)) --bits;  // towards zero
  return narrowed(__builtin_bit_cast(float, bits | 1u));
}

// As backends copy elements: i32 from a float is cut towards zero.
template <class To, class From>
ENGINE_HD To converted(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (std::is_same_v<From, Bf16>) {
    return static_cast<To>(widened(x));
  } else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, Bf16>) {
    return narrowed(x);
  } else if constexpr (std::is_same_v<To, Bf16>) {
    return narrowed(static_cast<double>(x));
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace engine::kernels
