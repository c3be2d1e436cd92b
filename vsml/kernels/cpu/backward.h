// vsml/kernels/cpu/backward.h: gradients through K ticks of a tile's cells. Only isa.cpp includes
// it.
//
// Nothing but h and c before the ticks was stored: a block of cells ticks again, keeping its gates
// in the first cache level, and is then gone through backwards.
#pragma once

#include <type_traits>

#include "vsml/kernels/cpu/messages.h"

namespace vsml::kernels {
namespace {

// Scratch of a tile's backward pass, behind that of PackedTile.
template <class V, int H>
struct BackwardScratch {
  static constexpr int kCells = V::kBlocks * V::kCells;  // of a block
  static constexpr int kGateFloats = kGates * H;

  float* transposed;    // [part of h'][4H][lane]: W^T
  float* dw;            // [H][4H], gates packed
  float* dfrom_input;   // [rows][4H], gates packed
  float* dfrom_output;  // [columns][4H]
  float* h;             // [K + 1][cells][H]
  float* c;             // [K + 1][cells][H]
  float* kept;          // [K][cells][kKept][H]
  float* dgates;        // [cells][4H]
  float* dh;            // [cells][H]
  float* dc;            // [cells][H]
  float* end;

  BackwardScratch(const Tile& tile, float* at) {
    const auto take = [&at](int64_t floats) {
      float* here = at;
      at += floats;
      return here;
    };
    transposed = take(H * kGateFloats);
    dw = take(H * kGateFloats);
    dfrom_input = take(tile.rows * kGateFloats);
    dfrom_output = take(tile.columns * kGateFloats);
    h = take((tile.micro_ticks + 1) * kCells * H);
    c = take((tile.micro_ticks + 1) * kCells * H);
    kept = take(tile.micro_ticks * kCells * kKept * H);
    dgates = take(kCells * kGateFloats);
    dh = take(kCells * H);
    dc = take(kCells * H);
    end = at;
  }
  static int64_t floats(const Tile& tile) {
    return (2 * H + tile.rows + tile.columns + kCells) * kGateFloats +
           (2 * (tile.micro_ticks + 1) + tile.micro_ticks * kKept + 2) * kCells * H;
  }
};

// Column q of W, in the order of packed gates.
template <class V, int H>
int unpacked_column(int q) {
  constexpr int kLanes = V::kLanes;
  const int part = q / (kGates * kLanes), gate = q / kLanes % kGates, lane = q % kLanes;
  return gate * H + part * kLanes + lane;
}

template <class V, int H>
void pack_transposed(const float* w, float* to) {
  for (int part = 0; part < H / V::kLanes; ++part) {
    for (int q = 0; q < kGates * H; ++q) {
      const int column = unpacked_column<V, H>(q);
      for (int lane = 0; lane < V::kLanes; ++lane) {
        *to++ = w[(part * V::kLanes + lane) * kGates * H + column];
      }
    }
  }
}

// Packed rows of gates [rows, 4H] in the usual order.
template <class V, int H>
void unpack_gates(const float* from, int64_t rows, float* to) {
  constexpr int kLanes = V::kLanes;
  for (int64_t row = 0; row < rows; ++row, to += kGates * H) {
    for (int part = 0; part < H / kLanes; ++part) {
      for (int gate = 0; gate < kGates; ++gate, from += kLanes) {
        V::store(to + gate * H + part * kLanes, V::load(from));
      }
    }
  }
}

// From dh, dc after one tick of n cells to the gradients of its gates and to dc before it, which
// may take the place of dc.
template <class V, int H>
void gate_gradients(int n, const float* kept, const float* c, const float* dh, const float* dc,
                    float* before_dc, float* dgates) {
  using Cell = CellVector<V>;
  constexpr int kLanes = V::kLanes;
  for (int cell = 0; cell < n; ++cell) {
    for (int part = 0; part < H / kLanes; ++part) {
      const int at = cell * H + part * kLanes;
      const float* from = kept + cell * kKept * H + part * kLanes;
      const CellValues<Cell> values{V::load(from + kInputGate * H),
                                    V::load(from + kCandidateValue * H),
                                    V::load(from + kForgetGate * H),
                                    V::load(from + kOutputGate * H), V::load(from + kShown * H)};
      typename V::Vec gradients[kGates], memory = V::load(dc + at);
      gate_gradients_of<Cell>(values, V::load(c + at), V::load(dh + at), memory, gradients);
      float* to = dgates + cell * kGates * H + part * kGates * kLanes;
      for (int gate = 0; gate < kGates; ++gate) V::store(to + gate * kLanes, gradients[gate]);
      V::store(before_dc + at, memory);
    }
  }
}

// dw += h^T dgates over n cells.
template <class V, int H>
void add_weight_gradients(int n, const float* h, const float* dgates, float* dw) {
  using Vec = typename V::Vec;
  constexpr int kLanes = V::kLanes, kRows = V::kWeightRows;
  for (int part = 0; part < H / kLanes; ++part) {
    for (int k = 0; k < H; k += kRows) {
      float* to = dw + k * kGates * H + part * kGates * kLanes;
      Vec sum[kRows][kGates];
#pragma GCC unroll 4
      for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 4
        for (int gate = 0; gate < kGates; ++gate) {
          sum[row][gate] = V::load(to + row * kGates * H + gate * kLanes);
        }
      }
      const float* from = dgates + part * kGates * kLanes;
      const float* heard = h + k;
      for (int cell = 0; cell < n; ++cell, from += kGates * H, heard += H) {
        Vec gradient[kGates];
#pragma GCC unroll 4
        for (int gate = 0; gate < kGates; ++gate) gradient[gate] = V::load(from + gate * kLanes);
#pragma GCC unroll 4
        for (int row = 0; row < kRows; ++row) {
          const Vec x = V::all(heard[row]);
#pragma GCC unroll 4
          for (int gate = 0; gate < kGates; ++gate) {
            sum[row][gate] = V::fma(x, gradient[gate], sum[row][gate]);
          }
        }
      }
#pragma GCC unroll 4
      for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 4
        for (int gate = 0; gate < kGates; ++gate) {
          V::store(to + row * kGates * H + gate * kLanes, sum[row][gate]);
        }
      }
    }
  }
}

// dh = dgates W^T for n cells, n a constant so that their sums stay in registers.
template <class V, int H, int n>
void hidden_gradients(const float* dgates, const float* transposed, float* dh) {
  using Vec = typename V::Vec;
  constexpr int kLanes = V::kLanes, kGateFloats = kGates * H;
  for (int part = 0; part < H / kLanes; ++part, transposed += kGateFloats * kLanes) {
    Vec sum[n];
#pragma GCC unroll 16
    for (int cell = 0; cell < n; ++cell) sum[cell] = V::all(0.0f);
#pragma GCC unroll 4
    for (int q = 0; q < kGateFloats; ++q) {
      const Vec w = V::load(transposed + q * kLanes);
#pragma GCC unroll 16
      for (int cell = 0; cell < n; ++cell) {
        sum[cell] = V::fma(V::all(dgates[cell * kGateFloats + q]), w, sum[cell]);
      }
    }
#pragma GCC unroll 16
    for (int cell = 0; cell < n; ++cell) V::store(dh + cell * H + part * kLanes, sum[cell]);
  }
}

// The same for any number of cells.
template <class V, int H>
void all_hidden_gradients(int cells, const float* dgates, const float* transposed, float* dh) {
  constexpr int n = V::kHiddenCells;
  int cell = 0;
  for (; cell + n <= cells; cell += n) {
    hidden_gradients<V, H, n>(dgates + cell * kGates * H, transposed, dh + cell * H);
  }
  for (; cell < cells; ++cell) {
    hidden_gradients<V, H, 1>(dgates + cell * kGates * H, transposed, dh + cell * H);
  }
}

// The incoming gradients of one cell.
template <class V, int H, class Work>
void begin_gradients(const Work& work, int64_t row, int64_t column, int64_t offset, float* dh,
                     float* dc) {
  for (int k = 0; k < H; k += V::kLanes) {
    auto sum = V::all(0.0f);
    if (work.dnext_h != nullptr) sum = V::load(work.dnext_h + offset + k);
    if (work.dover_rows != nullptr) sum = sum + V::load(work.dover_rows + column * H + k);
    if (work.dover_columns != nullptr) sum = sum + V::load(work.dover_columns + row * H + k);
    V::store(dh + k, sum);
    V::store(dc + k, work.dnext_c == nullptr ? V::all(0.0f) : V::load(work.dnext_c + offset + k));
  }
}

// Adds the gates' gradients of cells in order to those of their rows' and columns' shares. Cells of
// one row follow one another, so a row's sum stays in registers.
template <class V, int H>
void add_share_gradients(const Tile& tile, int64_t first, int cells,
                         const BackwardScratch<V, H>& s) {
  using Vec = typename V::Vec;
  constexpr int kFloats = kGates * H, kVectors = kFloats / V::kLanes;
  constexpr int kTogether = kVectors < 8 ? kVectors : 8;
  int64_t row = first / tile.columns, column = first % tile.columns;
  for (int from = 0; from < cells;) {
    const auto left = static_cast<int>(tile.columns - column);
    const int run = left < cells - from ? left : cells - from;
    for (int part = 0; part < kVectors; part += kTogether) {
      float* to_row = s.dfrom_input + row * kFloats + part * V::kLanes;
      float* to_column = s.dfrom_output + column * kFloats + part * V::kLanes;
      const float* gradient = s.dgates + from * kFloats + part * V::kLanes;
      Vec sum[kTogether];
#pragma GCC unroll 8
      for (int v = 0; v < kTogether; ++v) sum[v] = V::load(to_row + v * V::kLanes);
      for (int cell = 0; cell < run; ++cell, gradient += kFloats, to_column += kFloats) {
#pragma GCC unroll 8
        for (int v = 0; v < kTogether; ++v) {
          const Vec x = V::load(gradient + v * V::kLanes);
          sum[v] = sum[v] + x;
          V::store(to_column + v * V::kLanes, V::load(to_column + v * V::kLanes) + x);
        }
      }
#pragma GCC unroll 8
      for (int v = 0; v < kTogether; ++v) V::store(to_row + v * V::kLanes, sum[v]);
    }
    from += run;
    column = 0;
    ++row;
  }
}

// `cells` cells from `first` on, a multiple of n that is at most a block.
template <class V, int H, int n, class Hidden, class Memory>
void backward_block(const BackwardTile<Hidden, Memory>& work, int64_t first, int cells,
                    const PackedTile<V, H>& packed, const TileMessages<V, H>& messages,
                    const BackwardScratch<V, H>& s) {
  const int64_t ticks = work.tile.micro_ticks;
  const int64_t first_cell = Block<1>(work.tile, first, H).offset[0];
  const bool together =
      Block<1>(work.tile, first + cells - 1, H).offset[0] - first_cell == (cells - 1) * H;
  constexpr bool kPlain = std::is_same_v<Hidden, float> && std::is_same_v<Memory, float>;
  const bool copied = !together || !kPlain;
  const float *h0 = s.h, *c0 = s.c;
  if constexpr (kPlain) {
    if (together) {
      h0 = work.h + first_cell;
      c0 = work.c + first_cell;
    }
  }
  float* dh0 = together ? work.dh + first_cell : s.dh;
  float* dc0 = together ? work.dc + first_cell : s.dc;
  const auto h_of = [&](int64_t k) { return k == 0 ? h0 : s.h + k * cells * H; };
  const auto c_of = [&](int64_t k) { return k == 0 ? c0 : s.c + k * cells * H; };
  for (int from = 0; from < cells; from += n) {
    const Block<n> block(work.tile, first + from, H);
    for (int cell = 0; cell < n; ++cell) {
      const int64_t at = (from + cell) * H, offset = block.offset[cell];
      if (copied) {
        copy_to<V, H>(s.h + at, work.h + offset);
        copy_to<V, H>(s.c + at, work.c + offset);
      }
      ahead<H>(work.h + offset, BackwardScratch<V, H>::kCells);
      ahead<H>(work.c + offset, BackwardScratch<V, H>::kCells);
      ahead<H>(work.dh + offset, BackwardScratch<V, H>::kCells);
      ahead<H>(work.dc + offset, BackwardScratch<V, H>::kCells);
      if (work.dnext_h != nullptr) ahead<H>(work.dnext_h + offset, BackwardScratch<V, H>::kCells);
      if (work.dnext_c != nullptr) ahead<H>(work.dnext_c + offset, BackwardScratch<V, H>::kCells);
      begin_gradients<V, H>(work, block.row[cell], block.column[cell], offset, s.dh + at,
                            s.dc + at);
    }
    for (int64_t k = 0; k < ticks; ++k) {
      const int64_t at = (k + 1) * cells * H + from * H;
      tick_block<V, H, n, true>(block, packed, h_of(k) + from * H, c_of(k) + from * H, s.h + at,
                                s.c + at, s.kept + (k * cells + from) * kKept * H);
    }
  }
  if (messages.any()) messages.template add_gradients<n>(first, cells, h_of(ticks), s.dh);
  for (int64_t k = ticks; k-- > 0;) {
    gate_gradients<V, H>(cells, s.kept + k * cells * kKept * H, c_of(k), s.dh, s.dc,
                         k == 0 ? dc0 : s.dc, s.dgates);
    add_weight_gradients<V, H>(cells, h_of(k), s.dgates, s.dw);
    all_hidden_gradients<V, H>(cells, s.dgates, s.transposed, k == 0 ? dh0 : s.dh);
    add_share_gradients<V, H>(work.tile, first, cells, s);
  }
  if (together) return;
  for (int from = 0; from < cells; from += n) {
    const Block<n> block(work.tile, first + from, H);
    for (int cell = 0; cell < n; ++cell) {
      copy_to<V, H>(work.dh + block.offset[cell], s.dh + (from + cell) * H);
      copy_to<V, H>(work.dc + block.offset[cell], s.dc + (from + cell) * H);
    }
  }
}

template <class V, int H, class Hidden, class Memory>
void backward(const BackwardTile<Hidden, Memory>& given) {
  constexpr int n = V::kCells, kBlock = BackwardScratch<V, H>::kCells;
  BackwardTile<Hidden, Memory> work = given;
  const Tile& tile = work.tile;
  const PackedTile<V, H> packed(tile);
  const BackwardScratch<V, H> s(tile, packed.end());
  const TileMessages<V, H> messages(tile, s.end);
  if (messages.any()) {
    messages.begin_gradients(work.dover_rows, work.dover_columns);
    work.dover_rows = work.dover_columns = nullptr;  // not of h
  }
  pack_transposed<V, H>(tile.w_hidden, s.transposed);
  clear<V>(s.dw, H * kGates * H);
  clear<V>(s.dfrom_input, tile.rows * kGates * H);
  clear<V>(s.dfrom_output, tile.columns * kGates * H);
  const int64_t cells = tile.rows * tile.columns;
  int64_t first = 0;
  for (; first + kBlock <= cells; first += kBlock) {
    backward_block<V, H, n>(work, first, kBlock, packed, messages, s);
  }
  const int whole = static_cast<int>(cells - first) / n * n;
  if (whole > 0) backward_block<V, H, n>(work, first, whole, packed, messages, s);
  first += whole;
  for (; first < cells; ++first) backward_block<V, H, 1>(work, first, 1, packed, messages, s);
  unpack_gates<V, H>(s.dw, H, work.dw_hidden);
  unpack_gates<V, H>(s.dfrom_input, tile.rows, work.dfrom_input);
  unpack_gates<V, H>(s.dfrom_output, tile.columns, work.dfrom_output);
  if (messages.any()) messages.store_gradients(work.dmessengers);
}

}  // namespace
}  // namespace vsml::kernels
