// engine/cpu/vector/kernels.h: the loops that are compiled once per instruction set.
//
// kernels.cpp is compiled for each instruction set of vector/meson.build with ENGINE_CPU_ISA set to
// its name; dispatch.cpp picks the widest one that the processor has. The loops are plain C++ that
// the compiler vectorises. They call no inline function that another translation unit could share:
// the linker keeps one copy of such a function, and it might be the one for a newer processor.
#pragma once

#include "engine/cpu/pieces.h"
#include "engine/kernels/reduce_ops.h"
#include "engine/kernels/scalar_ops.h"

namespace engine::cpu {

struct VectorKernels {
  const char* isa;  // "portable", "avx2" or "avx512"
  // Operands: output, inputs.
  void (*unary)(UnaryOp op, const Loop& loop, const Piece& piece);
  void (*binary)(BinaryOp op, const Loop& loop, const Piece& piece);
  // Operands: output, mask, a, b.
  void (*where)(const Loop& loop, const Piece& piece);
  // Operands: output, input of any dtype.
  void (*convert)(const Loop& loop, const Piece& piece);
  // total combined with count elements that are `stride` bytes apart.
  double (*accumulate_run)(ReduceOp how, DType dtype, const char* data, int64_t count,
                           int64_t stride, double total);
  // totals[j] combined with element j of a contiguous row, for `columns` columns.
  void (*accumulate_row)(ReduceOp how, DType dtype, const char* row, int64_t columns,
                         double* totals);
};

// The kernels for this processor.
const VectorKernels& vector_kernels();

}  // namespace engine::cpu
