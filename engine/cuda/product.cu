// Matrix products without a library.
#include "engine/cuda/kernels.h"
#include "engine/kernels/product_blocks.h"

namespace engine::cuda {
namespace {

using kernels::DeviceBlock;
using kernels::Product;

template <class T>
__global__ void __launch_bounds__(kernels::kBlockThreads) multiply(Product p) {
  __shared__ kernels::ProductTiles<T> shared;
  for (int64_t tile = blockIdx.x; tile < p.tiles; tile += gridDim.x) {
    kernels::product_tile<T>(DeviceBlock{tile}, p, shared);
  }
}

template <class T>
void launch(const Queue& queue, const Product& product) {
  if (product.tiles == 0) return;
  constexpr int kThreads = kernels::kBlockThreads;
  multiply<T><<<blocks_for(product.tiles * kThreads), kThreads, 0, queue.stream>>>(product);
  ENGINE_CUDA(cudaGetLastError());
}

template <class T>
void product_typed(const Queue& queue, const View& a, const View& b, const View& out,
                   bool accumulate) {
  Product p = kernels::plan_product(a, b, out, accumulate);
  if (p.parts == 1) return launch<T>(queue, p);
  // What was in out is part 0.
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
  launch<T>(queue, p);
  reduce(queue, ReduceOp::Sum, parts, sum);
}

}  // namespace

void tiled_product(const Queue& queue, const View& a, const View& b, const View& out,
                   bool accumulate) {
  if (out.dtype == DType::f32) return product_typed<float>(queue, a, b, out, accumulate);
  product_typed<double>(queue, a, b, out, accumulate);
}

}  // namespace engine::cuda
