// vsml/kernels/cpu/isa.h: the kernels by instruction set; tile_kernels() chooses.
#pragma once

#include "vsml/kernels/cpu/tile.h"

namespace vsml::kernels {

TileKernels avx512_kernels(int64_t state_size);
TileKernels avx2_kernels(int64_t state_size);
TileKernels portable_kernels(int64_t state_size);

}  // namespace vsml::kernels
