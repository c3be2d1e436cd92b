// engine/kernels/loop.h: how elementwise kernels walk strided arrays.
//
// A Loop is the shape of the output and the strides of up to four operands (the output first), with
// axes merged where all of them allow it. Its last axis is the row; the axes before it are counted
// row by row.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "engine/kernels/view.h"

namespace engine::kernels {

inline constexpr int kMaxOperands = 4;

struct Loop {
  int rank = 1;
  int num_operands = 0;
  int64_t shape[kMaxRank] = {1};
  char* data[kMaxOperands] = {};
  DType dtype[kMaxOperands] = {};
  int64_t strides[kMaxOperands][kMaxRank] = {};  // in bytes

  int64_t row_length() const { return shape[rank - 1]; }
  int64_t row_stride(int operand) const { return strides[operand][rank - 1]; }
  int64_t num_rows() const;
};

// Views of equal shape (stride 0 where broadcast).
Loop make_loop(std::initializer_list<View> views);

// index / extent, with index becoming the remainder: in 32 bits where they suffice, since no
// processor divides 64 bits fast.
ENGINE_HD int64_t divide(int64_t& index, int64_t extent) {
  int64_t quotient = 0;
  if ((static_cast<uint64_t>(index) | static_cast<uint64_t>(extent)) >> 32 == 0) {
    quotient = static_cast<uint32_t>(index) / static_cast<uint32_t>(extent);
  } else {
    quotient = index / extent;
  }
  index -= quotient * extent;
  return quotient;
}

// Where element `index` of the loop, in row-major order, is in every operand: bytes from its data.
ENGINE_HD void offsets_of(const Loop& loop, int64_t index, int64_t (&offset)[kMaxOperands]) {
  for (int k = 0; k < kMaxOperands; ++k) offset[k] = 0;
  for (int axis = loop.rank - 1; axis >= 0; --axis) {
    int64_t place = index;
    if (axis > 0) {
      index = divide(place, loop.shape[axis]);
    }
    for (int k = 0; k < kMaxOperands; ++k) offset[k] += place * loop.strides[k][axis];
  }
}

}  // namespace engine::kernels
