// engine/cpu/loop.h: how elementwise kernels walk strided arrays.
//
// A Loop is the shape of the output and the strides of up to four operands (the output first), with
// axes merged where all of them allow it. Its last axis is the row that kernels run over; the axes
// before it are counted row by row.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "engine/kernels/view.h"

namespace engine::cpu {

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
  // First elements of row `row` for every operand, and the row's index along each outer axis.
  void row_start(int64_t row, char* (&start)[kMaxOperands], int64_t (&index)[kMaxRank]) const;
};

// Views of equal shape (stride 0 where broadcast).
Loop make_loop(std::initializer_list<View> views);

// A piece of a loop: rows [row_first, row_last), and of each row the columns
// [column_first, column_last).
struct Piece {
  int64_t row_first, row_last, column_first, column_last;
};

// Cuts a loop into pieces of about 16,384 elements; the cut depends on the shape alone.
class Pieces {
 public:
  explicit Pieces(const Loop& loop);
  int64_t count() const { return row_blocks_ * column_blocks_; }
  Piece operator[](int64_t k) const;

 private:
  int64_t rows_, columns_, rows_per_block_, columns_per_block_, row_blocks_, column_blocks_;
};

}  // namespace engine::cpu
