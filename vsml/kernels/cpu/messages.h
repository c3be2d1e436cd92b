// vsml/kernels/cpu/messages.h: normalised messages of a tile's cells (message_norm.h), made while a
// block's h is at hand and kept nowhere: forward() adds them to sums, backward() makes them again.
// Only isa.cpp includes it.
//
// A cell's messages are a row of vectors: each direction has `group` lanes, a power of two, of
// which those behind its channels are 0 throughout, as their weights are.
#pragma once

#include "vsml/kernels/cpu/ticks.h"
#include "vsml/kernels/message_norm.h"

namespace vsml::kernels {
namespace {

template <class V, int kGroup, int kDirections>
struct MessageRow {
  static constexpr int kLanes = V::kLanes;
  static constexpr int kFloats = kGroup * kDirections > kLanes ? kGroup* kDirections : kLanes;
  static constexpr int kVectors = kFloats / kLanes;
  static constexpr int kWidth = kGroup < kLanes ? kGroup : kLanes;  // lanes summed together
  static constexpr int kEach = kGroup / kWidth;                     // vectors of one direction
  static constexpr int kReverse = kDirections == 2 ? kGroup / kLanes : 0;  // its first vector
  static_assert(kGroup * 2 >= kLanes);
  // Where channel f of a direction is in the row.
  static constexpr int place(int direction, int f) { return direction * kGroup + f; }
};

template <int n>
struct Number {
  static constexpr int value = n;
};

// Calls body(the row that a tile's messages need).
template <class V, class Body>
void with_message_row(const Tile& tile, const Body& body) {
  const auto of_group = [&](auto group) {
    constexpr int kGroup = decltype(group)::value;
    if (tile.directions == 2) return body(MessageRow<V, kGroup, 2>{});
    body(MessageRow<V, kGroup, 1>{});
  };
  if constexpr (V::kLanes <= 8) {
    if (tile.message_size <= 4) return of_group(Number<4>{});
  }
  if (tile.message_size <= 8) return of_group(Number<8>{});
  of_group(Number<kMostMessages>{});
}

// In every lane the sum of its group's lanes.
template <class V, int kWidth>
typename V::Vec sum_of_group(typename V::Vec x) {
  x = x + V::template swapped<1>(x);
  x = x + V::template swapped<2>(x);
  if constexpr (kWidth >= 8) x = x + V::template swapped<4>(x);
  if constexpr (kWidth >= 16) x = x + V::template swapped<8>(x);
  return x;
}

// The same of a . b, over all vectors of a direction.
template <class V, class Row>
typename V::Vec product_of_group(const typename V::Vec* a, const typename V::Vec* b) {
  typename V::Vec sum = a[0] * b[0];
  for (int each = 1; each < Row::kEach; ++each) sum = V::fma(a[each], b[each], sum);
  return sum_of_group<V, Row::kWidth>(sum);
}

// A tile's messages in scratch memory. With message_size 0 there are none, and it needs no memory.
template <class V, int H>
struct TileMessages {
  const Tile& tile;
  float* weights;       // [H + 1][row]
  float* over_rows;     // [columns][row]  sums of messages; backward: gradients of the sums
  float* over_columns;  // [rows][row]
  // Backward only:
  float* transposed;  // [part of h][row][lane]
  float* dweights;    // [H + 1][row]
  float* dmessages;   // [cells of a block][row]

  static constexpr int kMostFloats = 2 * kMostMessages;  // of a row
  static constexpr int kBlockCells = V::kBlocks * V::kCells;

  explicit TileMessages(const Tile& of, float* at)
      : tile(of),
        weights(at),
        over_rows(weights + (H + 1) * kMostFloats),
        over_columns(over_rows + tile.columns * kMostFloats),
        transposed(over_columns + tile.rows * kMostFloats),
        dweights(transposed + H * kMostFloats),
        dmessages(dweights + (H + 1) * kMostFloats) {
    if (!any()) return;
    with_message_row<V>(tile, [&](auto row) {
      using Row = decltype(row);
      clear<V>(weights, (H + 1) * Row::kFloats);
      clear<V>(over_rows, tile.columns * Row::kFloats);
      clear<V>(over_columns, tile.rows * Row::kFloats);
      for (int k = 0; k <= H; ++k) place(row, tile.messengers, k, 2, weights);
    });
  }
  bool any() const { return tile.message_size > 0; }
  static int64_t floats(const Tile& tile) {
    if (tile.message_size == 0) return 0;
    return (2 * (H + 1) + H + tile.rows + tile.columns + kBlockCells) * kMostFloats;
  }

  // Adds the messages of n cells to the sums.
  template <int n>
  void add(const Block<n>& block, const float* h) const {
    with_message_row<V>(tile, [&](auto row) {
      using Row = decltype(row);
      typename V::Vec x[n][Row::kVectors], inverse[n][Row::kVectors / Row::kEach];
      normalise<Row, n>(h, x, inverse);
      for (int cell = 0; cell < n; ++cell) {
        float* to_column = over_rows + block.column[cell] * Row::kFloats;
        float* to_row = over_columns + block.row[cell] * Row::kFloats;
#pragma GCC unroll 4
        for (int each = 0; each < Row::kEach; ++each) {
          float* to = to_column + each * Row::kLanes;
          V::store(to, V::load(to) + x[cell][each]);
          if (tile.directions < 2) continue;
          to = to_row + (Row::kReverse + each) * Row::kLanes;
          V::store(to, V::load(to) + x[cell][Row::kReverse + each]);
        }
      }
    });
  }

  // The sums to [columns, message_size] and [rows, message_size]; the latter may be null.
  void store_sums(float* to_rows, float* to_columns) const {
    with_message_row<V>(tile, [&](auto row) {
      using Row = decltype(row);
      const auto size = static_cast<int>(tile.message_size);
      for (int64_t k = 0; k < tile.columns; ++k) {
        const float* from = over_rows + k * Row::kFloats + Row::place(0, 0);
        for (int f = 0; f < size; ++f) to_rows[k * size + f] = from[f];
      }
      if (to_columns == nullptr) return;
      for (int64_t k = 0; k < tile.rows; ++k) {
        const float* from = over_columns + k * Row::kFloats + Row::place(1, 0);
        for (int f = 0; f < size; ++f) to_columns[k * size + f] = from[f];
      }
    });
  }

  // Before add_gradients(): gradients of the sums, as store_sums() gives them; null: zeros.
  void begin_gradients(const float* dover_rows, const float* dover_columns) const {
    with_message_row<V>(tile, [&](auto row) {
      using Row = decltype(row);
      clear<V>(dweights, (H + 1) * Row::kFloats);
      for (int k = 0; k < H; ++k) {
        float* to = transposed + k / V::kLanes * Row::kFloats * V::kLanes + k % V::kLanes;
        for (int q = 0; q < Row::kFloats; ++q) {
          to[q * V::kLanes] = weights[k * Row::kFloats + q];
        }
      }
      if (dover_rows != nullptr) {
        for (int64_t k = 0; k < tile.columns; ++k) place(row, dover_rows, k, 1, over_rows);
      }
      if (dover_columns == nullptr || tile.directions < 2) return;
      const auto size = static_cast<int>(tile.message_size);
      for (int64_t k = 0; k < tile.rows; ++k) {
        float* to = over_columns + k * Row::kFloats + Row::place(1, 0);
        for (int f = 0; f < size; ++f) to[f] = dover_columns[k * size + f];
      }
    });
  }

  // Adds to dh [cells, H] what reaches h [cells, H] through the messages of `cells` cells from
  // `first` on, a multiple of n that is at most a block; and to the messengers' gradient.
  template <int n>
  void add_gradients(int64_t first, int cells, const float* h, float* dh) const {
    with_message_row<V>(tile, [&](auto row) {
      using Row = decltype(row);
      for (int from = 0; from < cells; from += n) {
        message_gradients<Row, n>(Block<n>(tile, first + from, H), h + from * H,
                                  dmessages + from * Row::kFloats);
        add_hidden_gradients<Row, n>(dmessages + from * Row::kFloats, dh + from * H);
      }
      add_weight_gradients<Row>(cells, h);
    });
  }

  // The messengers' gradient to [H + 1, directions * message_size].
  void store_gradients(float* to) const {
    with_message_row<V>(tile, [&](auto row) {
      using Row = decltype(row);
      const auto size = static_cast<int>(tile.message_size);
      for (int k = 0; k <= H; ++k) {
        for (int direction = 0; direction < tile.directions; ++direction) {
          const float* from = dweights + k * Row::kFloats + Row::place(direction, 0);
          for (int f = 0; f < size; ++f) *to++ = from[f];
        }
      }
    });
  }

 private:
  // Row k of numbers without room between directions to its place in rows with it.
  template <class Row>
  void place(Row, const float* from, int64_t k, int most_directions, float* to) const {
    const auto size = static_cast<int>(tile.message_size);
    const auto directions =
        tile.directions < most_directions ? static_cast<int>(tile.directions) : most_directions;
    from += k * directions * size;
    to += k * Row::kFloats;
    for (int direction = 0; direction < directions; ++direction) {
      for (int f = 0; f < size; ++f) to[Row::place(direction, f)] = *from++;
    }
  }

  // Messages x of n cells, and 1 / sqrt(mean(z^2) + epsilon) of each direction's lanes.
  template <class Row, int n>
  void normalise(const float* h, typename V::Vec (&x)[n][Row::kVectors],
                 typename V::Vec (&inverse)[n][Row::kVectors / Row::kEach]) const {
    using Vec = typename V::Vec;
    constexpr int kVectors = Row::kVectors;
    Vec sum[n][kVectors];
    const float* w = weights;
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const Vec bias = V::load(w + H * Row::kFloats + v * Row::kLanes);
#pragma GCC unroll 8
      for (int cell = 0; cell < n; ++cell) sum[cell][v] = bias;
    }
    for (int k = 0; k < H; ++k, w += Row::kFloats) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        const Vec of_channel = V::load(w + v * Row::kLanes);
#pragma GCC unroll 8
        for (int cell = 0; cell < n; ++cell) {
          sum[cell][v] = V::fma(V::all(h[cell * H + k]), of_channel, sum[cell][v]);
        }
      }
    }
    const Vec share = V::all(1.0f / static_cast<float>(tile.message_size));
    const Vec epsilon = V::all(static_cast<float>(kNormEpsilon));
#pragma GCC unroll 8
    for (int cell = 0; cell < n; ++cell) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; v += Row::kEach) {
        const Vec squares = product_of_group<V, Row>(sum[cell] + v, sum[cell] + v);
        const Vec one_over = V::all(1.0f) / V::sqrt(V::fma(squares, share, epsilon));
        inverse[cell][v / Row::kEach] = one_over;
#pragma GCC unroll 4
        for (int each = v; each < v + Row::kEach; ++each)
          x[cell][each] = sum[cell][each] * one_over;
      }
    }
  }

  // Gradients of z of n cells: dz = (dx - x mean(x dx)) / sqrt(..).
  template <class Row, int n>
  void message_gradients(const Block<n>& block, const float* h, float* dz) const {
    using Vec = typename V::Vec;
    Vec x[n][Row::kVectors], inverse[n][Row::kVectors / Row::kEach];
    normalise<Row, n>(h, x, inverse);
    const Vec share = V::all(1.0f / static_cast<float>(tile.message_size));
    for (int cell = 0; cell < n; ++cell, dz += Row::kFloats) {
      const float* of_column = over_rows + block.column[cell] * Row::kFloats;
      const float* of_row = over_columns + block.row[cell] * Row::kFloats;
      Vec dx[Row::kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < Row::kVectors; ++v) {
        dx[v] = V::load(of_column + v * Row::kLanes) + V::load(of_row + v * Row::kLanes);
      }
#pragma GCC unroll 8
      for (int v = 0; v < Row::kVectors; v += Row::kEach) {
        const Vec along = product_of_group<V, Row>(x[cell] + v, dx + v) * share;
#pragma GCC unroll 4
        for (int each = v; each < v + Row::kEach; ++each) {
          V::store(dz + each * Row::kLanes,
                   inverse[cell][v / Row::kEach] * V::fnma(x[cell][each], along, dx[each]));
        }
      }
    }
  }

  // dh += dz m^T for n cells.
  template <class Row, int n>
  void add_hidden_gradients(const float* dz, float* dh) const {
    using Vec = typename V::Vec;
    constexpr int kLanes = V::kLanes;
    const float* w = transposed;
    for (int part = 0; part < H / kLanes; ++part) {
      Vec sum[n];
#pragma GCC unroll 8
      for (int cell = 0; cell < n; ++cell) sum[cell] = V::load(dh + cell * H + part * kLanes);
      for (int q = 0; q < Row::kFloats; ++q, w += kLanes) {
        const Vec of_channel = V::load(w);
#pragma GCC unroll 8
        for (int cell = 0; cell < n; ++cell) {
          sum[cell] = V::fma(V::all(dz[cell * Row::kFloats + q]), of_channel, sum[cell]);
        }
      }
#pragma GCC unroll 8
      for (int cell = 0; cell < n; ++cell) V::store(dh + cell * H + part * kLanes, sum[cell]);
    }
  }

  // dweights += [h, 1]^T dz over the cells of a block.
  template <class Row>
  void add_weight_gradients(int cells, const float* h) const {
    using Vec = typename V::Vec;
    constexpr int kRows = V::kWeightRows, kVectors = Row::kVectors, kLanes = V::kLanes;
    for (int k = 0; k < H; k += kRows) {
      float* to = dweights + k * Row::kFloats;
      Vec sum[kRows][kVectors];
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) sum[r][v] = V::load(to + r * Row::kFloats + v * kLanes);
      }
      const float* dz = dmessages;
      const float* heard = h + k;
      for (int cell = 0; cell < cells; ++cell, dz += Row::kFloats, heard += H) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) {
          const Vec gradient = V::load(dz + v * kLanes);
#pragma GCC unroll 4
          for (int r = 0; r < kRows; ++r) {
            sum[r][v] = V::fma(V::all(heard[r]), gradient, sum[r][v]);
          }
        }
      }
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) V::store(to + r * Row::kFloats + v * kLanes, sum[r][v]);
      }
    }
    float* of_bias = dweights + H * Row::kFloats;
    for (int cell = 0; cell < cells; ++cell) {
      const float* dz = dmessages + cell * Row::kFloats;
      for (int q = 0; q < Row::kFloats; q += kLanes) {
        V::store(of_bias + q, V::load(of_bias + q) + V::load(dz + q));
      }
    }
  }
};

}  // namespace
}  // namespace vsml::kernels
