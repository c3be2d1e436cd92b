#include "engine/cuda/kernels.h"
#include "engine/kernels/reduce_blocks.h"

namespace engine::cuda {
namespace {

using kernels::DeviceBlock;
using kernels::ReduceCut;
using kernels::ReducePlan;

// Blocks and threads go on in steps of the grid, whose size is limited.
template <class How, class T, class Result>
__global__ void by_threads(ReducePlan plan, ReduceCut cut, int64_t count, Result* results) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step) {
    results[i] = static_cast<Result>(kernels::fold_by_thread<How, T>(plan, cut, i));
  }
}

template <class How, class T>
__global__ void by_blocks(ReducePlan plan, ReduceCut cut, int64_t count, double* results) {
  __shared__ double shared[kernels::kBlockThreads];
  for (int64_t i = blockIdx.x; i < count; i += gridDim.x) {
    kernels::fold_by_block<How, T>(DeviceBlock{i}, plan, cut, shared, results + i);
  }
}

template <class How, class T>
__global__ void combine(ReducePlan plan, ReduceCut cut, const double* partial, int64_t count,
                        T* out) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step) {
    out[i] = static_cast<T>(kernels::combine_segments<How>(plan, cut, partial, i));
  }
}

template <class How, class T>
void reduce_typed(const Queue& queue, const ReducePlan& plan, T* out) {
  const ReduceCut cut = kernels::cut_reduction(plan);
  const int64_t outputs = plan.outputs * plan.columns, parts = outputs * cut.segments;
  constexpr int kThreads = kernels::kBlockThreads;
  if (!cut.by_blocks && cut.segments == 1) {
    by_threads<How, T, T>
        <<<blocks_for(outputs), kThreads, 0, queue.stream>>>(plan, cut, outputs, out);
    ENGINE_CUDA(cudaGetLastError());
    return;
  }
  const Workspace partial(queue, parts * int64_t{sizeof(double)});
  auto* at = partial.as<double>();
  if (cut.by_blocks) {
    by_blocks<How, T>
        <<<blocks_for(parts * kThreads), kThreads, 0, queue.stream>>>(plan, cut, parts, at);
  } else {
    by_threads<How, T, double>
        <<<blocks_for(parts), kThreads, 0, queue.stream>>>(plan, cut, parts, at);
  }
  ENGINE_CUDA(cudaGetLastError());
  combine<How, T><<<blocks_for(outputs), kThreads, 0, queue.stream>>>(plan, cut, at, outputs, out);
  ENGINE_CUDA(cudaGetLastError());
}

template <class T>
__global__ void largest(View in, View rest, int axis, int64_t count, int32_t* out) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step) {
    int64_t offset = 0, index = i;
    for (int d = rest.rank - 1; d >= 0; --d) {
      int64_t place = index;
      index = kernels::divide(place, rest.shape[d]);
      offset += place * rest.strides[d];
    }
    out[i] = static_cast<int32_t>(kernels::first_largest(static_cast<const T*>(in.data) + offset,
                                                         in.shape[axis], in.strides[axis]));
  }
}

template <class T>
void argmax_typed(const Queue& queue, const View& in, int axis, const View& out) {
  View rest = in;
  rest.shape[axis] = 1;
  const int64_t count = element_count(rest);
  if (count == 0) return;
  largest<T><<<blocks_for(count), kernels::kBlockThreads, 0, queue.stream>>>(
      in, rest, axis, count, static_cast<int32_t*>(out.data));
  ENGINE_CUDA(cudaGetLastError());
}

}  // namespace

void reduce(const Queue& queue, ReduceOp op, const View& in, const View& out) {
  if (element_count(out) == 0) return;
  if (element_count(in) == 0) return fill(queue, 0, out);
  const ReducePlan plan = kernels::plan_reduction(op, in, out);
  kernels::visit(op, [&](auto how) {
    using How = decltype(how);
    if (in.dtype == DType::f32) {
      return reduce_typed<How>(queue, plan, static_cast<float*>(out.data));
    }
    if (in.dtype == DType::f64) {
      return reduce_typed<How>(queue, plan, static_cast<double*>(out.data));
    }
    reduce_typed<How>(queue, plan, static_cast<int32_t*>(out.data));
  });
}

void argmax(const Queue& queue, const View& in, int axis, const View& out) {
  if (in.dtype == DType::f32) return argmax_typed<float>(queue, in, axis, out);
  if (in.dtype == DType::f64) return argmax_typed<double>(queue, in, axis, out);
  argmax_typed<int32_t>(queue, in, axis, out);
}

}  // namespace engine::cuda
