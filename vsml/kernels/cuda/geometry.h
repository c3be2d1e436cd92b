// vsml/kernels/cuda/geometry.h: how the cells of layers are given to blocks of threads.
//
// A tile is `rows` x `columns` cells of one layer, a block's work. It is gone through in units:
// kSlots cells one below the other, of one column. H threads, a group, have one unit at a time, one
// channel each; a block has kGroups of them. The units of a tile are numbered along the rows of a
// chunk of kSlots rows, chunk by chunk; a step is the next kGroups units. All cuts follow from the
// layer's shape alone.
#pragma once

#include <cstdint>

#include "engine/kernels/block.h"

namespace vsml::kernels::cuda {

using engine::kernels::kBlockThreads;

struct TilePlan {
  int64_t layers = 0, inputs = 0, outputs = 0;
  int64_t rows = 0, columns = 0;            // of a tile
  int64_t row_tiles = 0, column_tiles = 0;  // of a layer
  int64_t tiles = 0;                        // of all layers
};

// slots: rows of a unit; most_columns: what a tile's sums have room for.
inline TilePlan plan_tiles(int64_t layers, int64_t inputs, int64_t outputs, int64_t state_size,
                           int slots, int64_t most_columns) {
  const auto up = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  // So many cells that the parameters, which every tile reads, and its own sums are little beside
  // the state.
  const int64_t cells = state_size <= 32 ? 640 : 2048, least_rows = 64;
  TilePlan plan{layers, inputs, outputs, 0, 0, 0, 0, 0};
  plan.columns = up(outputs, up(outputs, most_columns));
  const int64_t wanted = up(cells, plan.columns);
  const int64_t rows = wanted > least_rows ? wanted : least_rows;
  plan.rows = up(up(inputs, up(inputs, rows)), slots) * slots;
  plan.row_tiles = up(inputs, plan.rows);
  plan.column_tiles = up(outputs, plan.columns);
  plan.tiles = layers * plan.row_tiles * plan.column_tiles;
  return plan;
}

template <int H>
struct Geometry {
  static constexpr int kGroups = kBlockThreads / H;
  static constexpr int kForwardSlots = 8, kBackwardSlots = 4;
  static constexpr int kForwardColumns = 64, kBackwardColumns = H <= 16 ? 64 : 1024 / H;
  // Rows of shared memory, with room between them so that the threads of a warp use other banks.
  static constexpr int kStateStride = H + 4, kGateStride = 4 * H + 4;
  static constexpr int kForwardCells = kGroups * kForwardSlots;  // of a step
  static constexpr int kBackwardCells = kGroups * kBackwardSlots;
  static constexpr int kForwardFloats =
      H * kGateStride + 2 * kForwardCells * kStateStride + kForwardColumns * H;
  static constexpr int kBackwardFloats = H * kGateStride + 2 * kBackwardCells * kStateStride +
                                         kBackwardCells * kGateStride + kBackwardColumns * 4 * H;
  // Of device memory, per block and tick but the first: h and c at its beginning.
  static constexpr int kHistoryFloats = 2 * kBackwardCells * H;
  static_assert(H % 4 == 0 && kBlockThreads % H == 0);
};

// Calls body(an object whose member `value` is the state size) if there are kernels for that size.
template <int H>
struct StateSize {
  static constexpr int value = H;
};
template <class Body>
void with_state_size(int64_t state_size, Body&& body) {
  switch (state_size) {
    case 8:
      return body(StateSize<8>{});
    case 16:
      return body(StateSize<16>{});
    case 32:
      return body(StateSize<32>{});
    case 64:
      return body(StateSize<64>{});
    default:
      return;
  }
}

// Cuts of both directions; no tiles for another state size.
inline TilePlan forward_plan(int64_t layers, int64_t inputs, int64_t outputs, int64_t state_size) {
  TilePlan plan;
  with_state_size(state_size, [&](auto size) {
    using G = Geometry<decltype(size)::value>;
    plan = plan_tiles(layers, inputs, outputs, state_size, G::kForwardSlots, G::kForwardColumns);
  });
  return plan;
}

inline TilePlan backward_plan(int64_t layers, int64_t inputs, int64_t outputs, int64_t state_size) {
  TilePlan plan;
  with_state_size(state_size, [&](auto size) {
    using G = Geometry<decltype(size)::value>;
    plan = plan_tiles(layers, inputs, outputs, state_size, G::kBackwardSlots, G::kBackwardColumns);
  });
  return plan;
}

// Blocks of a launch: enough to fill any GPU; each goes on to further tiles.
inline int64_t forward_blocks(const TilePlan& plan) {
  constexpr int64_t kMost = 65536;
  return plan.tiles < kMost ? plan.tiles : kMost;
}
inline int64_t backward_blocks(const TilePlan& plan) {
  constexpr int64_t kMost = 2048;
  return plan.tiles < kMost ? plan.tiles : kMost;
}

// Of a block, in device memory: what the cells of a step were before each tick but the first.
inline int64_t history_floats(int64_t state_size, int64_t micro_ticks) {
  int64_t floats = 0;
  with_state_size(state_size, [&](auto size) {
    floats = (micro_ticks - 1) * Geometry<decltype(size)::value>::kHistoryFloats;
  });
  return floats;
}

// Where a tile is.
struct TilePlace {
  int64_t layer, row_tile, column_tile, first_row, first_column, rows, columns;
};

ENGINE_HD TilePlace place_of(const TilePlan& plan, int64_t tile) {
  TilePlace place{};
  place.column_tile = tile % plan.column_tiles;
  place.row_tile = tile / plan.column_tiles % plan.row_tiles;
  place.layer = tile / plan.column_tiles / plan.row_tiles;
  place.first_row = place.row_tile * plan.rows;
  place.first_column = place.column_tile * plan.columns;
  const int64_t rows = plan.inputs - place.first_row, columns = plan.outputs - place.first_column;
  place.rows = rows < plan.rows ? rows : plan.rows;
  place.columns = columns < plan.columns ? columns : plan.columns;
  return place;
}

// One group's unit in the step that begins at unit `first`.
struct Unit {
  bool present;
  int column;  // of the tile
  int row;     // the first of its rows
  int rows;    // so many of its kSlots rows are there
};

ENGINE_HD Unit unit_of(const TilePlace& place, int slots, int number) {
  const int columns = static_cast<int>(place.columns), rows = static_cast<int>(place.rows);
  Unit unit{};
  unit.row = number / columns * slots;
  unit.column = number % columns;
  unit.present = unit.row < rows;
  unit.rows = !unit.present ? 0 : rows - unit.row < slots ? rows - unit.row : slots;
  return unit;
}

ENGINE_HD int num_units(const TilePlace& place, int slots) {
  return static_cast<int>((place.rows + slots - 1) / slots * place.columns);
}

}  // namespace vsml::kernels::cuda
