// vsml/kernels/cpu/forward.h: K ticks of a tile's cells. Only isa.cpp includes it.
#pragma once

#include <type_traits>

#include "vsml/kernels/cpu/messages.h"

namespace vsml::kernels {
namespace {

template <class V, int H, int n, class Hidden, class Memory>
void forward_block(const ForwardTile<Hidden, Memory>& work, int64_t first,
                   const PackedTile<V, H>& packed, const TileMessages<V, H>& messages) {
  const Block<n> block(work.tile, first, H);
  float *buffer = packed.buffers, *other = buffer + n * H, *memory = buffer + 2 * n * H;
  // Whether states are worked on where they lie.
  constexpr bool kPlain = std::is_same_v<Hidden, float> && std::is_same_v<Memory, float>;
  const bool together = kPlain && block.together(H);
  const float *h = buffer, *c = memory;
  float *last_h = nullptr, *last_c = nullptr;
  if constexpr (kPlain) {
    if (together) {
      h = work.h + block.offset[0];
      c = work.c + block.offset[0];
      last_h = work.next_h + block.offset[0];
      last_c = work.next_c + block.offset[0];
    }
  }
  for (int cell = 0; cell < n; ++cell) {
    if (!together) {
      copy_to<V, H>(buffer + cell * H, work.h + block.offset[cell]);
      copy_to<V, H>(memory + cell * H, work.c + block.offset[cell]);
    }
    ahead<H>(work.h + block.offset[cell], 4 * V::kCells);
    ahead<H>(work.c + block.offset[cell], 4 * V::kCells);
  }
  for (int64_t k = 0; k < work.tile.micro_ticks; ++k) {
    // A tick of states of several parts reads all of h for each.
    const bool there =
        together && k + 1 == work.tile.micro_ticks && (Shape<V, H>::kParts == 1 || h != last_h);
    float* next_h = there ? last_h : h == buffer ? other : buffer;
    float* next_c = there ? last_c : memory;
    tick_block<V, H, n, false>(block, packed, h, c, next_h, next_c, nullptr);
    h = next_h;
    c = next_c;
  }
  const bool there = c != memory;
  for (int cell = 0; cell < n; ++cell) {
    if (!there) {
      copy_to<V, H>(work.next_h + block.offset[cell], h + cell * H);
      copy_to<V, H>(work.next_c + block.offset[cell], c + cell * H);
    }
    if (messages.any()) continue;
    add_to<V, H>(work.over_rows + block.column[cell] * H, h + cell * H);
    if (work.over_columns != nullptr) {
      add_to<V, H>(work.over_columns + block.row[cell] * H, h + cell * H);
    }
  }
  if (messages.any()) messages.add(block, h);
}

// What a tick does behind its product, for cells whose gates [cells, 4H] are there, packed.
template <class V, int H>
void update_cells(const float* gates, int64_t cells, float* h, float* c) {
  using S = Shape<V, H>;
  for (int64_t cell = 0; cell < cells; ++cell) {
    for (int part = 0; part < S::kParts; ++part, gates += kGates * S::kLanes) {
      typename V::Vec of_part[kGates];
#pragma GCC unroll 4
      for (int gate = 0; gate < kGates; ++gate) of_part[gate] = V::load(gates + gate * S::kLanes);
      const int64_t at = cell * H + part * S::kLanes;
      update<V, H, false>(of_part, c + at, h + at, c + at, nullptr);
    }
  }
}

// Multiply-adds in registers, in more chains than any processor needs to hide how long one takes.
template <class V>
double multiply_adds(int64_t turns, float* sums) {
  constexpr int kChains = 12;
  typename V::Vec sum[kChains];
  const typename V::Vec a = V::load(sums), b = V::all(0.5f);
#pragma GCC unroll 12
  for (int k = 0; k < kChains; ++k) sum[k] = V::all(static_cast<float>(k));
  for (int64_t turn = 0; turn < turns; ++turn) {
#pragma GCC unroll 12
    for (int k = 0; k < kChains; ++k) sum[k] = V::fma(sum[k], b, a);
  }
  for (int k = 1; k < kChains; ++k) sum[0] = sum[0] + sum[k];
  V::store(sums, sum[0]);
  return 2.0 * kChains * V::kLanes * static_cast<double>(turns);
}

template <class V, int H, class Hidden, class Memory>
void forward(const ForwardTile<Hidden, Memory>& work) {
  constexpr int n = V::kCells;
  const Tile& tile = work.tile;
  const PackedTile<V, H> packed(tile);
  const TileMessages<V, H> messages(tile, packed.end());
  if (!messages.any()) {
    clear<V>(work.over_rows, tile.columns * H);
    if (work.over_columns != nullptr) clear<V>(work.over_columns, tile.rows * H);
  }
  const int64_t cells = tile.rows * tile.columns;
  int64_t first = 0;
  for (; first + n <= cells; first += n) forward_block<V, H, n>(work, first, packed, messages);
  for (; first < cells; ++first) forward_block<V, H, 1>(work, first, packed, messages);
  if (messages.any()) messages.store_sums(work.over_rows, work.over_columns);
}

}  // namespace
}  // namespace vsml::kernels
