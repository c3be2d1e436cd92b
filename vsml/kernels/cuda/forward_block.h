// vsml/kernels/cuda/forward_block.h: K ticks of a tile's cells. A cell's state is read once and
// written once; gates never leave the registers, h goes from tick to tick through shared memory.
#pragma once

#include "vsml/kernels/cuda/messages_block.h"

namespace vsml::kernels::cuda {

template <class Hidden, class Memory>
struct ForwardWork {
  TileInputs<Hidden, Memory> in;
  Hidden* next_h = nullptr;  // may be h itself
  Memory* next_c = nullptr;  // may be c itself
  // Sums of h, or of messages, whose size then takes the place of H.
  float* over_rows = nullptr;     // [layers, row_tiles, outputs, H]
  float* over_columns = nullptr;  // [layers, column_tiles, inputs, H]; null: not wanted
};

template <int H, class Inputs>
int forward_floats(const Inputs& in) {
  return Geometry<H>::kForwardFloats + forward_message_floats<H>(in.message_size, in.directions);
}

// shared: forward_floats(), 16-byte aligned. normalised: whether there are messages.
template <int H, bool normalised, class Hidden, class Memory, class Block>
ENGINE_HD void forward_tile(const Block& block, const ForwardWork<Hidden, Memory>& work,
                            float* shared) {
  using G = Geometry<H>;
  constexpr int n = G::kForwardSlots;
  constexpr int kCellFloats = G::kForwardCells * G::kStateStride;
  const auto& in = work.in;
  const TilePlace place = place_of(in.plan, block.index);
  float* weights = shared;
  float* cells = weights + H * G::kGateStride;  // h, twice: before and after a tick
  float* sums = cells + 2 * kCellFloats;
  load_weights<H>(block, in.w_hidden + place.layer / in.layers_per_set * 4 * H * H, weights);
  block.each([&](int thread) {
    for (int e = thread; e < place.columns * H; e += kBlockThreads) sums[e] = 0.0f;
  });
  const auto messages =
      MessageMemory<H>::forward(in.message_size, in.directions, shared + G::kForwardFloats);
  if constexpr (normalised) {
    begin_messages(block, in, place, messages, static_cast<int>(place.columns) * messages.size);
  }
  const int units = num_units(place, n);
  typename Block::template Local<Slots<n>> memory;
  float* over_columns =
      work.over_columns == nullptr
          ? nullptr
          : work.over_columns +
                ((place.layer * in.plan.column_tiles + place.column_tile) * in.plan.inputs +
                 place.first_row) *
                    H;
  for (int first = 0; first < units; first += G::kGroups) {
    block.template each_in_groups<H>([&](int thread) {
      const int group = thread / H, j = thread % H;
      const Unit unit = unit_of(place, n, first + group);
      ENGINE_UNROLL
      for (int q = 0; q < n; ++q) {
        const int64_t at = state_offset<H>(in, place, unit, q, j);
        cells[(group * n + q) * G::kStateStride + j] =
            q < unit.rows ? converted<float>(in.h[at]) : 0.0f;
        memory[thread].at[q] = q < unit.rows ? converted<float>(in.c[at]) : 0.0f;
      }
    });
    const float* before = cells;
    for (int64_t k = 0; k < in.micro_ticks; ++k) {
      float* after = before == cells ? cells + kCellFloats : cells;
      block.template each_in_groups<H>([&](int thread) {
        const Unit unit = unit_of(place, n, first + thread / H);
        const bool last_tick = k + 1 == in.micro_ticks;
        tick_unit<H, n>(in, place, unit, thread, before, weights, memory[thread].at, after,
                        [&](int q, const NextCell<Lane>& next) {
                          if (!last_tick || q >= unit.rows) return;
                          const int64_t at = state_offset<H>(in, place, unit, q, thread % H);
                          work.next_h[at] = converted<Hidden>(next.h);
                          work.next_c[at] = converted<Memory>(next.c);
                        });
      });
      before = after;
    }
    block.each([](int) {});  // the sums read what other groups wrote
    const int last = first + G::kGroups < units ? first + G::kGroups : units;
    if constexpr (normalised) {
      add_messages(block, in, place, first, last, before, messages, work.over_columns);
    } else {
      block.each([&](int thread) {
        add_to_sums<n, H>(place, first, last, thread, before, G::kStateStride, sums, over_columns,
                          [](int number) { return number; });
      });
    }
  }
  if constexpr (normalised) return store_messages(block, in, place, messages, work.over_rows);
  float* over_rows =
      work.over_rows +
      ((place.layer * in.plan.row_tiles + place.row_tile) * in.plan.outputs + place.first_column) *
          H;
  block.each([&](int thread) {
    for (int e = thread; e < place.columns * H; e += kBlockThreads) over_rows[e] = sums[e];
  });
}

}  // namespace vsml::kernels::cuda
