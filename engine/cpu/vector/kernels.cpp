#include "engine/cpu/vector/kernels.h"

#include "engine/cpu/vector/elementwise.h"
#include "engine/cpu/vector/reduce.h"

#define ENGINE_TEXT_OF(name) #name
#define ENGINE_TEXT(name) ENGINE_TEXT_OF(name)

namespace engine::cpu::ENGINE_CPU_ISA {

extern const VectorKernels kernels;
const VectorKernels kernels = {
    ENGINE_TEXT(ENGINE_CPU_ISA), unary, binary, where, convert, accumulate_run, accumulate_row};

}  // namespace engine::cpu::ENGINE_CPU_ISA
