#include "engine/cpu/loop.h"

#include <algorithm>

namespace engine::cpu {
namespace {

constexpr int64_t kPieceElements = 16384;

bool mergeable(const Loop& loop, int outer, int inner) {
  for (int k = 0; k < loop.num_operands; ++k) {
    if (loop.strides[k][outer] != loop.strides[k][inner] * loop.shape[inner]) return false;
  }
  return true;
}

}  // namespace

int64_t Loop::num_rows() const {
  int64_t rows = 1;
  for (int axis = 0; axis + 1 < rank; ++axis) rows *= shape[axis];
  return rows;
}

void Loop::row_start(int64_t row, char* (&start)[kMaxOperands], int64_t (&index)[kMaxRank]) const {
  for (int k = 0; k < num_operands; ++k) start[k] = data[k];
  for (int axis = rank - 2; axis >= 0; --axis) {
    index[axis] = row % shape[axis];
    row /= shape[axis];
    for (int k = 0; k < num_operands; ++k) start[k] += index[axis] * strides[k][axis];
  }
}

Loop make_loop(std::initializer_list<View> views) {
  Loop loop;
  const View& first = *views.begin();
  for (const View& view : views) {
    loop.data[loop.num_operands] = static_cast<char*>(view.data);
    loop.dtype[loop.num_operands++] = view.dtype;
  }
  // Axes of extent 1 are dropped, and an axis is merged into the one before it where it continues
  // that one in every operand.
  loop.rank = 0;
  for (int axis = 0; axis < first.rank; ++axis) {
    if (first.shape[axis] == 1) continue;
    loop.shape[loop.rank] = first.shape[axis];
    int k = 0;
    for (const View& view : views) {
      loop.strides[k++][loop.rank] = view.strides[axis] * size_of(view.dtype);
    }
    if (loop.rank > 0 && mergeable(loop, loop.rank - 1, loop.rank)) {
      loop.shape[loop.rank - 1] *= loop.shape[loop.rank];
      for (k = 0; k < loop.num_operands; ++k) {
        loop.strides[k][loop.rank - 1] = loop.strides[k][loop.rank];
      }
    } else {
      ++loop.rank;
    }
  }
  if (loop.rank == 0) {
    loop.rank = 1;
    loop.shape[0] = 1;
    int k = 0;
    for (const View& view : views) loop.strides[k++][0] = size_of(view.dtype);
  }
  return loop;
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
