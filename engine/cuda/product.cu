// Matrix products without a library: tiles in shared memory, each thread 4 x 4 sums.
//
// A long product of few rows and columns (a weight's gradient) is cut along k into fixed parts,
// which are summed in order by the reduction kernels.
#include "engine/cuda/kernels.h"
#include "engine/kernels/loop.h"

namespace engine::cuda {
namespace {

constexpr int kTile = 64, kDepth = 16, kEach = 4;
constexpr int kThreads = (kTile / kEach) * (kTile / kEach);
static_assert(kThreads == kernels::kBlockThreads);

template <class T>
struct Product {
  kernels::Loop batches;  // of out, a, b
  int64_t num_batches, m, n, k;
  int64_t k_per_part, parts;
  int64_t row_tiles, column_tiles;
  int64_t a_row, a_column, b_row, b_column, out_row;  // steps, in elements
  int64_t part_step;                                  // from one part's result to the next
  bool accumulate;
};

template <class T>
__global__ void __launch_bounds__(kThreads) multiply(Product<T> p, int64_t tiles) {
  __shared__ T a_tile[kDepth][kTile + 1];
  __shared__ T b_tile[kDepth][kTile + 1];
  const int thread = static_cast<int>(threadIdx.x);
  const int row_of = thread / (kTile / kEach), column_of = thread % (kTile / kEach);
  for (int64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    int64_t rest = tile;
    const int64_t column0 = rest % p.column_tiles * kTile;
    rest /= p.column_tiles;
    const int64_t row0 = rest % p.row_tiles * kTile;
    rest /= p.row_tiles;
    const int64_t part = rest % p.parts;
    int64_t offset[kernels::kMaxOperands];
    kernels::offsets_of(p.batches, rest / p.parts, offset);
    const T* a = reinterpret_cast<const T*>(p.batches.data[1] + offset[1]);
    const T* b = reinterpret_cast<const T*>(p.batches.data[2] + offset[2]);
    T* out = reinterpret_cast<T*>(p.batches.data[0] + offset[0]) + part * p.part_step;
    const int64_t k_first = part * p.k_per_part;
    const int64_t k_last = k_first + p.k_per_part < p.k ? k_first + p.k_per_part : p.k;
    T sum[kEach][kEach] = {};
    for (int64_t k0 = k_first; k0 < k_last; k0 += kDepth) {
      for (int i = thread; i < kTile * kDepth; i += kThreads) {
        // Neighbouring threads read neighbouring elements, whichever axis those lie along.
        const bool a_along_k = p.a_column == 1, b_along_k = p.b_row == 1 && p.b_column != 1;
        const int a_row = a_along_k ? i / kDepth : i % kTile;
        const int a_k = a_along_k ? i % kDepth : i / kTile;
        const int b_column = b_along_k ? i / kDepth : i % kTile;
        const int b_k = b_along_k ? i % kDepth : i / kTile;
        const int64_t row = row0 + a_row, column = column0 + b_column;
        a_tile[a_k][a_row] =
            row < p.m && k0 + a_k < k_last ? a[row * p.a_row + (k0 + a_k) * p.a_column] : T(0);
        b_tile[b_k][b_column] = column < p.n && k0 + b_k < k_last
                                    ? b[(k0 + b_k) * p.b_row + column * p.b_column]
                                    : T(0);
      }
      __syncthreads();
#pragma unroll
      for (int k = 0; k < kDepth; ++k) {
        T left[kEach], right[kEach];
#pragma unroll
        for (int i = 0; i < kEach; ++i) {
          left[i] = a_tile[k][row_of * kEach + i];
          right[i] = b_tile[k][column_of + i * (kTile / kEach)];
        }
#pragma unroll
        for (int i = 0; i < kEach; ++i) {
#pragma unroll
          for (int j = 0; j < kEach; ++j) sum[i][j] += left[i] * right[j];
        }
      }
      __syncthreads();
    }
    for (int i = 0; i < kEach; ++i) {
      for (int j = 0; j < kEach; ++j) {
        const int64_t row = row0 + row_of * kEach + i;
        const int64_t column = column0 + column_of + j * (kTile / kEach);
        if (row >= p.m || column >= p.n) continue;
        T* to = out + row * p.out_row + column;
        *to = p.accumulate ? *to + sum[i][j] : sum[i][j];
      }
    }
  }
}

// A view of the batch axes alone.
View batches_of(const View& view) {
  View batches = view;
  batches.rank -= 2;
  return batches;
}

template <class T>
void launch(const Queue& queue, const Product<T>& product) {
  const int64_t tiles =
      product.num_batches * product.parts * product.row_tiles * product.column_tiles;
  multiply<T><<<blocks_for(tiles * kThreads), kThreads, 0, queue.stream>>>(product, tiles);
  ENGINE_CUDA(cudaGetLastError());
}

template <class T>
void product_typed(const Queue& queue, const View& a, const View& b, const View& out,
                   bool accumulate) {
  constexpr int64_t kPart = 2048, kFewTiles = 64;
  const auto up = [](int64_t x, int64_t y) { return (x + y - 1) / y; };
  const int last = out.rank - 1;
  Product<T> p;
  p.batches = kernels::make_loop({batches_of(out), batches_of(a), batches_of(b)});
  p.num_batches = element_count(batches_of(out));
  p.m = out.shape[last - 1];
  p.n = out.shape[last];
  p.k = a.shape[last];
  p.row_tiles = up(p.m, kTile);
  p.column_tiles = up(p.n, kTile);
  p.a_row = a.strides[last - 1];
  p.a_column = a.strides[last];
  p.b_row = b.strides[last - 1];
  p.b_column = b.strides[last];
  p.out_row = p.n;
  p.part_step = 0;
  p.accumulate = accumulate;
  p.parts = 1;
  p.k_per_part = p.k;
  if (p.num_batches == 1 && p.row_tiles * p.column_tiles < kFewTiles && p.k > 2 * kPart) {
    p.k_per_part = kPart > up(p.k, 512) ? kPart : up(p.k, 512);
    p.parts = up(p.k, p.k_per_part);
  }
  if (p.parts == 1) return launch(queue, p);
  const int64_t extra = accumulate ? 1 : 0, size = p.m * p.n;
  const Workspace partial(queue, (p.parts + extra) * size * int64_t{sizeof(T)});
  View parts;
  parts.data = partial.as<T>();
  parts.dtype = out.dtype;
  parts.rank = 2;
  parts.shape[0] = p.parts + extra;
  parts.shape[1] = parts.strides[0] = size;
  parts.strides[1] = 1;
  View first = parts, sum = parts;
  first.shape[0] = sum.shape[0] = 1;
  sum.data = out.data;
  if (accumulate) copy(queue, sum, first);
  p.batches.data[0] = reinterpret_cast<char*>(partial.as<T>() + extra * size);
  p.part_step = size;
  p.accumulate = false;
  launch(queue, p);
  reduce(queue, ReduceOp::Sum, parts, sum);
}

}  // namespace

void tiled_product(const Queue& queue, const View& a, const View& b, const View& out,
                   bool accumulate) {
  if (out.dtype == DType::f32) return product_typed<float>(queue, a, b, out, accumulate);
  product_typed<double>(queue, a, b, out, accumulate);
}

}  // namespace engine::cuda
