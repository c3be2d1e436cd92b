#include "engine/cuda/kernels.h"
#include "engine/kernels/loop.h"

namespace engine::cuda {
namespace {

// Views without `axis`, and the steps along it, in bytes.
struct Slices {
  kernels::Loop rest;  // of a slice: output, input
  int64_t out_step, in_step;
};

Slices slices_of(const View& in, int axis, const View& out) {
  View to = out, from = in;
  to.shape[axis] = from.shape[axis] = 1;
  return {kernels::make_loop({to, from}), out.strides[axis] * size_of(out.dtype),
          in.strides[axis] * size_of(in.dtype)};
}

template <class T>
__global__ void gather_elements(Slices slices, const int32_t* places, int64_t num_places,
                                int64_t count) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step) {
    int64_t offset[kernels::kMaxOperands];
    int64_t element = i;
    // Elements of a slice are next to one another in most tensors.
    const int64_t slice = kernels::divide(element, count / num_places);
    kernels::offsets_of(slices.rest, element, offset);
    *reinterpret_cast<T*>(slices.rest.data[0] + offset[0] + slice * slices.out_step) =
        *reinterpret_cast<const T*>(slices.rest.data[1] + offset[1] +
                                    places[slice] * slices.in_step);
  }
}

// A thread has one element of a slice, and adds to it for one place after another: in order, and
// nobody else writes there.
template <class T>
__global__ void add_slices(Slices slices, const int32_t* places, int64_t num_places,
                           int64_t count) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step) {
    int64_t offset[kernels::kMaxOperands];
    kernels::offsets_of(slices.rest, i, offset);
    char* out = slices.rest.data[0] + offset[0];
    const char* in = slices.rest.data[1] + offset[1];
    for (int64_t j = 0; j < num_places; ++j) {
      *reinterpret_cast<T*>(out + places[j] * slices.out_step) +=
          *reinterpret_cast<const T*>(in + j * slices.in_step);
    }
  }
}

}  // namespace

void gather(const Queue& queue, const View& in, const View& index, int axis, const View& out) {
  const int64_t count = element_count(out);
  if (count == 0) return;
  const Slices slices = slices_of(in, axis, out);
  const auto* places = static_cast<const int32_t*>(index.data);
  const auto launch = [&](auto zero) {
    gather_elements<decltype(zero)><<<blocks_for(count), kernels::kBlockThreads, 0, queue.stream>>>(
        slices, places, out.shape[axis], count);
    ENGINE_CUDA(cudaGetLastError());
  };
  if (out.dtype == DType::f64) return launch(double{});
  if (out.dtype == DType::bf16) return launch(Bf16{});
  launch(float{});  // i32 likewise: only bytes are moved
}

void scatter_add(const Queue& queue, const View& in, const View& index, int axis, const View& out) {
  if (element_count(in) == 0) return;
  const int64_t count = element_count(in) / in.shape[axis];
  const Slices slices = slices_of(in, axis, out);
  const auto* places = static_cast<const int32_t*>(index.data);
  const auto launch = [&](auto zero) {
    add_slices<decltype(zero)><<<blocks_for(count), kernels::kBlockThreads, 0, queue.stream>>>(
        slices, places, in.shape[axis], count);
    ENGINE_CUDA(cudaGetLastError());
  };
  if (out.dtype == DType::f32) return launch(float{});
  if (out.dtype == DType::f64) return launch(double{});
  launch(int32_t{});
}

}  // namespace engine::cuda
