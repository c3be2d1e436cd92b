// engine/kernels/product_blocks.h: matrix products by blocks of threads, without a library: tiles
// in shared memory, each thread 4 x 4 sums.
//
// A long product of few rows and columns (a weight's gradient) is cut along k into fixed parts,
// which are summed in order afterwards.
#pragma once

#include "engine/kernels/block.h"
#include "engine/kernels/loop.h"

namespace engine::kernels {

inline constexpr int kProductTile = 64, kProductDepth = 16, kProductEach = 4;
static_assert((kProductTile / kProductEach) * (kProductTile / kProductEach) == kBlockThreads);

struct Product {
  Loop batches;  // of out, a, b
  int64_t num_batches = 1, m = 0, n = 0, k = 0;
  int64_t k_per_part = 0, parts = 1;
  int64_t row_tiles = 0, column_tiles = 0, tiles = 0;
  // Steps, in elements.
  int64_t a_row = 0, a_column = 0, b_row = 0, b_column = 0, out_row = 0;
  int64_t part_step = 0;  // from one part's result to the next
  bool accumulate = false;
};

// a [..., m, k], b [..., k, n], out [..., m, n], as for Backend::matmul. With more than one part
// the caller gives them a place of their own, parts * m * n numbers, as data[0] and part_step, and
// sums them up.
inline Product plan_product(const View& a, const View& b, const View& out, bool accumulate) {
  constexpr int64_t kPart = 2048, kFewTiles = 64, kMostParts = 512;
  const auto up = [](int64_t x, int64_t y) { return (x + y - 1) / y; };
  const auto batches_of = [](View view) {
    view.rank -= 2;
    return view;
  };
  const int last = out.rank - 1;
  Product p;
  p.batches = make_loop({batches_of(out), batches_of(a), batches_of(b)});
  p.num_batches = element_count(batches_of(out));
  p.m = out.shape[last - 1];
  p.n = out.shape[last];
  p.k = a.shape[last];
  p.row_tiles = up(p.m, kProductTile);
  p.column_tiles = up(p.n, kProductTile);
  p.a_row = a.strides[last - 1];
  p.a_column = a.strides[last];
  p.b_row = b.strides[last - 1];
  p.b_column = b.strides[last];
  p.out_row = p.n;
  p.accumulate = accumulate;
  p.k_per_part = p.k;
  if (p.num_batches == 1 && p.row_tiles * p.column_tiles < kFewTiles && p.k > 2 * kPart) {
    p.k_per_part = kPart > up(p.k, kMostParts) ? kPart : up(p.k, kMostParts);
    p.parts = up(p.k, p.k_per_part);
  }
  p.tiles = p.num_batches * p.parts * p.row_tiles * p.column_tiles;
  return p;
}

template <class T>
struct ProductTiles {
  T a[kProductDepth][kProductTile + 1], b[kProductDepth][kProductTile + 1];
};

template <class T>
struct ProductSums {
  T at[kProductEach][kProductEach];
};

// Tile block.index of p.tiles.
template <class T, class Block>
ENGINE_HD void product_tile(const Block& block, const Product& p, ProductTiles<T>& shared) {
  constexpr int kTile = kProductTile, kDepth = kProductDepth, kEach = kProductEach;
  constexpr int kAcross = kTile / kEach;
  int64_t rest = block.index;
  const int64_t column0 = rest % p.column_tiles * kTile;
  rest /= p.column_tiles;
  const int64_t row0 = rest % p.row_tiles * kTile;
  rest /= p.row_tiles;
  const int64_t part = rest % p.parts;
  int64_t offset[kMaxOperands];
  offsets_of(p.batches, rest / p.parts, offset);
  const T* a = reinterpret_cast<const T*>(p.batches.data[1] + offset[1]);
  const T* b = reinterpret_cast<const T*>(p.batches.data[2] + offset[2]);
  T* out = reinterpret_cast<T*>(p.batches.data[0] + offset[0]) + part * p.part_step;
  const int64_t k_first = part * p.k_per_part;
  const int64_t k_last = k_first + p.k_per_part < p.k ? k_first + p.k_per_part : p.k;
  typename Block::template Local<ProductSums<T>> sums;
  block.each([&](int thread) { sums[thread] = {}; });
  for (int64_t k0 = k_first; k0 < k_last; k0 += kDepth) {
    block.each([&](int thread) {
      // Neighbouring threads read neighbouring elements, whichever axis those lie along.
      const bool a_along_k = p.a_column == 1, b_along_k = p.b_row == 1 && p.b_column != 1;
      for (int i = thread; i < kTile * kDepth; i += kBlockThreads) {
        const int a_row = a_along_k ? i / kDepth : i % kTile;
        const int a_k = a_along_k ? i % kDepth : i / kTile;
        const int b_column = b_along_k ? i / kDepth : i % kTile;
        const int b_k = b_along_k ? i % kDepth : i / kTile;
        const int64_t row = row0 + a_row, column = column0 + b_column;
        shared.a[a_k][a_row] =
            row < p.m && k0 + a_k < k_last ? a[row * p.a_row + (k0 + a_k) * p.a_column] : T(0);
        shared.b[b_k][b_column] = column < p.n && k0 + b_k < k_last
                                      ? b[(k0 + b_k) * p.b_row + column * p.b_column]
                                      : T(0);
      }
    });
    block.each([&](int thread) {
      ProductSums<T>& sum = sums[thread];
      ENGINE_UNROLL
      for (int k = 0; k < kDepth; ++k) {
        T left[kEach], right[kEach];
        ENGINE_UNROLL
        for (int i = 0; i < kEach; ++i) {
          left[i] = shared.a[k][thread / kAcross * kEach + i];
          right[i] = shared.b[k][thread % kAcross + i * kAcross];
        }
        ENGINE_UNROLL
        for (int i = 0; i < kEach; ++i) {
          ENGINE_UNROLL
          for (int j = 0; j < kEach; ++j) sum.at[i][j] += left[i] * right[j];
        }
      }
    });
  }
  block.each([&](int thread) {
    ENGINE_UNROLL
    for (int i = 0; i < kEach; ++i) {
      ENGINE_UNROLL
      for (int j = 0; j < kEach; ++j) {
        const int64_t row = row0 + thread / kAcross * kEach + i;
        const int64_t column = column0 + thread % kAcross + j * kAcross;
        if (row >= p.m || column >= p.n) continue;
        T* to = out + row * p.out_row + column;
        *to = p.accumulate ? *to + sums[thread].at[i][j] : sums[thread].at[i][j];
      }
    }
  });
}

}  // namespace engine::kernels
