// engine/cpu/kernels.h: the CPU kernels behind engine/backend.h, one file per kind.
#pragma once

#include "engine/backend.h"

namespace engine::cpu {

// elementwise.cpp
void fill(double value, const View& out);
void copy(const View& in, const View& out);
void unary(UnaryOp op, const View& in, const View& out);
void binary(BinaryOp op, const View& a, const View& b, const View& out);
void where(const View& mask, const View& a, const View& b, const View& out);

// reduce.cpp
void reduce(ReduceOp op, const View& in, const View& out);
void argmax(const View& in, int axis, const View& out);

// gemm.cpp. check_blas() sets OpenBLAS to one thread and throws Error if it will not obey or gives
// a wrong product.
void check_blas();
void matmul(const View& a, const View& b, const View& out, bool accumulate);

// gather.cpp
void gather(const View& in, const View& index, int axis, const View& out);
void scatter_add(const View& in, const View& index, int axis, const View& out);

// patches.cpp
void unfold(const View& image, const View& patches, int64_t stride, int64_t pad_y, int64_t pad_x);
void fold(const View& patches, const View& image, int64_t stride, int64_t pad_y, int64_t pad_x);

// random.cpp
void random(RandomKind kind, const RngKey& key, int64_t first, double scale, const View& out);

}  // namespace engine::cpu
