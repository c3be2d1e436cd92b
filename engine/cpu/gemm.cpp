// Matrix products by OpenBLAS, which runs on one thread per call; the parallelism is over blocks of
// rows whose bounds follow from the shape alone, so the bits do not depend on the thread count.
#include <algorithm>
#include <cblas.h>
#include <cmath>
#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include "engine/cpu/kernels.h"
#include "engine/cpu/vector/kernels.h"
#include "engine/cpu_info.h"
#include "engine/error.h"
#include "engine/kernels/matrix.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

constexpr int kOpenMpBuild = 2;  // openblas_get_parallel()

// An OpenBLAS built on OpenMP asks OpenMP for its thread count, which each thread keeps for itself.
void use_one_openmp_thread() {
  using SetThreads = void (*)(int);
  static const auto set_threads =
      openblas_get_parallel() == kOpenMpBuild
          ? reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"))
          : nullptr;
  thread_local bool done = false;
  if (!done && set_threads != nullptr) set_threads(1);
  done = true;
}

struct Matrix {
  const char* data;
  CBLAS_TRANSPOSE transpose;
  blasint leading;
};

// The last two axes of a view as BLAS wants them.
Matrix matrix_of(const View& view, const char* data) {
  const kernels::MatrixLayout layout = kernels::matrix_layout(view);
  return {data, layout.transposed ? CblasTrans : CblasNoTrans,
          static_cast<blasint>(layout.leading)};
}

struct Product {
  int64_t m, n, k;
  int64_t rows_per_block;
};

// Rows per block. Each block packs b anew, which costs the less the more rows it has; a power of
// two of equal blocks keeps few threads equally busy, and 64 of them many threads.
int64_t block_rows(int64_t m, int64_t n, int64_t k) {
  constexpr int64_t kMinRows = 256, kMaxRows = 768, kMaxBlocks = 64;
  constexpr int64_t kMinWork = int64_t{1} << 21;  // multiply-adds, to pay for a task
  int64_t blocks = m >= 2 * kMinRows ? 2 : 1;
  while (blocks < kMaxBlocks && m > blocks * kMaxRows) blocks *= 2;
  const auto in_lines = [](int64_t rows) { return (rows + 15) / 16 * 16; };
  const int64_t for_work = kMinWork / std::max<int64_t>(1, n * k) + 1;
  return std::min(m, std::max(in_lines((m + blocks - 1) / blocks), in_lines(for_work)));
}

void gemm(DType dtype, int64_t m, const Product& p, const Matrix& a, const Matrix& b, char* out,
          bool accumulate) {
  use_one_openmp_thread();
  const auto rows = static_cast<blasint>(m), columns = static_cast<blasint>(p.n);
  const auto depth = static_cast<blasint>(p.k);
  if (dtype == DType::f32) {
    cblas_sgemm(CblasRowMajor, a.transpose, b.transpose, rows, columns, depth, 1.0f,
                reinterpret_cast<const float*>(a.data), a.leading,
                reinterpret_cast<const float*>(b.data), b.leading, accumulate ? 1.0f : 0.0f,
                reinterpret_cast<float*>(out), columns);
  } else {
    cblas_dgemm(CblasRowMajor, a.transpose, b.transpose, rows, columns, depth, 1.0,
                reinterpret_cast<const double*>(a.data), a.leading,
                reinterpret_cast<const double*>(b.data), b.leading, accumulate ? 1.0 : 0.0,
                reinterpret_cast<double*>(out), columns);
  }
}

// OpenBLAS asks again and again for its buffers where there are no addresses left (ulimit -v).
void require_addresses() {
  constexpr size_t kBuffers = size_t{256} << 20;
  void* probe = mmap(nullptr, kBuffers, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (probe == MAP_FAILED) {
    throw ResourceError(
        fmt::format("memory: expected {} MiB of free addresses for matrix products, found less",
                    kBuffers >> 20),
        "raise the limit of the address space (ulimit -v)");
  }
  munmap(probe, kBuffers);
}

}  // namespace

void matmul(const View& a, const View& b, const View& out, bool accumulate) {
  Product p{out.shape[out.rank - 2], out.shape[out.rank - 1], a.shape[a.rank - 1], 0};
  if (element_count(out) == 0) return;
  if (p.k == 0) {
    if (!accumulate) fill(0, out);
    return;
  }
  int64_t batches = 1;
  for (int axis = 0; axis + 2 < out.rank; ++axis) batches *= out.shape[axis];
  p.rows_per_block = block_rows(p.m, p.n, p.k);
  const int64_t blocks = (p.m + p.rows_per_block - 1) / p.rows_per_block;
  const int64_t unit = size_of(out.dtype);
  const auto run = [&](int64_t task) {
    const int64_t batch = task / blocks, first = task % blocks * p.rows_per_block;
    const int64_t rows = std::min(p.rows_per_block, p.m - first);
    const auto at = [&](const View& view, int64_t offset) {
      return static_cast<char*>(view.data) + (kernels::matrix_offset(view, batch) + offset) * unit;
    };
    const Matrix left = matrix_of(a, at(a, first * a.strides[a.rank - 2]));
    const Matrix right = matrix_of(b, at(b, 0));
    gemm(out.dtype, rows, p, left, right, at(out, first * p.n), accumulate);
  };
  constexpr int64_t kSerialWork = int64_t{1} << 17;
  if (batches * blocks == 1 || batches * p.m * p.n * p.k < kSerialWork) {
    for (int64_t task = 0; task < batches * blocks; ++task) run(task);
  } else {
    parallel_for(batches * blocks, run);
  }
}

void check_blas() {
  require_addresses();
  openblas_set_num_threads(1);
  use_one_openmp_thread();
  if (openblas_get_parallel() != kOpenMpBuild && openblas_get_num_threads() != 1) {
    throw Error(fmt::format("OpenBLAS: expected 1 thread after openblas_set_num_threads(1), got {}",
                            openblas_get_num_threads()),
                "install libopenblas0-pthread or libopenblas0-serial");
  }
  // Some processors were given kernels with wrong results; a product whose value is known exactly
  // (small integers) shows it at once.
  constexpr int64_t kSize = 33;
  float a[kSize * kSize], b[kSize * kSize], out[kSize * kSize];
  for (int64_t i = 0; i < kSize * kSize; ++i) {
    a[i] = static_cast<float>(i % 7 - 3);
    b[i] = static_cast<float>(i % 5 - 2);
  }
  View view;
  view.rank = 2;
  view.shape[0] = view.shape[1] = view.strides[0] = kSize;
  view.strides[1] = 1;
  View left = view, right = view, result = view;
  left.data = a;
  right.data = b;
  result.data = out;
  matmul(left, right, result, false);
  for (int64_t i = 0; i < kSize; ++i) {
    for (int64_t j = 0; j < kSize; ++j) {
      float expected = 0;
      for (int64_t k = 0; k < kSize; ++k) expected += a[i * kSize + k] * b[k * kSize + j];
      if (out[i * kSize + j] != expected) {
        throw Error(fmt::format("OpenBLAS: product of small integers is wrong at [{}, {}]: "
                                "expected {}, got {} (kernel {})",
                                i, j, expected, out[i * kSize + j], openblas_get_corename()),
                    "set OPENBLAS_CORETYPE to another kernel, for example Haswell");
      }
    }
  }
}

}  // namespace engine::cpu

namespace engine {

CpuInfo cpu_info() {
  return {cpu::vector_kernels().isa,
          fmt::format("{}, kernel {}", openblas_get_config(), openblas_get_corename())};
}

}  // namespace engine
