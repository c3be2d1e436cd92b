// engine/cpu/pieces.h: how a loop over strided arrays is cut for parallel work.
#pragma once

#include "engine/kernels/loop.h"

namespace engine::cpu {

using kernels::kMaxOperands;
using kernels::Loop;
using kernels::make_loop;

// First elements of row `row` for every operand, and the row's index along each outer axis.
void row_start(const Loop& loop, int64_t row, char* (&start)[kMaxOperands],
               int64_t (&index)[kMaxRank]);

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
