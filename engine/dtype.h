// engine/dtype.h: the element types of a Tensor.
#pragma once

#include <cstdint>
#include <type_traits>

namespace engine {

// f64 exists so that gradients and golden numbers can be checked tightly; i32 holds indices and
// labels. There is no promotion: an op whose operands differ in dtype throws DTypeError.
enum class DType : uint8_t { f32, f64, i32 };

constexpr int64_t size_of(DType dtype) {
  return dtype == DType::f64 ? 8 : 4;
}
constexpr bool is_float(DType dtype) {
  return dtype != DType::i32;
}
constexpr const char* name_of(DType dtype) {
  return dtype == DType::f32 ? "f32" : dtype == DType::f64 ? "f64" : "i32";
}

template <class T>
constexpr DType dtype_of() {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double> ||
                std::is_same_v<T, int32_t>);
  return std::is_same_v<T, float>    ? DType::f32
         : std::is_same_v<T, double> ? DType::f64
                                     : DType::i32;
}

}  // namespace engine
