// engine/cuda/kernels.h: the CUDA kernels behind engine/backend.h, one file per kind.
#pragma once

#include "engine/cuda/queue.h"

namespace engine::cuda {

// elementwise.cu
void fill(const Queue& queue, double value, const View& out);
void copy(const Queue& queue, const View& in, const View& out);
void unary(const Queue& queue, UnaryOp op, const View& in, const View& out);
void binary(const Queue& queue, BinaryOp op, const View& a, const View& b, const View& out);
void where(const Queue& queue, const View& mask, const View& a, const View& b, const View& out);

// reduce.cu
void reduce(const Queue& queue, ReduceOp op, const View& in, const View& out);
void argmax(const Queue& queue, const View& in, int axis, const View& out);

// product.cu: our own product, for any strides and sizes.
void tiled_product(const Queue& queue, const View& a, const View& b, const View& out,
                   bool accumulate);
// gemm.cpp: by cuBLAS where that is installed, else by the above. TF32 is not used.
void matmul(const Queue& queue, const View& a, const View& b, const View& out, bool accumulate);

// gather.cu
void gather(const Queue& queue, const View& in, const View& index, int axis, const View& out);
void scatter_add(const Queue& queue, const View& in, const View& index, int axis, const View& out);

// patches.cu
void unfold(const Queue& queue, const View& image, const View& patches, int64_t stride,
            int64_t pad_y, int64_t pad_x);
void fold(const Queue& queue, const View& patches, const View& image, int64_t stride, int64_t pad_y,
          int64_t pad_x);

// random.cu
void random(const Queue& queue, RandomKind kind, const RngKey& key, int64_t first, double scale,
            const View& out);

}  // namespace engine::cuda
