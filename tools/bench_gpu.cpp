#include <algorithm>
#include <cstdio>
#include <fmt/format.h>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/nn.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "tools/bench_timing.h"
#include "vsml/example_loop.h"
#include "vsml/kernels/layer_ticks.h"
#include "vsml/learners/vsml_learner.h"

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

// Seconds of the floor: what takes longer, if everything else goes on beside it.
double slower(double moving, double multiplying) {
  return std::max(moving, multiplying);
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
              {"forward_of_floor",
               forward_cells * slower(kForwardBytes / copy_bytes, k * kForwardFlops / flops)},
              {"backward_of_floor",
               backward_cells * slower(kBackwardBytes / copy_bytes, k * kBackwardFlops / flops)},
              {"forward_of_product", forward_cells * k * kForwardFlops / flops},
              {"backward_of_product", backward_cells * k * kBackwardFlops / flops},
              {"copy_gbytes_per_s", copy_bytes * 1e-9},
              {"product_gflops", flops * 1e-9},
              {"spread", timings[0].spread},
              {"spread_backward", timings[1].spread}});
}

// Whole episodes, as evolution strategies and meta-tests run them, messages, errors and all; and
// with the meta-gradient. `gradient`: else its tape would not fit.
void episodes(const Options& options, int64_t members, int64_t inputs, int64_t classes,
              int64_t micro_ticks, bool gradient, vsml::StateType type = vsml::StateType::Float32,
              bool layer_norm = false) {
  const char* kept = type == vsml::StateType::Float32     ? ""
                     : type == vsml::StateType::Bfloat16H ? "/bfloat16_h"
                                                          : "/bfloat16";
  const std::string name = fmt::format("gpu/episodes/{}x{}/population{}/K{}{}{}", inputs, classes,
                                       members, micro_ticks, kept, layer_norm ? "/layer_norm" : "");
  if (!wanted(options, name)) return;
  const engine::Device device = options.device;
  vsml::NetworkOptions network;
  network.micro_ticks = micro_ticks;
  network.state_type = type;
  network.layer_norm = layer_norm;
  const vsml::VsmlLearner learner(network, {}, {inputs, classes}, engine::DType::f32, device);
  const Tensor flat = learner.initial_params({1, 0, 0, 0});
  const engine::ParamSet params(learner.layout(), flat);
  std::vector<engine::RngKey> keys;
  for (int64_t p = 0; p < members; ++p) keys.push_back({1, 1, 0, static_cast<uint32_t>(p)});
  const Tensor input = engine::normal({members, 1, inputs}, {2, 0, 0, 0}, flat.dtype(), device);
  const Tensor label =
      engine::softmax(engine::normal({members, 1, classes}, {3, 0, 0, 0}, flat.dtype(), device));
  const auto cells = static_cast<double>(members * inputs * classes);
  const auto examples = static_cast<int64_t>(std::clamp(3e8 / cells, 4.0, 500.0));
  constexpr int64_t kExamplesBack = 4;
  vsml::ExampleLoop loop(learner, params, learner.initial_state(params, keys, 1));
  std::vector<std::function<void()>> runs{[&] {
    for (int64_t t = 0; t < examples; ++t) (void)loop.step(input, label);
    wait(device);
  }};
  if (gradient) {
    runs.emplace_back([&] {
      vsml::LearnerState state = learner.initial_state(params, keys, 1);
      engine::Tape tape;
      tape.watch(flat);
      Tensor loss;
      for (int64_t t = 0; t < kExamplesBack; ++t) {
        vsml::LearnerStep step = learner.step(params, std::move(state), input, label);
        state = std::move(step.state);
        const Tensor one = engine::mean(engine::cross_entropy(step.prediction, label));
        loss = t == 0 ? one : loss + one;
      }
      (void)tape.gradient(loss, {flat});
      wait(device);
    });
  }
  const std::vector<Timing> timings = alternate(runs, options.repeat);
  const double ticks = cells * static_cast<double>(micro_ticks) * 1e-6;
  const double example = timings[0].seconds / static_cast<double>(examples);
  std::vector<std::pair<std::string, double>> numbers{{"cells", cells},
                                                      {"ms_per_example", 1e3 * example},
                                                      {"forward_mticks_per_s", ticks / example},
                                                      {"spread", timings[0].spread}};
  if (gradient) {
    numbers.emplace_back("forward_backward_mticks_per_s",
                         ticks * kExamplesBack / timings[1].seconds);
    numbers.emplace_back("spread_backward", timings[1].spread);
  }
  print_line(name, 0, numbers);
}

// A measurement for which the device has too little memory is left out.
template <class Measurement>
void if_it_fits(const Measurement& measurement) {
  try {
    measurement();
  } catch (const engine::ResourceError& error) {
    std::fprintf(stderr, "skipped: %s\n", error.what());
  }
}

}  // namespace

void run_gpu(const Options& options) {
  for (const int64_t micro_ticks : {1, 2}) {
    const auto layer = [&](int64_t members, int64_t inputs, int64_t outputs) {
      if_it_fits([&] { ticks(options, members, inputs, outputs, micro_ticks); });
      if_it_fits([&] { episodes(options, members, inputs, outputs, micro_ticks, true); });
    };
    for (const int64_t members : {16, 128, 1024}) {
      layer(members, 784, 10);
      if_it_fits([&] {
        episodes(options, members, 784, 10, micro_ticks, true, vsml::StateType::Float32, true);
      });
    }
    layer(1, 4096, 4096);
  }
  using vsml::StateType;
  for (const StateType type : {StateType::Float32, StateType::Bfloat16H, StateType::Bfloat16}) {
    if_it_fits([&] { episodes(options, 1, 10000, 10000, 1, false, type); });  // 10^8 cells
  }
}

}  // namespace bench
