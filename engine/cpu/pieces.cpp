#include "engine/cpu/pieces.h"

#include <algorithm>

namespace engine::cpu {
namespace {

constexpr int64_t kPieceElements = 16384;

}  // namespace

void row_start(const Loop& loop, int64_t row, char* (&start)[kMaxOperands],
               int64_t (&index)[kMaxRank]) {
  for (int k = 0; k < loop.num_operands; ++k) start[k] = loop.data[k];
  for (int axis = loop.rank - 2; axis >= 0; --axis) {
    index[axis] = row % loop.shape[axis];
    row /= loop.shape[axis];
    for (int k = 0; k < loop.num_operands; ++k) start[k] += index[axis] * loop.strides[k][axis];
  }
}

Pieces::Pieces(const Loop& loop) : rows_(loop.num_rows()), columns_(loop.row_length()) {
  columns_per_block_ = std::min(columns_, kPieceElements);
  rows_per_block_ = columns_ == 0 ? 1 : std::max<int64_t>(1, kPieceElements / columns_);
  row_blocks_ = (rows_ + rows_per_block_ - 1) / rows_per_block_;
  column_blocks_ = columns_ == 0 ? 0 : (columns_ + columns_per_block_ - 1) / columns_per_block_;
}

Piece Pieces::operator[](int64_t k) const {
  const int64_t row = k / column_blocks_ * rows_per_block_;
  const int64_t column = k % column_blocks_ * columns_per_block_;
  return {row, std::min(rows_, row + rows_per_block_), column,
          std::min(columns_, column + columns_per_block_)};
}

}  // namespace engine::cpu
