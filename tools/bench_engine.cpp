#include <cblas.h>
#include <cstring>
#include <fmt/format.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "engine/parallel.h"
#include "tools/bench_timing.h"

namespace bench {
namespace {

using engine::Tensor;

// GFLOP/s of the engine's product and of one call of the same OpenBLAS with as many threads.
void matmul_against_blas(const Options& options, int64_t n, int threads) {
  const std::string name = fmt::format("matmul/{0}x{0}x{0}", n);
  if (!wanted(options, name)) return;
  engine::set_num_threads(threads);
  const Tensor a = engine::normal({n, n}, {1, 0, 0, 0}), b = engine::normal({n, n}, {2, 0, 0, 0});
  Tensor out = Tensor::zeros({n, n}, engine::DType::f32);
  const auto size = static_cast<blasint>(n);
  const auto ours = [&] { matmul(a, b); };
  const auto bare = [&] {
    openblas_set_num_threads(threads);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size, size, size, 1.0f, a.data<float>(),
                size, b.data<float>(), size, 0.0f, out.data<float>(), size);
    openblas_set_num_threads(1);
  };
  const auto times = alternate({ours, bare}, options.repeat * (n <= 1024 ? 3 : 1));
  const double flops =
      2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
  print_line(name, threads,
             {{"gflops", flops / times[0].seconds * 1e-9},
              {"openblas_gflops", flops / times[1].seconds * 1e-9},
              {"ratio", times[1].seconds / times[0].seconds},
              {"spread", times[0].spread}});
}

// GB/s of bytes read and written, beside a plain copy of the same bytes by memcpy on one thread.
void elementwise_against_copy(const Options& options, int threads) {
  constexpr int64_t kSize = int64_t{1} << 24;
  engine::set_num_threads(threads);
  const Tensor x = engine::normal({kSize}, {1, 0, 0, 0});
  const Tensor y = engine::normal({kSize}, {2, 0, 0, 0});
  Tensor out = Tensor::zeros({kSize}, engine::DType::f32);
  const auto copy = [&] {
    std::memcpy(out.data<float>(), x.data<float>(), static_cast<size_t>(kSize) * sizeof(float));
  };
  const std::vector<std::pair<std::string, std::function<void()>>> ops{
      {"add", [&] { add(x, y); }}, {"multiply", [&] { multiply(x, y); }}, {"exp", [&] { exp(x); }},
      {"tanh", [&] { tanh(x); }},  {"sigmoid", [&] { sigmoid(x); }},      {"sum", [&] { sum(x); }},
  };
  for (const auto& [op, run] : ops) {
    const std::string name = "elementwise/" + op;
    if (!wanted(options, name)) continue;
    const double arrays = op == "add" || op == "multiply" ? 3 : op == "sum" ? 1 : 2;
    const auto times = alternate({run, copy}, options.repeat);
    const double bytes = static_cast<double>(kSize) * sizeof(float);
    print_line(name, threads,
               {{"gbytes_per_s", arrays * bytes / times[0].seconds * 1e-9},
                {"copy_gbytes_per_s", 2 * bytes / times[1].seconds * 1e-9},
                {"ratio", arrays * times[1].seconds / (2 * times[0].seconds)},
                {"spread", times[0].spread}});
  }
}

}  // namespace

void run_engine(const Options& options) {
  for (const int threads : options.threads) {
    for (const int64_t n : {256, 512, 1024, 2048}) matmul_against_blas(options, n, threads);
    elementwise_against_copy(options, threads);
  }
}

}  // namespace bench
