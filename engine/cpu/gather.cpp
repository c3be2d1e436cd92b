#include "engine/cpu/kernels.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

// `view` with `axis` narrowed to the one place `index`.
View slice_at(const View& view, int axis, int64_t index) {
  View slice = view;
  slice.data = static_cast<char*>(view.data) + index * view.strides[axis] * size_of(view.dtype);
  slice.shape[axis] = 1;
  return slice;
}

}  // namespace

void gather(const View& in, const View& index, int axis, const View& out) {
  const auto* places = static_cast<const int32_t*>(index.data);
  parallel_for(out.shape[axis],
               [&](int64_t j) { copy(slice_at(in, axis, places[j]), slice_at(out, axis, j)); });
}

// One place after another: the same place may come twice, and the order of additions is fixed.
void scatter_add(const View& in, const View& index, int axis, const View& out) {
  const auto* places = static_cast<const int32_t*>(index.data);
  for (int64_t j = 0; j < in.shape[axis]; ++j) {
    const View target = slice_at(out, axis, places[j]);
    binary(BinaryOp::Add, target, slice_at(in, axis, j), target);
  }
}

}  // namespace engine::cpu
