#include "engine/kernels/loop.h"

namespace engine::kernels {
namespace {

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

}  // namespace engine::kernels
