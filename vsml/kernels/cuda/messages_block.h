// vsml/kernels/cuda/messages_block.h: normalised messages (message_norm.h) of the cells of a step,
// made from their h in shared memory and kept nowhere else: the forward kernel adds them to sums,
// the backward kernel makes them again. One thread has all channels of one cell and direction.
//
// In shared memory a direction has `slots` numbers, its channels rounded up to a multiple of 4;
// those behind its channels are 0.
#pragma once

#include "vsml/kernels/cuda/cell_block.h"
#include "vsml/kernels/message_norm.h"

namespace vsml::kernels::cuda {

template <int H>
struct MessageMemory {
  int size = 0, directions = 0, slots = 0, row = 0;
  float* weights;   // [H + 1][row]
  float* messages;  // forward: [cells of a step][row]
  float* sums;      // forward: [columns][size]  backward: [H + 1][row], gradients of the weights

  // Floats of a row; the last 4 for the sake of banks.
  ENGINE_HD int row_of(int64_t size, int64_t directions) {
    return static_cast<int>(directions * ((size + 3) / 4 * 4) + 4);
  }
  ENGINE_HD MessageMemory of(int64_t size, int64_t directions, float* at) {
    MessageMemory memory{};
    memory.size = static_cast<int>(size);
    memory.directions = static_cast<int>(directions);
    memory.slots = (memory.size + 3) / 4 * 4;
    memory.row = row_of(size, directions);
    memory.weights = at;
    memory.messages = memory.sums = at + (H + 1) * memory.row;
    return memory;
  }
  ENGINE_HD MessageMemory forward(int64_t size, int64_t directions, float* at) {
    MessageMemory memory = of(size, directions, at);
    memory.sums = memory.messages + Geometry<H>::kForwardCells * memory.row;
    return memory;
  }
};

// Floats of shared memory behind those of Geometry.
template <int H>
int forward_message_floats(int64_t size, int64_t directions) {
  if (size == 0) return 0;
  return (H + 1 + Geometry<H>::kForwardCells) * MessageMemory<H>::row_of(size, directions) +
         Geometry<H>::kForwardColumns * static_cast<int>(size);
}
template <int H>
int backward_message_floats(int64_t size, int64_t directions) {
  return size == 0 ? 0 : 2 * (H + 1) * MessageMemory<H>::row_of(size, directions);
}

// This layer's messengers to shared memory; `clear` floats behind m.sums become 0.
template <int H, class Inputs, class Block>
ENGINE_HD void begin_messages(const Block& block, const Inputs& in, const TilePlace& place,
                              const MessageMemory<H>& m, int clear) {
  const float* from = in.messengers + place.layer / in.layers_per_messenger *
                                          messenger_numbers(H, m.directions, m.size);
  block.each([&](int thread) {
    for (int e = thread; e < (H + 1) * m.row; e += kBlockThreads) {
      const int k = e / m.row, direction = e % m.row / m.slots, f = e % m.row % m.slots;
      const bool there = direction < m.directions && f < m.size;
      m.weights[e] = there ? from[(k * m.directions + direction) * m.size + f] : 0.0f;
    }
    for (int e = thread; e < clear; e += kBlockThreads) m.sums[e] = 0.0f;
  });
}

// x of one cell and direction; returns 1 / sqrt(mean(z^2) + epsilon).
template <int H>
ENGINE_HD float normal_message(const MessageMemory<H>& m, const float* h, int direction,
                               Four (&x)[kMostMessages / 4]) {
  const float* weights = m.weights + direction * m.slots;
  const auto weights_of = [&](int k, int part) {
    return *reinterpret_cast<const Four*>(weights + k * m.row + 4 * part);
  };
  ENGINE_UNROLL
  for (int part = 0; part < kMostMessages / 4; ++part) {
    x[part] = 4 * part < m.size ? weights_of(H, part) : Four{};
  }
  ENGINE_UNROLL_BY(1)
  for (int k = 0; k < H; k += 4) {
    const Four heard = *reinterpret_cast<const Four*>(h + k);
    ENGINE_UNROLL
    for (int i = 0; i < 4; ++i) {
      ENGINE_UNROLL
      for (int part = 0; part < kMostMessages / 4; ++part) {
        if (4 * part >= m.size) continue;
        const Four w = weights_of(k + i, part);
        ENGINE_UNROLL
        for (int f = 0; f < 4; ++f) x[part].at[f] = Lane::fma(heard.at[i], w.at[f], x[part].at[f]);
      }
    }
  }
  float squares = 0.0f;
  ENGINE_UNROLL
  for (int part = 0; part < kMostMessages / 4; ++part) {
    ENGINE_UNROLL
    for (int f = 0; f < 4; ++f) squares = Lane::fma(x[part].at[f], x[part].at[f], squares);
  }
  const float inverse =
      Lane::inverse_sqrt(squares / static_cast<float>(m.size) + static_cast<float>(kNormEpsilon));
  ENGINE_UNROLL
  for (int part = 0; part < kMostMessages / 4; ++part) {
    ENGINE_UNROLL
    for (int f = 0; f < 4; ++f) x[part].at[f] *= inverse;
  }
  return inverse;
}

// Adds the messages of a step's cells to m.sums and, in device memory, to over_columns [layers,
// column_tiles, inputs, size]. h: the cells in shared memory.
template <int H, class Inputs, class Block>
ENGINE_HD void add_messages(const Block& block, const Inputs& in, const TilePlace& place, int first,
                            int last, const float* h, const MessageMemory<H>& m,
                            float* over_columns) {
  using G = Geometry<H>;
  block.each([&](int thread) {
    for (int task = thread; task < G::kForwardCells * m.directions; task += kBlockThreads) {
      const int cell = task % G::kForwardCells, direction = task / G::kForwardCells;
      Four x[kMostMessages / 4];
      normal_message(m, h + cell * G::kStateStride, direction, x);
      float* to = m.messages + cell * m.row + direction * m.slots;
      ENGINE_UNROLL
      for (int part = 0; part < kMostMessages / 4; ++part) {
        if (4 * part < m.size) *reinterpret_cast<Four*>(to + 4 * part) = x[part];
      }
    }
  });
  block.each([&](int thread) {
    constexpr int n = G::kForwardSlots;
    add_over_rows<n>(place, first, last, thread, m.size, m.messages, m.row, m.sums);
    if (m.directions < 2 || over_columns == nullptr) return;
    float* sums =
        over_columns + ((place.layer * in.plan.column_tiles + place.column_tile) * in.plan.inputs +
                        place.first_row) *
                           m.size;
    add_over_columns<n>(place, first, last, thread, m.size, m.messages + m.slots, m.row, sums,
                        [](int number) { return number; });
  });
}

// The sums over the tile's rows to over_rows [layers, row_tiles, outputs, size].
template <int H, class Inputs, class Block>
ENGINE_HD void store_messages(const Block& block, const Inputs& in, const TilePlace& place,
                              const MessageMemory<H>& m, float* over_rows) {
  float* to = over_rows + ((place.layer * in.plan.row_tiles + place.row_tile) * in.plan.outputs +
                           place.first_column) *
                              m.size;
  block.each([&](int thread) {
    for (int e = thread; e < place.columns * m.size; e += kBlockThreads) to[e] = m.sums[e];
  });
}

// Gradients of the sums, in device memory; null: zeros.
struct MessageGradients {
  const float* over_inputs;   // [layers, outputs, size]
  const float* over_outputs;  // [layers, inputs, size]
};

// Gradients of z of a step's cells, 0 where there is no cell, to dz [cells of a step][row].
template <int H, class Inputs>
ENGINE_HD void message_gradients(const Inputs& in, const TilePlace& place, int first, int thread,
                                 const float* h, const MessageMemory<H>& m,
                                 const MessageGradients& d, float* dz) {
  using G = Geometry<H>;
  constexpr int n = G::kBackwardSlots;
  for (int task = thread; task < G::kBackwardCells * m.directions; task += kBlockThreads) {
    const int cell = task % G::kBackwardCells, direction = task / G::kBackwardCells;
    const Unit unit = unit_of(place, n, first + cell / n);
    const int q = cell % n;
    const int64_t row = place.layer * in.plan.inputs + place.first_row + unit.row + q;
    const int64_t column = place.layer * in.plan.outputs + place.first_column + unit.column;
    const float* from = direction == 0 ? d.over_inputs : d.over_outputs;
    const bool there = q < unit.rows && from != nullptr;
    if (there) from += (direction == 0 ? column : row) * m.size;
    Four x[kMostMessages / 4], dx[kMostMessages / 4];
    const float inverse = normal_message(m, h + cell * G::kStateStride, direction, x);
    float along = 0.0f;
    ENGINE_UNROLL
    for (int part = 0; part < kMostMessages / 4; ++part) {
      ENGINE_UNROLL
      for (int f = 0; f < 4; ++f) {
        dx[part].at[f] = there && 4 * part + f < m.size ? from[4 * part + f] : 0.0f;
        along = Lane::fma(x[part].at[f], dx[part].at[f], along);
      }
    }
    along /= static_cast<float>(m.size);
    float* to = dz + cell * m.row + direction * m.slots;
    ENGINE_UNROLL
    for (int part = 0; part < kMostMessages / 4; ++part) {
      if (4 * part >= m.size) continue;
      ENGINE_UNROLL
      for (int f = 0; f < 4; ++f) {
        dx[part].at[f] = inverse * Lane::fnma(x[part].at[f], along, dx[part].at[f]);
      }
      *reinterpret_cast<Four*>(to + 4 * part) = dx[part];
    }
  }
}

// Adds what reaches a thread's channel of its unit's cells to dh, and a step's cells to the
// gradients of the messengers, in m.sums.
template <int H, int n>
ENGINE_HD void add_message_gradients(int thread, const float* h, const float* dz,
                                     const MessageMemory<H>& m, float (&dh)[n]) {
  using G = Geometry<H>;
  const int group = thread / H, j = thread % H, width = m.directions * m.slots;
  ENGINE_UNROLL_BY(1)
  for (int e = 0; e < width; e += 4) {
    const Four w = *reinterpret_cast<const Four*>(m.weights + j * m.row + e);
    ENGINE_UNROLL
    for (int q = 0; q < n; ++q) {
      const Four d = *reinterpret_cast<const Four*>(dz + (group * n + q) * m.row + e);
      ENGINE_UNROLL
      for (int f = 0; f < 4; ++f) dh[q] = Lane::fma(d.at[f], w.at[f], dh[q]);
    }
  }
  for (int e = thread; e < (H + 1) * width; e += kBlockThreads) {
    const int k = e / width, place = e % width;
    float sum = m.sums[k * m.row + place];
    for (int cell = 0; cell < G::kBackwardCells; ++cell) {
      const float heard = k < H ? h[cell * G::kStateStride + k] : 1.0f;
      sum = Lane::fma(heard, dz[cell * m.row + place], sum);
    }
    m.sums[k * m.row + place] = sum;
  }
}

// The tile's part of the messengers' gradient to [H + 1, directions * size].
template <int H, class Block>
ENGINE_HD void store_message_gradients(const Block& block, const MessageMemory<H>& m, float* to) {
  block.each([&](int thread) {
    const int width = m.directions * m.size;
    for (int e = thread; e < (H + 1) * width; e += kBlockThreads) {
      const int direction = e % width / m.size, f = e % width % m.size;
      to[e] = m.sums[e / width * m.row + direction * m.slots + f];
    }
  });
}

}  // namespace vsml::kernels::cuda
