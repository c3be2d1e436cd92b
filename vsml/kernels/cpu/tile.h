// vsml/kernels/cpu/tile.h: what the kernels of every instruction set are asked to do: K ticks of
// the cells of one tile, a block of rows and columns of one layer of one example.
//
// All arrays are f32, but for h and c, which are kept in elements of their own types: float, or
// Bf16, which is widened when it is read and rounded once, when it is written. Over the ticks of
// one call h and c are f32, as are the sums of h. The order of gates is that of vsml/cell.h. Cell
// (i, o) of the tile has its state at h + i * row_step + o * H.
#pragma once

#include <cstdint>

#include "engine/dtype.h"

namespace vsml::kernels {

struct Tile {
  int64_t rows = 0, columns = 0;       // of cells
  int64_t row_step = 0;                // elements from a cell to the one in the next row
  int64_t micro_ticks = 0;             // K
  const float* from_input = nullptr;   // [rows, 4H]     the messages' share of the gates
  const float* from_output = nullptr;  // [columns, 4H]
  const float* w_hidden = nullptr;     // [H, 4H]
  // Messages that are normalised and then summed (message_norm.h); size 0: h is summed.
  int64_t message_size = 0, directions = 0;
  const float* messengers = nullptr;  // [H + 1, directions * message_size]
  float* scratch = nullptr;           // see TileKernels; aligned to 64 bytes
};

template <class Hidden, class Memory>
struct ForwardTile {
  Tile tile;
  const Hidden* h = nullptr;
  const Memory* c = nullptr;
  Hidden* next_h = nullptr;  // may be h itself
  Memory* next_c = nullptr;  // may be c itself
  // Sums of next_h, or of messages, whose size then takes the place of H.
  float* over_rows = nullptr;     // [columns, H]  over the tile's rows
  float* over_columns = nullptr;  // [rows, H]     over its columns; null: not wanted
};

// Gates are computed again from h and c. Where a pointer may be null, it stands for zeros (an
// incoming gradient) or for not wanted (an outgoing one).
template <class Hidden, class Memory>
struct BackwardTile {
  Tile tile;
  const Hidden* h = nullptr;  // before the ticks
  const Memory* c = nullptr;
  const float *dnext_h = nullptr, *dnext_c = nullptr;           // may be null
  const float *dover_rows = nullptr, *dover_columns = nullptr;  // may be null
  float *dh = nullptr, *dc = nullptr;
  float* dfrom_input = nullptr;   // [rows, 4H]     sums over the tile's columns
  float* dfrom_output = nullptr;  // [columns, 4H]  sums over the tile's rows
  float* dw_hidden = nullptr;     // [H, 4H]        sum over the tile's cells
  float* dmessengers = nullptr;   // as messengers, if there are any
};

// The two passes over h and c of such types.
template <class Hidden, class Memory>
struct TilePasses {
  void (*forward)(const ForwardTile<Hidden, Memory>&) = nullptr;
  void (*backward)(const BackwardTile<Hidden, Memory>&) = nullptr;
};

// The kernels of one instruction set for one state size.
struct TileKernels {
  TilePasses<float, float> single;
  TilePasses<engine::Bf16, float> half_h;
  TilePasses<engine::Bf16, engine::Bf16> half;
  // A tick without its product: from gates [cells, 4H], in order and unit as the kernels keep them,
  // to h and c [cells, H]. Nothing but benchmarks calls it: a bound for the whole tick.
  void (*update)(const float* gates, int64_t cells, float* h, float* c) = nullptr;
  // Multiply-adds of vectors in registers, `turns` rounds of them from and to sums [H]: the most
  // that a core can do. For benchmarks only. Returns the number of floating-point operations.
  double (*multiply_adds)(int64_t turns, float* sums) = nullptr;
  // Floats of scratch memory that they need for a tile of this size.
  int64_t (*forward_floats)(const Tile&) = nullptr;
  int64_t (*backward_floats)(const Tile&) = nullptr;
};

// What this processor does best; null functions if there are no kernels for this state size.
TileKernels tile_kernels(int64_t state_size);

}  // namespace vsml::kernels
