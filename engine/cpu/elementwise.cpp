#include "engine/cpu/kernels.h"
#include "engine/cpu/pieces.h"
#include "engine/cpu/vector/kernels.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

// Runs kernel(loop, piece) over all pieces, in parallel where there are several.
template <class Kernel>
void run(const Loop& loop, Kernel&& kernel) {
  const Pieces pieces(loop);
  if (pieces.count() == 1) return kernel(loop, pieces[0]);
  parallel_for(pieces.count(), [&](int64_t k) { kernel(loop, pieces[k]); });
}

}  // namespace

void fill(double value, const View& out) {
  View source = out;
  source.data = &value;
  source.dtype = DType::f64;
  for (int64_t& stride : source.strides) stride = 0;
  copy(source, out);
}

void copy(const View& in, const View& out) {
  run(make_loop({out, in}), vector_kernels().convert);
}

void unary(UnaryOp op, const View& in, const View& out) {
  run(make_loop({out, in}),
      [op](const Loop& loop, const Piece& piece) { vector_kernels().unary(op, loop, piece); });
}

void binary(BinaryOp op, const View& a, const View& b, const View& out) {
  run(make_loop({out, a, b}),
      [op](const Loop& loop, const Piece& piece) { vector_kernels().binary(op, loop, piece); });
}

void where(const View& mask, const View& a, const View& b, const View& out) {
  run(make_loop({out, mask, a, b}), vector_kernels().where);
}

}  // namespace engine::cpu
