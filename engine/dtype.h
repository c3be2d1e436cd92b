// engine/dtype.h: the element types of a Tensor.
#pragma once

#include <cstdint>
#include <type_traits>

namespace engine {

// A number in 16 bits: the upper half of a float's (engine/kernels/bf16.h converts).
struct Bf16 {
  uint16_t bits;
};

// f64 exists so that gradients and golden numbers can be checked tightly; i32 holds indices and
// labels; bf16 is a form to keep numbers in, and ops that move elements and cast() are all that
// takes it. There is no promotion: an op whose operands differ in dtype throws DTypeError.
enum class DType : uint8_t { f32, f64, i32, bf16 };

constexpr int64_t size_of(DType dtype) {
  return dtype == DType::f64 ? 8 : dtype == DType::bf16 ? 2 : 4;
}
// What floating-point ops compute with.
constexpr bool is_float(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f64;
}
// What has gradients, and their type: those of a bf16 tensor are f32.
constexpr bool has_gradient(DType dtype) {
  return dtype != DType::i32;
}
constexpr DType gradient_type(DType dtype) {
  return dtype == DType::bf16 ? DType::f32 : dtype;
}
constexpr const char* name_of(DType dtype) {
  return dtype == DType::f32   ? "f32"
         : dtype == DType::f64 ? "f64"
         : dtype == DType::i32 ? "i32"
                               : "bf16";
}

template <class T>
constexpr DType dtype_of() {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double> ||
                std::is_same_v<T, int32_t> || std::is_same_v<T, Bf16>);
  return std::is_same_v<T, float>     ? DType::f32
         : std::is_same_v<T, double>  ? DType::f64
         : std::is_same_v<T, int32_t> ? DType::i32
                                      : DType::bf16;
}

}  // namespace engine
