#include "tools/bench_limits.h"

#include <algorithm>
#include <cstring>

#include "engine/ops/linalg.h"
#include "engine/ops/random.h"
#include "engine/parallel.h"
#include "vsml/kernels/cpu/tile.h"

namespace bench {
namespace {

using engine::Tensor;

constexpr int64_t kProduct = 1024;             // extent of a square product
constexpr int64_t kState = 16;                 // H
constexpr int64_t kCells = 48, kTurns = 2000;  // 48 cells: 18 KB
constexpr int64_t kMultiplyAdds = 500000;      // rounds
constexpr int64_t kCopied = int64_t{1} << 22;  // floats per thread, more than the caches hold

}  // namespace

struct LimitRuns::Data {
  int64_t threads = engine::num_threads();
  Tensor square = engine::normal({kProduct, kProduct}, {1, 0, 0, 0});
  Tensor sums = engine::normal({threads, kState}, {6, 0, 0, 0});
  double flops = 0;  // of one thread's multiply-adds
  Tensor gates = engine::normal({threads, kCells, 4 * kState}, {2, 0, 0, 0});
  Tensor h = engine::normal({threads, kCells, kState}, {3, 0, 0, 0});
  Tensor c = engine::normal({threads, kCells, kState}, {4, 0, 0, 0});
  Tensor from = engine::normal({threads, kCopied}, {5, 0, 0, 0});
  Tensor to = Tensor::zeros({threads, kCopied}, engine::DType::f32);
};

LimitRuns::LimitRuns() : data_(std::make_unique<Data>()) {}
LimitRuns::~LimitRuns() = default;

std::vector<std::function<void()>> LimitRuns::runs() const {
  Data& d = *data_;
  const auto peak = [&d] {
    const auto kernel = vsml::kernels::tile_kernels(kState).multiply_adds;
    engine::parallel_for(d.threads, [&](int64_t thread) {
      const double flops = kernel(kMultiplyAdds, d.sums.data<float>() + thread * kState);
      if (thread == 0) d.flops = flops;
    });
  };
  const auto product = [&d] { matmul(d.square, d.square); };
  const auto update = [&d] {
    const auto kernel = vsml::kernels::tile_kernels(kState).update;
    const float* gates = d.gates.data<float>();
    float *h = d.h.data<float>(), *c = d.c.data<float>();
    engine::parallel_for(d.threads, [&](int64_t thread) {
      const int64_t at = thread * kCells * kState;
      for (int64_t turn = 0; turn < kTurns; ++turn) kernel(gates + 4 * at, kCells, h + at, c + at);
    });
  };
  const auto copy = [&d] {
    const float* from = d.from.data<float>();
    float* to = d.to.data<float>();
    engine::parallel_for(d.threads, [&](int64_t thread) {
      std::memcpy(to + thread * kCopied, from + thread * kCopied, kCopied * sizeof(float));
    });
  };
  return {peak, product, update, copy};
}

Limits LimitRuns::limits(const std::vector<Timing>& times) const {
  const auto threads = static_cast<double>(data_->threads);
  Limits limits;
  limits.peak_flops = threads * data_->flops / times[0].seconds;
  limits.product_flops = 2.0 * kProduct * kProduct * kProduct / times[1].seconds;
  limits.updates = threads * kCells * kTurns / times[2].seconds;
  limits.copy_bytes = threads * 2 * kCopied * sizeof(float) / times[3].seconds;
  return limits;
}

}  // namespace bench
