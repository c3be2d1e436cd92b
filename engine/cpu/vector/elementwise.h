// engine/cpu/vector/elementwise.h: elementwise loops. Internal linkage: only kernels.cpp of this
// folder includes it, once per instruction set.
#pragma once

#include "engine/cpu/vector/kernels.h"
#include "engine/kernels/bf16.h"

namespace engine::cpu {
namespace {

// An output is either apart from an input or the very same elements; `ivdep` tells the compiler so.
template <class Functor, class T>
void unary_row(char* out_bytes, const char* in_bytes, int64_t n, int64_t out_step,
               int64_t in_step) {
  if (out_step == sizeof(T) && in_step == sizeof(T)) {
    T* out = reinterpret_cast<T*>(out_bytes);
    const T* in = reinterpret_cast<const T*>(in_bytes);
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = Functor::apply(in[i]);
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    *reinterpret_cast<T*>(out_bytes + i * out_step) =
        Functor::apply(*reinterpret_cast<const T*>(in_bytes + i * in_step));
  }
}

template <class Functor, class T>
void binary_row(char* out_bytes, const char* a_bytes, const char* b_bytes, int64_t n,
                int64_t out_step, int64_t a_step, int64_t b_step) {
  constexpr int64_t kUnit = sizeof(T);
  T* out = reinterpret_cast<T*>(out_bytes);
  const T* a = reinterpret_cast<const T*>(a_bytes);
  const T* b = reinterpret_cast<const T*>(b_bytes);
  if (out_step == kUnit && a_step == kUnit && b_step == kUnit) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = Functor::apply(a[i], b[i]);
  } else if (out_step == kUnit && a_step == kUnit && b_step == 0) {
    const T y = *b;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = Functor::apply(a[i], y);
  } else if (out_step == kUnit && a_step == 0 && b_step == kUnit) {
    const T x = *a;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = Functor::apply(x, b[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) {
      *reinterpret_cast<T*>(out_bytes + i * out_step) =
          Functor::apply(*reinterpret_cast<const T*>(a_bytes + i * a_step),
                         *reinterpret_cast<const T*>(b_bytes + i * b_step));
    }
  }
}

template <class T>
void where_row(char* const (&row)[kMaxOperands], const Loop& loop, int64_t n) {
  const int64_t out_step = loop.row_stride(0), mask_step = loop.row_stride(1);
  const int64_t a_step = loop.row_stride(2), b_step = loop.row_stride(3);
  for (int64_t i = 0; i < n; ++i) {
    const T mask = *reinterpret_cast<const T*>(row[1] + i * mask_step);
    const T a = *reinterpret_cast<const T*>(row[2] + i * a_step);
    const T b = *reinterpret_cast<const T*>(row[3] + i * b_step);
    *reinterpret_cast<T*>(row[0] + i * out_step) = mask != 0 ? a : b;
  }
}

template <class To, class From>
void convert_row(char* out, const char* in, int64_t n, int64_t out_step, int64_t in_step) {
  if (out_step == sizeof(To) && in_step == sizeof(From)) {
    To* __restrict to = reinterpret_cast<To*>(out);
    const From* __restrict from = reinterpret_cast<const From*>(in);
    for (int64_t i = 0; i < n; ++i) to[i] = kernels::converted<To>(from[i]);
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    *reinterpret_cast<To*>(out + i * out_step) =
        kernels::converted<To>(*reinterpret_cast<const From*>(in + i * in_step));
  }
}

// Calls body(row, n) with the operands' first elements for every row of the piece.
template <class Body>
void each_row(const Loop& loop, const Piece& piece, Body&& body) {
  const int64_t n = piece.column_last - piece.column_first;
  char* row[kMaxOperands];
  int64_t index[kMaxRank];
  row_start(loop, piece.row_first, row, index);
  for (int k = 0; k < loop.num_operands; ++k) row[k] += piece.column_first * loop.row_stride(k);
  for (int64_t r = piece.row_first; r < piece.row_last; ++r) {
    body(row, n);
    for (int axis = loop.rank - 2; axis >= 0; --axis) {
      const bool carry = ++index[axis] == loop.shape[axis];
      const int64_t steps = carry ? 1 - loop.shape[axis] : 1;
      for (int k = 0; k < loop.num_operands; ++k) row[k] += steps * loop.strides[k][axis];
      if (!carry) break;
      index[axis] = 0;
    }
  }
}

template <class Functor, class T>
void unary_piece(const Loop& loop, const Piece& piece) {
  each_row(loop, piece, [&](char* const(&row)[kMaxOperands], int64_t n) {
    unary_row<Functor, T>(row[0], row[1], n, loop.row_stride(0), loop.row_stride(1));
  });
}

template <class Functor, class T>
void binary_piece(const Loop& loop, const Piece& piece) {
  each_row(loop, piece, [&](char* const(&row)[kMaxOperands], int64_t n) {
    binary_row<Functor, T>(row[0], row[1], row[2], n, loop.row_stride(0), loop.row_stride(1),
                           loop.row_stride(2));
  });
}

template <class To>
void convert_piece(const Loop& loop, const Piece& piece) {
  each_row(loop, piece, [&](char* const(&row)[kMaxOperands], int64_t n) {
    const int64_t out_step = loop.row_stride(0), in_step = loop.row_stride(1);
    switch (loop.dtype[1]) {
      case DType::f32:
        return convert_row<To, float>(row[0], row[1], n, out_step, in_step);
      case DType::f64:
        return convert_row<To, double>(row[0], row[1], n, out_step, in_step);
      case DType::i32:
        return convert_row<To, int32_t>(row[0], row[1], n, out_step, in_step);
      case DType::bf16:
        return convert_row<To, Bf16>(row[0], row[1], n, out_step, in_step);
    }
  });
}

void unary(UnaryOp op, const Loop& loop, const Piece& piece) {
  kernels::visit(op, [&](auto functor) {
    using Functor = decltype(functor);
    if (loop.dtype[0] == DType::f32) return unary_piece<Functor, float>(loop, piece);
    if (loop.dtype[0] == DType::f64) return unary_piece<Functor, double>(loop, piece);
    if constexpr (Functor::integer()) unary_piece<Functor, int32_t>(loop, piece);
  });
}

void binary(BinaryOp op, const Loop& loop, const Piece& piece) {
  kernels::visit(op, [&](auto functor) {
    using Functor = decltype(functor);
    if (loop.dtype[0] == DType::f32) return binary_piece<Functor, float>(loop, piece);
    if (loop.dtype[0] == DType::f64) return binary_piece<Functor, double>(loop, piece);
    if constexpr (Functor::integer()) binary_piece<Functor, int32_t>(loop, piece);
  });
}

void where(const Loop& loop, const Piece& piece) {
  each_row(loop, piece, [&](char* const(&row)[kMaxOperands], int64_t n) {
    switch (loop.dtype[0]) {
      case DType::f32:
        return where_row<float>(row, loop, n);
      case DType::f64:
        return where_row<double>(row, loop, n);
      case DType::i32:
        return where_row<int32_t>(row, loop, n);
      case DType::bf16:
        return;  // no op asks for it
    }
  });
}

void convert(const Loop& loop, const Piece& piece) {
  switch (loop.dtype[0]) {
    case DType::f32:
      return convert_piece<float>(loop, piece);
    case DType::f64:
      return convert_piece<double>(loop, piece);
    case DType::i32:
      return convert_piece<int32_t>(loop, piece);
    case DType::bf16:
      return convert_piece<Bf16>(loop, piece);
  }
}

}  // namespace
}  // namespace engine::cpu
