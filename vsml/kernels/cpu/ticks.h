// vsml/kernels/cpu/ticks.h: one tick of a few cells, and what forward.h and backward.h share. Only
// isa.cpp includes it, once per instruction set.
//
// Cells are worked on in small blocks whose gates never leave the registers and the first cache
// level: a block's state is read once, ticks K times, and is written once. Lanes of a vector are
// channels of one cell's state; a state wider than a vector is J vectors ("parts"). In scratch
// memory the 4H gates of a cell are ordered [part][gate][lane], and the three sigmoid gates are
// negated and in units of ln 2, so that they go straight into 2^x.
#pragma once

#include "vsml/kernels/cpu/tile.h"
#include "vsml/kernels/cpu/vector.h"

namespace vsml::kernels {
namespace {

inline float gate_unit(int gate) {
  return gate == kCandidate ? 1.0f : kMinusLog2E;
}

template <class V, int H>
struct Shape {
  static constexpr int kLanes = V::kLanes, kParts = H / kLanes, kGateFloats = kGates * H;
  static_assert(H % kLanes == 0);
};

// Rows of gates [rows, 4H], in the order and unit of the scratch memory.
template <class V, int H>
void pack_gates(const float* from, int64_t rows, float* to) {
  using S = Shape<V, H>;
  for (int64_t row = 0; row < rows; ++row, from += S::kGateFloats) {
    for (int part = 0; part < S::kParts; ++part) {
      for (int gate = 0; gate < kGates; ++gate, to += S::kLanes) {
        const auto x = V::load(from + gate * H + part * S::kLanes);
        V::store(to, x * V::all(gate_unit(gate)));
      }
    }
  }
}

// [H, 4H] as [part][channel of h][gate][lane].
template <class V, int H>
void pack_weights(const float* from, float* to) {
  using S = Shape<V, H>;
  for (int part = 0; part < S::kParts; ++part) {
    for (int k = 0; k < H; ++k) {
      for (int gate = 0; gate < kGates; ++gate, to += S::kLanes) {
        const auto x = V::load(from + k * S::kGateFloats + gate * H + part * S::kLanes);
        V::store(to, x * V::all(gate_unit(gate)));
      }
    }
  }
}

// A tile's inputs as the loops want them, in its scratch memory.
template <class V, int H>
struct PackedTile {
  static constexpr int kGateFloats = kGates * H, kBufferFloats = 3 * V::kCells * H;
  float *weights, *from_input, *from_output;
  float* buffers;  // kBufferFloats, free to use

  explicit PackedTile(const Tile& tile)
      : weights(tile.scratch),
        from_input(weights + H * kGateFloats),
        from_output(from_input + tile.rows * kGateFloats),
        buffers(from_output + tile.columns * kGateFloats) {
    pack_weights<V, H>(tile.w_hidden, weights);
    pack_gates<V, H>(tile.from_input, tile.rows, from_input);
    pack_gates<V, H>(tile.from_output, tile.columns, from_output);
  }
  float* end() const { return buffers + kBufferFloats; }
  static int64_t floats(const Tile& tile) {
    return (H + tile.rows + tile.columns) * kGateFloats + kBufferFloats;
  }
};

// Where the cells of a block are.
template <int n>
struct Block {
  int64_t row[n], column[n], offset[n];

  Block(const Tile& tile, int64_t first, int64_t state_size) {
    int64_t i = first / tile.columns, o = first % tile.columns;
    for (int cell = 0; cell < n; ++cell) {
      row[cell] = i;
      column[cell] = o;
      offset[cell] = i * tile.row_step + o * state_size;
      if (++o == tile.columns) {
        o = 0;
        ++i;
      }
    }
  }
  // Whether their states lie one behind the other, so that they need not be copied to be worked on.
  bool together(int64_t state_size) const {
    return offset[n - 1] - offset[0] == (n - 1) * state_size;
  }
};

// One part of the gates of n cells: sums of the messages' shares, plus h W. The sums are local, so
// that they stay in registers.
template <class V, int H, int n>
void gates_of(const float* const (&in)[n], const float* const (&out)[n], const float* h,
              const float* weights, typename V::Vec (&gates)[n][kGates]) {
  constexpr int kLanes = V::kLanes;
  typename V::Vec sum[n][kGates];
#pragma GCC unroll 8
  for (int cell = 0; cell < n; ++cell) {
#pragma GCC unroll 4
    for (int gate = 0; gate < kGates; ++gate) {
      sum[cell][gate] = V::load(in[cell] + gate * kLanes) + V::load(out[cell] + gate * kLanes);
    }
  }
#pragma GCC unroll 2
  for (int k = 0; k < H; ++k, weights += kGates * kLanes) {
    typename V::Vec heard[n];
#pragma GCC unroll 8
    for (int cell = 0; cell < n; ++cell) heard[cell] = V::all(h[cell * H + k]);
#pragma GCC unroll 4
    for (int gate = 0; gate < kGates; ++gate) {
      const auto w = V::load(weights + gate * kLanes);
#pragma GCC unroll 8
      for (int cell = 0; cell < n; ++cell) {
        sum[cell][gate] = V::fma(heard[cell], w, sum[cell][gate]);
      }
    }
  }
#pragma GCC unroll 8
  for (int cell = 0; cell < n; ++cell) {
#pragma GCC unroll 4
    for (int gate = 0; gate < kGates; ++gate) gates[cell][gate] = sum[cell][gate];
  }
}

// What the backward pass needs of a cell's tick, [.., H] each.
enum Kept { kInputGate, kCandidateValue, kForgetGate, kOutputGate, kShown, kKept };

// From one part of the gates of a cell, packed, and its c to the next h and c.
template <class V, int H, bool kKeep>
inline void update(const typename V::Vec (&gates)[kGates], const float* c, float* next_h,
                   float* next_c, float* kept) {
  using Cell = CellVector<V>;
  if constexpr (kKeep) {
    CellValues<Cell> values;
    const NextCell<Cell> next = next_cell_keeping<Cell>(gates, V::load(c), values);
    V::store(next_c, next.c);
    V::store(next_h, next.h);
    V::store(kept + kInputGate * H, values.input);
    V::store(kept + kCandidateValue * H, values.value);
    V::store(kept + kForgetGate * H, values.forget);
    V::store(kept + kOutputGate * H, values.output);
    V::store(kept + kShown * H, values.shown);
  } else {
    const NextCell<Cell> next = next_cell<Cell>(gates, V::load(c));
    V::store(next_c, next.c);
    V::store(next_h, next.h);
  }
}

// One tick of n cells: h [n, H], c [n, H] -> next_h, next_c (which may be c). With kKeep, the
// values of the gates go to kept [n, kKept, H].
template <class V, int H, int n, bool kKeep>
void tick_block(const Block<n>& block, const PackedTile<V, H>& packed, const float* h,
                const float* c, float* next_h, float* next_c, float* kept) {
  using S = Shape<V, H>;
  for (int part = 0; part < S::kParts; ++part) {
    const float *in[n], *out[n];
    for (int cell = 0; cell < n; ++cell) {
      in[cell] = packed.from_input + block.row[cell] * S::kGateFloats + part * kGates * S::kLanes;
      out[cell] =
          packed.from_output + block.column[cell] * S::kGateFloats + part * kGates * S::kLanes;
    }
    typename V::Vec gates[n][kGates];
    gates_of<V, H, n>(in, out, h, packed.weights + part * H * kGates * S::kLanes, gates);
#pragma GCC unroll 8
    for (int cell = 0; cell < n; ++cell) {
      const int at = cell * H + part * S::kLanes;
      update<V, H, kKeep>(gates[cell], c + at, next_h + at, next_c + at,
                          kept + (kKeep ? cell * kKept * H + part * S::kLanes : 0));
    }
  }
}

template <class V, int H>
void add_to(float* sums, const float* x) {
  for (int k = 0; k < H; k += V::kLanes) V::store(sums + k, V::load(sums + k) + V::load(x + k));
}

// Of a state: widened, or rounded to what it is kept in.
template <class V, int H, class To, class From>
void copy_to(To* to, const From* from) {
  for (int k = 0; k < H; k += V::kLanes) V::store(to + k, V::load(from + k));
}

// Asks for a cell's numbers `cells` cells further on, which will be needed in the next block.
template <int H, class T>
void ahead(const T* p, int cells) {
  constexpr int kLine = 64 / sizeof(T);
  for (int k = 0; k < H; k += kLine) __builtin_prefetch(p + cells * H + k);
}

template <class V>
void clear(float* to, int64_t floats) {
  for (int64_t k = 0; k < floats; k += V::kLanes) V::store(to + k, V::all(0.0f));
}

}  // namespace
}  // namespace vsml::kernels
