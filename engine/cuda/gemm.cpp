// Matrix products by cuBLAS, which is not linked: it is looked for at run time, so that a program
// runs without it too, with our own product.
#include <climits>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fmt/format.h>
#include <mutex>
#include <stdexcept>

#include "engine/cuda/kernels.h"
#include "engine/kernels/loop.h"
#include "engine/kernels/matrix.h"

namespace engine::cuda {
namespace {

// The few functions of cuBLAS that are called, as its manual declares them.
using Handle = void*;
template <class T>
using Gemm = int (*)(Handle, int transpose_a, int transpose_b, int m, int n, int k, const T* alpha,
                     const T* a, int lda, long long stride_a, const T* b, int ldb,
                     long long stride_b, const T* beta, T* c, int ldc, long long stride_c,
                     int batches);
constexpr int kSuccess = 0, kDefaultMath = 0;  // default: no TF32

struct Cublas {
  int (*create)(Handle*) = nullptr;
  int (*set_stream)(Handle, cudaStream_t) = nullptr;
  int (*set_workspace)(Handle, void*, size_t) = nullptr;
  int (*set_math_mode)(Handle, int) = nullptr;
  Gemm<float> sgemm = nullptr;
  Gemm<double> dgemm = nullptr;

  bool found() const {
    return create != nullptr && set_stream != nullptr && set_workspace != nullptr &&
           set_math_mode != nullptr && sgemm != nullptr && dgemm != nullptr;
  }
};

Cublas load_cublas() {
  Cublas cublas;
  // For tests of our own product on a machine that has both.
  const char* wanted = std::getenv("ENGINE_CUBLAS");
  if (wanted != nullptr && std::strcmp(wanted, "off") == 0) return cublas;
  void* library = nullptr;
  for (const char* name : {"libcublas.so.13", "libcublas.so.12", "libcublas.so"}) {
    if (library == nullptr) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  }
  if (library == nullptr) return cublas;
  const auto find = [library](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
  };
  find(cublas.create, "cublasCreate_v2");
  find(cublas.set_stream, "cublasSetStream_v2");
  find(cublas.set_workspace, "cublasSetWorkspace_v2");
  find(cublas.set_math_mode, "cublasSetMathMode");
  find(cublas.sgemm, "cublasSgemmStridedBatched");
  find(cublas.dgemm, "cublasDgemmStridedBatched");
  return cublas;
}

const Cublas& cublas() {
  static const Cublas found = load_cublas();
  return found;
}

void require(int status, const char* call) {
  if (status == kSuccess) return;
  throw std::runtime_error(fmt::format("cuBLAS: {}: expected status 0, got {}", call, status));
}

// One handle per device, never destroyed. A handle is not for two threads at once. Its workspace is
// ours, so that products can be recorded; work that is replayed is in order with all other.
struct Handles {
  static constexpr int kMost = 64;
  struct One {
    Handle handle = nullptr;
    void* workspace = nullptr;
  };
  std::mutex mutex;
  One of[kMost];
};
constexpr int64_t kWorkspace = int64_t{32} << 20;  // what cuBLAS advises for Hopper

Handles& handles() {
  static auto* const all = new Handles;
  return *all;
}

Handle handle_of(const Queue& queue) {
  Handles::One& one = handles().of[queue.index % Handles::kMost];
  if (one.handle == nullptr) {
    if (one.workspace == nullptr) {
      ENGINE_CUDA(cudaMalloc(&one.workspace, static_cast<size_t>(kWorkspace)));
    }
    require(cublas().create(&one.handle), "cublasCreate");
    require(cublas().set_math_mode(one.handle, kDefaultMath), "cublasSetMathMode");
  }
  // Setting the stream unsets the workspace.
  require(cublas().set_stream(one.handle, queue.stream), "cublasSetStream");
  require(cublas().set_workspace(one.handle, one.workspace, static_cast<size_t>(kWorkspace)),
          "cublasSetWorkspace");
  return one.handle;
}

struct Sizes {
  int64_t m, n, k;
};

bool fits(const Sizes& s, const kernels::MatrixLayout& a, const kernels::MatrixLayout& b) {
  for (const int64_t size : {s.m, s.n, s.k, a.leading, b.leading}) {
    if (size > INT_MAX) return false;
  }
  return a.readable && b.readable;
}

// A row-major product is, read column by column, the product of the transposes in other order.
template <class T>
void multiply(const Queue& queue, Gemm<T> gemm, const Sizes& s, const kernels::MatrixLayout& a,
              const kernels::MatrixLayout& b, const kernels::Loop& batches, int64_t num_batches,
              bool accumulate) {
  const T one = 1, beta = accumulate ? T(1) : T(0);
  const int inner = batches.rank - 1;
  const int64_t length = num_batches == 0 ? 0 : batches.shape[inner];
  constexpr int64_t kMostAtOnce = 65535;  // of the third axis of a grid
  const auto step = [&](int operand) {
    return static_cast<long long>(batches.strides[operand][inner] / int64_t{sizeof(T)});
  };
  const std::lock_guard lock(handles().mutex);
  const Handle handle = handle_of(queue);
  for (int64_t first = 0, now = 0; first < num_batches; first += now) {
    const int64_t left_in_row = length - first % length;
    now = left_in_row < kMostAtOnce ? left_in_row : kMostAtOnce;
    int64_t offset[kernels::kMaxOperands];
    kernels::offsets_of(batches, first, offset);
    const auto at = [&](int operand) {
      return reinterpret_cast<T*>(batches.data[operand] + offset[operand]);
    };
    require(gemm(handle, b.transposed ? 1 : 0, a.transposed ? 1 : 0, static_cast<int>(s.n),
                 static_cast<int>(s.m), static_cast<int>(s.k), &one, at(2),
                 static_cast<int>(b.leading), step(2), at(1), static_cast<int>(a.leading), step(1),
                 &beta, at(0), static_cast<int>(s.n), step(0), static_cast<int>(now)),
            sizeof(T) == 4 ? "cublasSgemmStridedBatched" : "cublasDgemmStridedBatched");
  }
}

}  // namespace

void matmul(const Queue& queue, const View& a, const View& b, const View& out, bool accumulate) {
  if (element_count(out) == 0) return;
  const int last = out.rank - 1;
  const Sizes sizes{out.shape[last - 1], out.shape[last], a.shape[last]};
  if (sizes.k == 0) {
    if (!accumulate) fill(queue, 0, out);
    return;
  }
  const kernels::MatrixLayout left = kernels::matrix_layout(a), right = kernels::matrix_layout(b);
  View of_out = out, of_a = a, of_b = b;
  of_out.rank = of_a.rank = of_b.rank = out.rank - 2;
  const kernels::Loop batches = kernels::make_loop({of_out, of_a, of_b});
  const int64_t num_batches = element_count(of_out);
  if (!cublas().found() || !fits(sizes, left, right)) {
    return tiled_product(queue, a, b, out, accumulate);
  }
  if (out.dtype == DType::f32) {
    multiply<float>(queue, cublas().sgemm, sizes, left, right, batches, num_batches, accumulate);
  } else {
    multiply<double>(queue, cublas().dgemm, sizes, left, right, batches, num_batches, accumulate);
  }
}

}  // namespace engine::cuda
