#include <fmt/format.h>

#include "engine/backend.h"
#include "engine/ops/nn.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "engine/parallel.h"
#include "engine/tape.h"
#include "tools/bench_limits.h"
#include "vsml/kernels/cpu/layer_ticks.h"
#include "vsml/learners/vsml_learner.h"

namespace bench {
namespace {

using engine::Tensor;
using vsml::LearnerState;

// Work of a cell and tick at H = 16: multiply-adds of the products with W, forward; and of those
// that the backward pass adds (gates again, to h, to W).
constexpr double kForwardFlops = 2 * 16 * 64, kBackwardFlops = 3 * kForwardFlops;
// Bytes of state that a cell and example reads and writes, forward.
constexpr double kStateBytes = 2 * 2 * 16 * 4;

struct Shape {
  std::string name;
  int64_t inputs;
  std::vector<int64_t> hidden;
  int64_t classes;
  int64_t population;
  int64_t micro_ticks;
  int64_t examples;
};

// The same runs, then the limits' (tools/bench_limits.h), in turn.
struct Measured {
  std::vector<Timing> times;
  Limits limits;
};

Measured beside_limits(std::vector<std::function<void()>> runs, int repeat) {
  const LimitRuns limit_runs;
  const size_t count = runs.size();
  for (auto& run : limit_runs.runs()) runs.push_back(run);
  const std::vector<Timing> times = alternate(runs, repeat);
  const auto split = times.begin() + static_cast<std::ptrdiff_t>(count);
  return {{times.begin(), split}, limit_runs.limits({split, times.end()})};
}

// The state goes in and out in place; the last predictions.
Tensor episode(const vsml::Learner& learner, const engine::ParamSet& params, LearnerState& state,
               const Shape& shape, const Tensor& input, const Tensor& label) {
  Tensor prediction;
  for (int64_t t = 0; t < shape.examples; ++t) {
    vsml::LearnerStep step = learner.step(params, std::move(state), input, label);
    state = std::move(step.state);
    prediction = std::move(step.prediction);
  }
  return prediction;
}

vsml::NetworkOptions network_of(const Shape& shape) {
  vsml::NetworkOptions network;
  network.micro_ticks = shape.micro_ticks;
  network.layers.clear();
  for (const int64_t outputs : shape.hidden) {
    network.layers.push_back({vsml::LayerType::Dense, outputs, {}});
  }
  network.layers.push_back({});
  return network;
}

// A population of learners and one example for each.
struct Pupils {
  Pupils(const Shape& shape, const vsml::NetworkOptions& network)
      : learner(network, {}, {shape.inputs, shape.classes}),
        flat(learner.initial_params({1, 0, 0, 0})),
        params(learner.layout(), flat),
        input(engine::normal({shape.population, 1, shape.inputs}, {2, 0, 0, 0})),
        label(engine::softmax(engine::normal({shape.population, 1, shape.classes}, {3, 0, 0, 0}))) {
    std::vector<engine::RngKey> members;
    for (int64_t p = 0; p < shape.population; ++p) {
      members.push_back({1, 1, 0, static_cast<uint32_t>(p)});
    }
    state = learner.initial_state(params, members, 1);
  }
  vsml::VsmlLearner learner;
  Tensor flat;
  engine::ParamSet params;
  Tensor input, label;
  LearnerState state;
};

// An episode and the meta-gradient of its last prediction.
void episode_and_gradient(const Pupils& pupils, const Shape& shape) {
  engine::Tape tape;
  tape.watch(pupils.flat);
  LearnerState start = detached(pupils.state);
  const Tensor last =
      episode(pupils.learner, pupils.params, start, shape, pupils.input, pupils.label);
  tape.gradient(mean(cross_entropy(last, pupils.label)), {pupils.flat});
}

double cell_ticks(const Pupils& pupils, const Shape& shape) {
  return static_cast<double>(pupils.learner.network().num_cells()) *
         static_cast<double>(shape.micro_ticks * shape.examples * shape.population);
}

// Cell-ticks per second, whole episodes: cells x micro ticks x examples x population over the
// median time; what share that is of the bound by the machine's limits; and the highest memory use
// of the process while it made the state and went forward, as a multiple of the state.
void episodes(const Options& options, const Shape& shape, int threads) {
  const std::string name = fmt::format("vsml/{}/population{}", shape.name, shape.population);
  if (!wanted(options, name)) return;
  engine::set_num_threads(threads);
  engine::Backend& memory = engine::backend({});
  const int64_t before = memory.memory_use().live;
  memory.reset_peak();
  Pupils pupils(shape, network_of(shape));
  auto& [learner, flat, params, input, label, state] = pupils;
  const auto forward = [&] { episode(learner, params, state, shape, input, label); };
  forward();
  const double peak_of_state =
      static_cast<double>(memory.memory_use().peak - before) / static_cast<double>(bytes_of(state));
  const auto both = [&] { episode_and_gradient(pupils, shape); };
  const auto [times, limits] = beside_limits({forward, both}, options.repeat);
  const double ticks = cell_ticks(pupils, shape);
  const double rate = ticks / times[0].seconds, rate_both = ticks / times[1].seconds;
  print_line(
      name, threads,
      {{"cells", static_cast<double>(learner.network().num_cells() * shape.population)},
       {"forward_mticks_per_s", rate * 1e-6},
       {"forward_backward_mticks_per_s", rate_both * 1e-6},
       {"forward_of_bound", rate / limits.ticks(kForwardFlops, 1)},
       {"forward_backward_of_bound", rate_both / limits.ticks(kForwardFlops + kBackwardFlops, 2)},
       {"forward_of_peak", rate * kForwardFlops / limits.peak_flops},
       {"forward_backward_of_peak",
        rate_both * (kForwardFlops + kBackwardFlops) / limits.peak_flops},
       {"state_of_copy",
        rate / static_cast<double>(shape.micro_ticks) * kStateBytes / limits.copy_bytes},
       {"forward_peak_of_state", peak_of_state},
       {"spread", times[0].spread},
       {"spread_backward", times[1].spread},
       {"peak_gflops", limits.peak_flops * 1e-9},
       {"product_gflops", limits.product_flops * 1e-9},
       {"function_mcells_per_s", limits.updates * 1e-6},
       {"copy_gbytes_per_s", limits.copy_bytes * 1e-9}});
}

// Episodes forward with each way to keep states, in turn.
void state_types(const Options& options, const Shape& shape, int threads) {
  const std::string name = fmt::format("states/{}/population{}", shape.name, shape.population);
  if (!wanted(options, name)) return;
  engine::set_num_threads(threads);
  const auto kept_in = [&](vsml::StateType type) {
    vsml::NetworkOptions network = network_of(shape);
    network.state_type = type;
    return network;
  };
  Pupils wide(shape, kept_in(vsml::StateType::Float32)),
      h_alone(shape, kept_in(vsml::StateType::Bfloat16H)),
      narrow(shape, kept_in(vsml::StateType::Bfloat16));
  const auto forward = [&](Pupils& p) {
    return [&] { episode(p.learner, p.params, p.state, shape, p.input, p.label); };
  };
  const std::vector<Timing> times =
      alternate({forward(wide), forward(h_alone), forward(narrow)}, options.repeat);
  const double ticks = cell_ticks(wide, shape);
  const auto mbytes = [](const Pupils& p) { return static_cast<double>(bytes_of(p.state)) * 1e-6; };
  print_line(name, threads,
             {{"float32_mticks_per_s", ticks / times[0].seconds * 1e-6},
              {"bfloat16_h_mticks_per_s", ticks / times[1].seconds * 1e-6},
              {"bfloat16_mticks_per_s", ticks / times[2].seconds * 1e-6},
              {"bfloat16_h_of_float32", times[0].seconds / times[1].seconds},
              {"bfloat16_of_float32", times[0].seconds / times[2].seconds},
              {"float32_mbytes", mbytes(wide)},
              {"bfloat16_h_mbytes", mbytes(h_alone)},
              {"bfloat16_mbytes", mbytes(narrow)},
              {"spread", times[0].spread}});
}

// Episodes with messages as they are and with normalised ones, in turn.
void layer_norm(const Options& options, const Shape& shape, int threads) {
  const std::string name = fmt::format("layer_norm/{}/population{}", shape.name, shape.population);
  if (!wanted(options, name)) return;
  engine::set_num_threads(threads);
  vsml::NetworkOptions network = network_of(shape);
  Pupils plain(shape, network);
  network.layer_norm = true;
  Pupils normed(shape, network);
  const auto forward = [&](Pupils& p) {
    return [&] { episode(p.learner, p.params, p.state, shape, p.input, p.label); };
  };
  const auto both = [&](Pupils& p) { return [&] { episode_and_gradient(p, shape); }; };
  const std::vector<Timing> times =
      alternate({forward(plain), forward(normed), both(plain), both(normed)}, options.repeat);
  const double ticks = cell_ticks(plain, shape);
  print_line(name, threads,
             {{"plain_forward_mticks_per_s", ticks / times[0].seconds * 1e-6},
              {"forward_mticks_per_s", ticks / times[1].seconds * 1e-6},
              {"plain_forward_backward_mticks_per_s", ticks / times[2].seconds * 1e-6},
              {"forward_backward_mticks_per_s", ticks / times[3].seconds * 1e-6},
              {"forward_of_plain", times[0].seconds / times[1].seconds},
              {"forward_backward_of_plain", times[2].seconds / times[3].seconds},
              {"spread", times[1].spread},
              {"spread_backward", times[3].spread}});
}

// The kernels alone, without messages, errors and losses, on state that stays in the cache.
void kernels(const Options& options, int64_t inputs, int64_t outputs, int64_t micro_ticks,
             int threads) {
  const std::string name = fmt::format("ticks/{}x{}/K{}", inputs, outputs, micro_ticks);
  if (!wanted(options, name)) return;
  engine::set_num_threads(threads);
  const auto random = [](const engine::Shape& shape, uint32_t salt) {
    return engine::normal(shape, {salt, 0, 0, 0});
  };
  const vsml::kernels::LayerTicks layer{
      random({1, inputs, 64}, 1),          random({1, outputs, 64}, 2),         random({16, 64}, 3),
      random({1, inputs, outputs, 16}, 4), random({1, inputs, outputs, 16}, 5), micro_ticks};
  const vsml::kernels::LayerTicksResult dresult{layer.h, layer.c, random({1, outputs, 16}, 6),
                                                random({1, inputs, 16}, 7)};
  constexpr int kTimes = 8;
  const auto forward = [&] {
    for (int k = 0; k < kTimes; ++k) run_layer_ticks(layer, true, false);
  };
  const auto backward = [&] {
    for (int k = 0; k < kTimes; ++k) layer_ticks_gradients(layer, dresult);
  };
  const auto [times, limits] = beside_limits({forward, backward}, options.repeat * 3);
  const double ticks = static_cast<double>(kTimes * inputs * outputs * micro_ticks);
  const double rate = ticks / times[0].seconds, rate_back = ticks / times[1].seconds;
  print_line(name, threads,
             {{"forward_mticks_per_s", rate * 1e-6},
              {"backward_mticks_per_s", rate_back * 1e-6},
              {"forward_of_bound", rate / limits.ticks(kForwardFlops, 1)},
              {"backward_of_bound", rate_back / limits.ticks(kBackwardFlops, 1)},
              {"forward_of_peak", rate * kForwardFlops / limits.peak_flops},
              {"backward_of_peak", rate_back * kBackwardFlops / limits.peak_flops},
              {"spread", times[0].spread},
              {"peak_gflops", limits.peak_flops * 1e-9},
              {"product_gflops", limits.product_flops * 1e-9},
              {"function_mcells_per_s", limits.updates * 1e-6}});
}

}  // namespace

void run_vsml(const Options& options) {
  const std::vector<Shape> shapes{
      {"784x10", 784, {}, 10, 1, 2, 20},
      {"784x10", 784, {}, 10, 16, 2, 4},
      {"784x10", 784, {}, 10, 128, 2, 4},
      {"784x32x10", 784, {32}, 10, 1, 2, 8},
      {"784x32x10", 784, {32}, 10, 16, 2, 4},
      {"2048x2048", 2048, {}, 2048, 1, 1, 1},
      {"4096x4096", 4096, {}, 4096, 1, 1, 1},
      // 10^4 to 10^7 cells: what a cell costs must not depend on how many there are.
      {"100x100", 100, {}, 100, 1, 1, 400},
      {"316x316", 316, {}, 316, 1, 1, 40},
      {"1000x1000", 1000, {}, 1000, 1, 1, 4},
      {"3162x3162", 3162, {}, 3162, 1, 1, 1}};
  for (const int threads : options.threads) {
    kernels(options, 784, 10, 1, threads);
    kernels(options, 784, 10, 2, threads);
    kernels(options, 784, 32, 2, threads);
    for (const Shape& shape : shapes) episodes(options, shape, threads);
    for (const size_t k : {0, 1, 5, 6}) state_types(options, shapes[k], threads);
    for (const size_t k : {0, 1, 2, 4, 5}) layer_norm(options, shapes[k], threads);
  }
}

}  // namespace bench
