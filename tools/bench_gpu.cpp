#include <algorithm>
#include <fmt/format.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/random.h"
#include "tools/bench_timing.h"
#include "vsml/kernels/layer_ticks.h"

namespace bench {
namespace {

using engine::Tensor;

constexpr int64_t kState = 16;
// Of a cell and tick at H = 16: the product with W, forward; and what the backward pass adds for
// one micro tick (gates again, to h, to W).
constexpr double kForwardFlops = 2 * 16 * 64, kBackwardFlops = 3 * kForwardFlops;
// Bytes that a cell must move: h and c in and out; backward h, c and the gradients of h and c.
constexpr double kForwardBytes = 4 * 16 * 4, kBackwardBytes = 6 * 16 * 4;

// All work of a device is in order: what was asked for before this number is done when it is here.
void wait(engine::Device device) {
  (void)Tensor::scalar(0, engine::DType::f32, device).item();
}

// The fused ticks of `members` layers of inputs x outputs cells, with a copy and a large product in
// turn as the device's limits.
void ticks(const Options& options, int64_t members, int64_t inputs, int64_t outputs,
           int64_t micro_ticks) {
  const std::string name =
      fmt::format("gpu/ticks/{}x{}/population{}/K{}", inputs, outputs, members, micro_ticks);
  if (!wanted(options, name)) return;
  const engine::Device device = options.device;
  const auto random = [&](const engine::Shape& shape, uint32_t salt) {
    return engine::normal(shape, {salt, 0, 0, 0}, engine::DType::f32, device);
  };
  const vsml::kernels::LayerTicks layer{random({members, inputs, 4 * kState}, 1),
                                        random({members, outputs, 4 * kState}, 2),
                                        random({kState, 4 * kState}, 3),
                                        random({members, inputs, outputs, kState}, 4),
                                        random({members, inputs, outputs, kState}, 5),
                                        micro_ticks};
  const vsml::kernels::LayerTicksResult dresult{layer.h, layer.c,
                                                random({members, outputs, kState}, 6),
                                                random({members, inputs, kState}, 7)};
  constexpr int64_t kCopied = int64_t{1} << 28, kProduct = 8192;
  const Tensor large = random({kCopied}, 8), square = random({kProduct, kProduct}, 9);
  const int64_t cells = members * inputs * outputs;
  const int64_t times = std::max<int64_t>(1, (int64_t{1} << 24) / cells);
  const auto forward = [&] {
    for (int64_t k = 0; k < times; ++k) run_layer_ticks(layer, true, false);
    wait(device);
  };
  const auto backward = [&] {
    for (int64_t k = 0; k < times; ++k) layer_ticks_gradients(layer, dresult);
    wait(device);
  };
  const auto copy = [&] {
    (void)negate(large);
    wait(device);
  };
  const auto product = [&] {
    (void)matmul(square, square);
    wait(device);
  };
  const std::vector<Timing> timings = alternate({forward, backward, copy, product}, options.repeat);
  const double worked = static_cast<double>(cells * times);
  const double copy_bytes = 2.0 * 4 * kCopied / timings[2].seconds;
  const double flops = 2.0 * kProduct * kProduct * kProduct / timings[3].seconds;
  const double forward_cells = worked / timings[0].seconds;
  const double backward_cells = worked / timings[1].seconds;
  const auto k = static_cast<double>(micro_ticks);
  print_line(name, 0,
             {{"cells", static_cast<double>(cells)},
              {"forward_mticks_per_s", forward_cells * k * 1e-6},
              {"backward_mticks_per_s", backward_cells * k * 1e-6},
              {"forward_of_copy", forward_cells * kForwardBytes / copy_bytes},
              {"backward_of_copy", backward_cells * kBackwardBytes / copy_bytes},
              {"forward_of_product", forward_cells * k * kForwardFlops / flops},
              {"backward_of_product", backward_cells * k * kBackwardFlops / flops},
              {"copy_gbytes_per_s", copy_bytes * 1e-9},
              {"product_gflops", flops * 1e-9},
              {"spread", timings[0].spread},
              {"spread_backward", timings[1].spread}});
}

}  // namespace

void run_gpu(const Options& options) {
  for (const int64_t micro_ticks : {1, 2}) {
    for (const int64_t members : {16, 128, 1024}) ticks(options, members, 784, 10, micro_ticks);
    ticks(options, 1, 4096, 4096, micro_ticks);
  }
}

}  // namespace bench
