// vsml/kernels/cuda/backward_block.h: gradients through K ticks of a tile's cells.
//
// Nothing but h and c before the ticks was stored. A step's cells tick again up to the last tick,
// leaving h and c before each in device memory; then each tick, the last one first, computes its
// gates again and turns the gradients after it into those before it. Gradients of normalised
// messages need h after the last tick of all channels, so then that is ticked once more.
#pragma once

#include "vsml/kernels/cuda/messages_block.h"

namespace vsml::kernels::cuda {

// Where a pointer may be null, it stands for zeros.
template <class Hidden, class Memory>
struct BackwardWork {
  TileInputs<Hidden, Memory> in;
  const float *dnext_h = nullptr, *dnext_c = nullptr;  // may be null
  // Of sums of h, or of messages, whose size then takes the place of H.
  const float* dover_inputs = nullptr;   // [layers, outputs, H]; may be null
  const float* dover_outputs = nullptr;  // [layers, inputs, H]; may be null
  float *dh = nullptr, *dc = nullptr;
  float* dfrom_output = nullptr;  // [layers, row_tiles, outputs, 4H]
  float* dfrom_input = nullptr;   // [layers, column_tiles, inputs, 4H]
  float* dw_hidden = nullptr;     // [tiles, H, 4H]
  float* dmessengers = nullptr;   // [tiles, H + 1, directions * message_size], if there are any
};

template <int H, class Inputs>
int backward_floats(const Inputs& in) {
  return Geometry<H>::kBackwardFloats + backward_message_floats<H>(in.message_size, in.directions);
}

// How the threads of a block share the gradient of w_hidden: each has kEach blocks of 4 rows and
// one channel with its gates, over one of kReplicas parts of a step's cells.
template <int H>
struct WeightGradient {
  static constexpr int kBlocks = H * H / 4;
  static constexpr int kEach = kBlocks > kBlockThreads ? kBlocks / kBlockThreads : 1;
  static constexpr int kReplicas = kBlocks < kBlockThreads ? kBlockThreads / kBlocks : 1;
  static constexpr int kCells = Geometry<H>::kBackwardCells / kReplicas;
  float sum[kEach][4][kGates];
};

// Adds a step's cells to a thread's part of the gradient of w_hidden.
template <int H>
ENGINE_HD void add_weight_gradients(int thread, const float* h, const float* dgates,
                                    WeightGradient<H>& dw) {
  using G = Geometry<H>;
  using W = WeightGradient<H>;
  const int first = thread / W::kBlocks * W::kCells;  // 0 where there is one replica
  for (int cell = first; cell < first + W::kCells; ++cell) {
    ENGINE_UNROLL
    for (int each = 0; each < W::kEach; ++each) {
      const int block = (thread + each * kBlockThreads) % W::kBlocks;
      const Four x = *reinterpret_cast<const Four*>(h + cell * G::kStateStride + block / H * 4);
      const Four d = *reinterpret_cast<const Four*>(dgates + cell * G::kGateStride + block % H * 4);
      ENGINE_UNROLL
      for (int i = 0; i < 4; ++i) {
        ENGINE_UNROLL
        for (int gate = 0; gate < kGates; ++gate) {
          dw.sum[each][i][gate] = Lane::fma(x.at[i], d.at[gate], dw.sum[each][i][gate]);
        }
      }
    }
  }
}

// The gradient of w_hidden to device memory [H, 4H]; replicas are summed in order by way of
// `shared`, which has room for kReplicas times its floats.
template <int H, class Block, class Sums>
ENGINE_HD void store_weight_gradients(const Block& block, Sums& dw, float* shared, float* to) {
  using W = WeightGradient<H>;
  const auto place = [](int number, int i, int gate) {  // of [H, 4H]
    return (number / H * 4 + i) * 4 * H + gate * H + number % H;
  };
  block.each([&](int thread) {
    float* out = W::kReplicas > 1 ? shared + thread / W::kBlocks * 4 * H * H : to;
    for (int each = 0; each < W::kEach; ++each) {
      const int number = (thread + each * kBlockThreads) % W::kBlocks;
      ENGINE_UNROLL
      for (int i = 0; i < 4; ++i) {
        ENGINE_UNROLL
        for (int gate = 0; gate < kGates; ++gate) {
          out[place(number, i, gate)] = dw[thread].sum[each][i][gate];
        }
      }
    }
  });
  if constexpr (W::kReplicas > 1) {
    block.each([&](int thread) {
      for (int e = thread; e < 4 * H * H; e += kBlockThreads) {
        float sum = shared[e];
        for (int replica = 1; replica < W::kReplicas; ++replica) {
          sum += shared[replica * 4 * H * H + e];
        }
        to[e] = sum;
      }
    });
  }
}

// dh[q] of channel j: the gates' gradients of the unit's cells times row j of w_hidden.
template <int H, int n>
ENGINE_HD void hidden_gradients(const float* dgates, const float* weights, int j, float (&dh)[n]) {
  using G = Geometry<H>;
  ENGINE_UNROLL
  for (int q = 0; q < n; ++q) dh[q] = 0.0f;
  ENGINE_UNROLL_BY(2)
  for (int k = 0; k < H; ++k) {
    const Four w = *reinterpret_cast<const Four*>(weights + j * G::kGateStride + 4 * k);
    ENGINE_UNROLL
    for (int q = 0; q < n; ++q) {
      const Four d = *reinterpret_cast<const Four*>(dgates + q * G::kGateStride + 4 * k);
      ENGINE_UNROLL
      for (int gate = 0; gate < kGates; ++gate) dh[q] = Lane::fma(d.at[gate], w.at[gate], dh[q]);
    }
  }
}

// What a thread keeps for its unit.
template <int n>
struct UnitGradients {
  float c[n], dh[n], dc[n];
  float dgates[n][kGates];  // summed over the ticks
};

// shared: backward_floats(), 16-byte aligned. history: kHistoryFloats for each tick but
// the first; a thread reads there only what it wrote itself.
template <int H, bool normalised, class Hidden, class Memory, class Block>
ENGINE_HD void backward_tile(const Block& block, const BackwardWork<Hidden, Memory>& work,
                             float* shared, float* history) {
  using G = Geometry<H>;
  constexpr int n = G::kBackwardSlots;
  constexpr int kCellFloats = G::kBackwardCells * G::kStateStride;
  const auto& in = work.in;
  const TilePlan& plan = in.plan;
  const TilePlace place = place_of(plan, block.index);
  float* weights = shared;
  float* cells = weights + H * G::kGateStride;  // h, twice: before and after a tick
  float* dgates = cells + 2 * kCellFloats;
  float* sums = dgates + G::kBackwardCells * G::kGateStride;
  load_weights<H>(block, in.w_hidden + place.layer / in.layers_per_set * 4 * H * H, weights);
  typename Block::template Local<WeightGradient<H>> dw;
  typename Block::template Local<UnitGradients<n>> kept;
  block.each([&](int thread) {
    for (int e = thread; e < place.columns * 4 * H; e += kBlockThreads) sums[e] = 0.0f;
    ENGINE_UNROLL
    for (int each = 0; each < WeightGradient<H>::kEach; ++each) {
      ENGINE_UNROLL
      for (int i = 0; i < 4; ++i) {
        ENGINE_UNROLL
        for (int gate = 0; gate < kGates; ++gate) dw[thread].sum[each][i][gate] = 0.0f;
      }
    }
  });
  const auto messages =
      MessageMemory<H>::of(in.message_size, in.directions, shared + G::kBackwardFloats);
  if constexpr (normalised) begin_messages(block, in, place, messages, (H + 1) * messages.row);
  const float* dover_inputs = normalised ? nullptr : work.dover_inputs;  // of h
  const float* dover_outputs = normalised ? nullptr : work.dover_outputs;
  const int units = num_units(place, n);
  float* over_columns =
      work.dfrom_input +
      ((place.layer * plan.column_tiles + place.column_tile) * plan.inputs + place.first_row) * 4 *
          H;
  const auto usual_place = [](int number) { return number % kGates * H + number / kGates; };
  for (int first = 0; first < units; first += G::kGroups) {
    block.template each_in_groups<H>([&](int thread) {
      const int group = thread / H, j = thread % H;
      const Unit unit = unit_of(place, n, first + group);
      const int64_t row = place.layer * plan.inputs + place.first_row + unit.row;
      const int64_t column = place.layer * plan.outputs + place.first_column + unit.column;
      UnitGradients<n>& mine = kept[thread];
      const float over_inputs =
          unit.present && dover_inputs != nullptr ? dover_inputs[column * H + j] : 0.0f;
      ENGINE_UNROLL
      for (int q = 0; q < n; ++q) {
        const bool there = q < unit.rows;
        const int64_t at = state_offset<H>(in, place, unit, q, j);
        cells[(group * n + q) * G::kStateStride + j] = there ? converted<float>(in.h[at]) : 0.0f;
        mine.c[q] = there ? converted<float>(in.c[at]) : 0.0f;
        mine.dc[q] = there && work.dnext_c != nullptr ? work.dnext_c[at] : 0.0f;
        float dh = there && work.dnext_h != nullptr ? work.dnext_h[at] : 0.0f;
        if (there) dh += over_inputs;
        if (there && dover_outputs != nullptr) dh += dover_outputs[(row + q) * H + j];
        mine.dh[q] = dh;
        ENGINE_UNROLL
        for (int gate = 0; gate < kGates; ++gate) mine.dgates[q][gate] = 0.0f;
      }
    });
    float* before = cells;
    for (int64_t k = 0; k + 1 < in.micro_ticks; ++k) {
      float* after = before == cells ? cells + kCellFloats : cells;
      float* saved = history + k * G::kHistoryFloats;
      block.template each_in_groups<H>([&](int thread) {
        const Unit unit = unit_of(place, n, first + thread / H);
        tick_unit<H, n>(in, place, unit, thread, before, weights, kept[thread].c, after,
                        [&](int q, const NextCell<Lane>& next) {
                          saved[2 * q * kBlockThreads + thread] = next.h;
                          saved[(2 * q + 1) * kBlockThreads + thread] = next.c;
                        });
      });
      before = after;
    }
    if constexpr (normalised) {
      float* after = before == cells ? cells + kCellFloats : cells;
      block.each([&](int thread) {
        const Unit unit = unit_of(place, n, first + thread / H);
        Slots<n> c;
        ENGINE_UNROLL
        for (int q = 0; q < n; ++q) c.at[q] = kept[thread].c[q];
        tick_unit<H, n>(in, place, unit, thread, before, weights, c.at, after,
                        [](int, const NextCell<Lane>&) {});
      });
      block.each([&](int thread) {
        message_gradients(in, place, first, thread, after, messages,
                          {work.dover_inputs, work.dover_outputs}, dgates);
      });
      block.each([&](int thread) {
        add_message_gradients(thread, after, dgates, messages, kept[thread].dh);
      });
    }
    for (int64_t k = in.micro_ticks; k-- > 0;) {
      block.each([&](int thread) {
        const int group = thread / H, j = thread % H;
        const Unit unit = unit_of(place, n, first + group);
        UnitGradients<n>& mine = kept[thread];
        float gates[n][kGates];
        gates_of_unit<H, n>(in, place, unit, j, before + group * n * G::kStateStride, weights,
                            gates);
        ENGINE_UNROLL
        for (int q = 0; q < n; ++q) {
          CellValues<Lane> values;
          next_cell_keeping<Lane>(gates[q], mine.c[q], values);
          float d[kGates];
          gate_gradients_of<Lane>(values, mine.c[q], mine.dh[q], mine.dc[q], d);
          Four to;
          ENGINE_UNROLL
          for (int gate = 0; gate < kGates; ++gate) {
            to.at[gate] = q < unit.rows ? d[gate] : 0.0f;
            mine.dgates[q][gate] += to.at[gate];
          }
          *reinterpret_cast<Four*>(dgates + (group * n + q) * G::kGateStride + 4 * j) = to;
        }
      });
      float* earlier = before == cells ? cells + kCellFloats : cells;
      block.each([&](int thread) {
        const int group = thread / H, j = thread % H;
        UnitGradients<n>& mine = kept[thread];
        hidden_gradients<H, n>(dgates + group * n * G::kGateStride, weights, j, mine.dh);
        add_weight_gradients<H>(thread, before, dgates, dw[thread]);
        if (k == 0) return;
        const Unit unit = unit_of(place, n, first + group);
        const float* saved = history + (k > 1 ? k - 2 : 0) * G::kHistoryFloats;
        ENGINE_UNROLL
        for (int q = 0; q < n; ++q) {
          const bool there = q < unit.rows;
          const int64_t at = state_offset<H>(in, place, unit, q, j);
          const float h = k > 1   ? saved[2 * q * kBlockThreads + thread]
                          : there ? converted<float>(in.h[at])
                                  : 0.0f;
          mine.c[q] = k > 1   ? saved[(2 * q + 1) * kBlockThreads + thread]
                      : there ? converted<float>(in.c[at])
                              : 0.0f;
          earlier[(group * n + q) * G::kStateStride + j] = h;
        }
      });
      before = earlier;
    }
    block.each([&](int thread) {
      const int group = thread / H, j = thread % H;
      const Unit unit = unit_of(place, n, first + group);
      const UnitGradients<n>& mine = kept[thread];
      ENGINE_UNROLL
      for (int q = 0; q < n; ++q) {
        Four sum;
        ENGINE_UNROLL
        for (int gate = 0; gate < kGates; ++gate) sum.at[gate] = mine.dgates[q][gate];
        *reinterpret_cast<Four*>(dgates + (group * n + q) * G::kGateStride + 4 * j) = sum;
        if (q >= unit.rows) continue;
        const int64_t at = state_offset<H>(in, place, unit, q, j);
        work.dh[at] = mine.dh[q];
        work.dc[at] = mine.dc[q];
      }
    });
    block.each([&](int thread) {
      const int last = first + G::kGroups < units ? first + G::kGroups : units;
      add_to_sums<n, 4 * H>(place, first, last, thread, dgates, G::kGateStride, sums, over_columns,
                            usual_place);
    });
  }
  float* over_rows =
      work.dfrom_output +
      ((place.layer * plan.row_tiles + place.row_tile) * plan.outputs + place.first_column) * 4 * H;
  block.each([&](int thread) {
    for (int e = thread; e < place.columns * 4 * H; e += kBlockThreads) {
      over_rows[e - e % (4 * H) + usual_place(e % (4 * H))] = sums[e];
    }
  });
  store_weight_gradients<H>(block, dw, dgates, work.dw_hidden + block.index * 4 * H * H);
  if constexpr (normalised) {
    store_message_gradients(
        block, messages,
        work.dmessengers + block.index * messenger_numbers(H, in.directions, in.message_size));
  }
}

}  // namespace vsml::kernels::cuda
