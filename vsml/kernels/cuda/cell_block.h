// vsml/kernels/cuda/cell_block.h: what the forward and the backward kernel of a tile share. Written
// for engine/kernels/block.h, so that tests run the same code on the host.
#pragma once

#include "engine/kernels/bf16.h"
#include "vsml/kernels/cuda/geometry.h"
#include "vsml/kernels/cuda/lane.h"

namespace vsml::kernels::cuda {

using engine::Bf16;
using engine::kernels::converted;

// What both passes read. All arrays are contiguous f32, but for h and c, which are kept in types of
// their own: float, or Bf16, which is widened when it is read and rounded when it is written. The
// gates' order is that of vsml/cell.h.
template <class Hidden, class Memory>
struct TileInputs {
  TilePlan plan;
  int64_t micro_ticks = 0;
  int64_t layers_per_set = 0;          // layers that share one w_hidden
  const float* from_input = nullptr;   // [layers, inputs, 4H]
  const float* from_output = nullptr;  // [layers, outputs, 4H]
  const float* w_hidden = nullptr;     // [sets, H, 4H]
  const Hidden* h = nullptr;           // [layers, inputs, outputs, H]
  const Memory* c = nullptr;
  // Messages that are normalised and then summed (message_norm.h); size 0: h is summed.
  int64_t message_size = 0, directions = 0;
  int64_t layers_per_messenger = 1;
  const float* messengers = nullptr;  // [sets, H + 1, directions * message_size]
};

struct alignas(16) Four {
  float at[4];
};

template <int n>
struct Slots {
  float at[n];
};

// w_hidden to shared memory: row k, then channel j, then gate.
template <int H, class Block>
ENGINE_HD void load_weights(const Block& block, const float* from, float* weights) {
  block.each([&](int thread) {
    for (int e = thread; e < 4 * H * H; e += kBlockThreads) {
      const int k = e / (4 * H), gate = e % (4 * H) / H, j = e % H;
      weights[k * Geometry<H>::kGateStride + 4 * j + gate] = from[e];
    }
  });
}

// Channel j's gates of a unit's cells: the messages' shares, plus h W. `h` is that of the unit's
// cells in shared memory.
template <int H, int n, class Inputs>
ENGINE_HD void gates_of_unit(const Inputs& in, const TilePlace& place, const Unit& unit, int j,
                             const float* h, const float* weights, float (&gates)[n][kGates]) {
  using G = Geometry<H>;
  const int64_t row = place.layer * in.plan.inputs + place.first_row + unit.row;
  const int64_t column = place.layer * in.plan.outputs + place.first_column + unit.column;
  ENGINE_UNROLL
  for (int gate = 0; gate < kGates; ++gate) {
    const float heard = unit.present ? in.from_output[column * 4 * H + gate * H + j] : 0.0f;
    ENGINE_UNROLL
    for (int q = 0; q < n; ++q) {
      gates[q][gate] =
          q < unit.rows ? in.from_input[(row + q) * 4 * H + gate * H + j] + heard : 0.0f;
    }
  }
  ENGINE_UNROLL_BY(1)
  for (int k = 0; k < H; k += 4) {
    Four w[4];
    ENGINE_UNROLL
    for (int i = 0; i < 4; ++i) {
      w[i] = *reinterpret_cast<const Four*>(weights + (k + i) * G::kGateStride + 4 * j);
    }
    ENGINE_UNROLL
    for (int q = 0; q < n; ++q) {
      const Four x = *reinterpret_cast<const Four*>(h + q * G::kStateStride + k);
      ENGINE_UNROLL
      for (int i = 0; i < 4; ++i) {
        ENGINE_UNROLL
        for (int gate = 0; gate < kGates; ++gate) {
          gates[q][gate] = Lane::fma(x.at[i], w[i].at[gate], gates[q][gate]);
        }
      }
    }
  }
  ENGINE_UNROLL
  for (int q = 0; q < n; ++q) {
    gates[q][kInput] *= kMinusLog2E;
    gates[q][kForget] *= kMinusLog2E;
    gates[q][kOutput] *= kMinusLog2E;
  }
}

// One tick of a thread's channel of a unit's cells: h from `before` to `after`, which are a step's
// cells in shared memory, and c in place. Then calls done(slot, next h and c).
template <int H, int n, class Inputs, class Done>
ENGINE_HD void tick_unit(const Inputs& in, const TilePlace& place, const Unit& unit, int thread,
                         const float* before, const float* weights, float (&c)[n], float* after,
                         const Done& done) {
  constexpr int kStride = Geometry<H>::kStateStride;
  const int first = thread / H * n, j = thread % H;
  float gates[n][kGates];
  gates_of_unit<H, n>(in, place, unit, j, before + first * kStride, weights, gates);
  ENGINE_UNROLL
  for (int q = 0; q < n; ++q) {
    const NextCell<Lane> next = next_cell<Lane>(gates[q], c[q]);
    c[q] = next.c;
    after[(first + q) * kStride + j] = next.h;
    done(q, next);
  }
}

// Offset of channel j of slot q of a unit in [layers, inputs, outputs, H].
template <int H, class Inputs>
ENGINE_HD int64_t state_offset(const Inputs& in, const TilePlace& place, const Unit& unit, int q,
                               int j) {
  const int64_t row = place.layer * in.plan.inputs + place.first_row + unit.row + q;
  return (row * in.plan.outputs + place.first_column + unit.column) * H + j;
}

// Adds what a step left in shared memory, `width` numbers for each cell (rows `stride` apart, the
// cells of a unit one after another), to sums over the tile's rows, in shared memory [columns,
// width], in order of rows. Called by all threads in one phase; no thread may write the cells
// meanwhile.
template <int n>
ENGINE_HD void add_over_rows(const TilePlace& place, int first, int last, int thread, int width,
                             const float* cells, int stride, float* over_rows) {
  const int columns = static_cast<int>(place.columns), rows = static_cast<int>(place.rows);
  for (int e = thread; e < columns * width; e += kBlockThreads) {
    const int column = e / width, number = e % width;
    int unit = first - first % columns + column;
    if (unit < first) unit += columns;
    if (unit >= last) continue;
    float sum = over_rows[e];
    for (; unit < last; unit += columns) {
      const int present = rows - unit / columns * n;
      const float* from = cells + (unit - first) * n * stride + number;
      for (int q = 0; q < n && q < present; ++q) sum += from[q * stride];
    }
    over_rows[e] = sum;
  }
}

// The same over the tile's columns, in device memory, [.., inputs, width] from the tile's first row
// on, in order of columns. place_of_number(e): where number e goes in device memory.
template <int n, class Place>
ENGINE_HD void add_over_columns(const TilePlace& place, int first, int last, int thread, int width,
                                const float* cells, int stride, float* over_columns,
                                const Place& place_of_number) {
  const int columns = static_cast<int>(place.columns), rows = static_cast<int>(place.rows);
  const int first_chunk = first / columns, chunks = (last - 1) / columns - first_chunk + 1;
  for (int e = thread; e < chunks * n * width; e += kBlockThreads) {
    const int number = e % width, row_of_step = e / width;
    const int chunk = first_chunk + row_of_step / n, q = row_of_step % n;
    const int row = chunk * n + q;
    if (row >= rows) continue;
    const int begin = chunk * columns;
    const int from = begin < first ? first : begin;
    const int to = begin + columns < last ? begin + columns : last;
    float* sum = over_columns + static_cast<int64_t>(row) * width + place_of_number(number);
    float total = begin < first ? *sum : 0.0f;
    for (int unit = from; unit < to; ++unit) {
      total += cells[((unit - first) * n + q) * stride + number];
    }
    *sum = total;
  }
}

// Both; over_columns is null if not wanted.
template <int n, int width, class Place>
ENGINE_HD void add_to_sums(const TilePlace& place, int first, int last, int thread,
                           const float* cells, int stride, float* over_rows, float* over_columns,
                           const Place& place_of_number) {
  add_over_rows<n>(place, first, last, thread, width, cells, stride, over_rows);
  if (over_columns == nullptr) return;
  add_over_columns<n>(place, first, last, thread, width, cells, stride, over_columns,
                      place_of_number);
}

}  // namespace vsml::kernels::cuda
