// The kernels of one instruction set: compiled once for each, with VSML_ISA its name.
#include "vsml/kernels/cpu/isa.h"

#include "vsml/kernels/cpu/backward.h"
#include "vsml/kernels/cpu/forward.h"

namespace vsml::kernels {
namespace {

template <class V, int H>
int64_t forward_floats(const Tile& tile) {
  return PackedTile<V, H>::floats(tile) + TileMessages<V, H>::floats(tile);
}

template <class V, int H>
int64_t backward_floats(const Tile& tile) {
  return forward_floats<V, H>(tile) + BackwardScratch<V, H>::floats(tile);
}

template <class V, int H>
TileKernels kernels_of() {
  return {{forward<V, H, float, float>, backward<V, H, float, float>},
          {forward<V, H, Bf16, float>, backward<V, H, Bf16, float>},
          {forward<V, H, Bf16, Bf16>, backward<V, H, Bf16, Bf16>},
          update_cells<V, H>,
          multiply_adds<V>,
          forward_floats<V, H>,
          backward_floats<V, H>};
}

#if defined(__AVX512F__)
using Widest = Wide;
#else
using Widest = Half;
#endif

}  // namespace

TileKernels VSML_ISA_FUNCTION(int64_t state_size) {
  switch (state_size) {
    case 8:
      return kernels_of<Half, 8>();
    case 16:
      return kernels_of<Widest, 16>();
    case 32:
      return kernels_of<Widest, 32>();
    case 64:
      return kernels_of<Widest, 64>();
    default:
      return {};
  }
}

}  // namespace vsml::kernels
