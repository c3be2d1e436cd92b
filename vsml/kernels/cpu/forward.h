// vsml/kernels/cpu/forward.h: K ticks of a tile's cells. Only isa.cpp includes it.
#pragma once

#include "vsml/kernels/cpu/ticks.h"

namespace vsml::kernels {
namespace {

template <class V, int H, int n>
void forward_block(const ForwardTile& work, int64_t first, const PackedTile<V, H>& packed) {
  const Block<n> block(work.tile, first, H);
  float *h = packed.buffers, *next_h = h + n * H, *c = h + 2 * n * H;
  for (int cell = 0; cell < n; ++cell) {
    copy_to<V, H>(h + cell * H, work.h + block.offset[cell]);
    copy_to<V, H>(c + cell * H, work.c + block.offset[cell]);
    ahead<H>(work.h + block.offset[cell], 4 * V::kCells);
    ahead<H>(work.c + block.offset[cell], 4 * V::kCells);
  }
  for (int64_t k = 0; k < work.tile.micro_ticks; ++k) {
    tick_block<V, H, n, false>(block, packed, h, c, next_h, c, nullptr);
    float* before = h;
    h = next_h;
    next_h = before;
  }
  for (int cell = 0; cell < n; ++cell) {
    copy_to<V, H>(work.next_h + block.offset[cell], h + cell * H);
    copy_to<V, H>(work.next_c + block.offset[cell], c + cell * H);
    add_to<V, H>(work.over_rows + block.column[cell] * H, h + cell * H);
    if (work.over_columns != nullptr) {
      add_to<V, H>(work.over_columns + block.row[cell] * H, h + cell * H);
    }
  }
}

template <class V, int H>
void forward(const ForwardTile& work) {
  constexpr int n = V::kCells;
  const Tile& tile = work.tile;
  const PackedTile<V, H> packed(tile);
  clear<V>(work.over_rows, tile.columns * H);
  if (work.over_columns != nullptr) clear<V>(work.over_columns, tile.rows * H);
  const int64_t cells = tile.rows * tile.columns;
  int64_t first = 0;
  for (; first + n <= cells; first += n) forward_block<V, H, n>(work, first, packed);
  for (; first < cells; ++first) forward_block<V, H, 1>(work, first, packed);
}

}  // namespace
}  // namespace vsml::kernels
