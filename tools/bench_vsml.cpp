#include <fmt/format.h>

#include "engine/ops/nn.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "engine/parallel.h"
#include "engine/tape.h"
#include "tools/bench_timing.h"
#include "vsml/learners/vsml_learner.h"

namespace bench {
namespace {

using engine::Tensor;
using vsml::LearnerState;

constexpr int64_t kExamples = 4;

struct Shape {
  std::string name;
  int64_t inputs;
  std::vector<int64_t> hidden;
  int64_t classes;
  int64_t population;
};

// Takes the state through kExamples examples; the last predictions.
Tensor episode(const vsml::Learner& learner, const engine::ParamSet& params, LearnerState state,
               const Tensor& input, const Tensor& label) {
  Tensor prediction;
  for (int64_t t = 0; t < kExamples; ++t) {
    vsml::LearnerStep step = learner.step(params, std::move(state), input, label);
    state = std::move(step.state);
    prediction = std::move(step.prediction);
  }
  return prediction;
}

// Cell-ticks per second: cells x micro ticks x examples x population over the median time.
void cell_ticks(const Options& options, const Shape& shape, int threads) {
  const std::string name = fmt::format("vsml/{}/population{}", shape.name, shape.population);
  if (!wanted(options, name)) return;
  engine::set_num_threads(threads);
  vsml::NetworkOptions network;
  network.layers.clear();
  for (const int64_t outputs : shape.hidden) {
    network.layers.push_back({vsml::LayerType::Dense, outputs, {}});
  }
  network.layers.push_back({});
  const vsml::VsmlLearner learner(network, 1, {shape.inputs, shape.classes});
  const Tensor flat = learner.initial_params({1, 0, 0, 0});
  const engine::ParamSet params(learner.layout(), flat);
  std::vector<engine::RngKey> members;
  for (int64_t p = 0; p < shape.population; ++p) {
    members.push_back({1, 1, 0, static_cast<uint32_t>(p)});
  }
  const LearnerState start = learner.initial_state(params, members, 1);
  const Tensor input = engine::normal({shape.population, 1, shape.inputs}, {2, 0, 0, 0});
  const Tensor label =
      engine::softmax(engine::normal({shape.population, 1, shape.classes}, {3, 0, 0, 0}));
  const auto forward = [&] { episode(learner, params, start, input, label); };
  const auto both = [&] {
    engine::Tape tape;
    tape.watch(flat);
    const Tensor last = episode(learner, params, start, input, label);
    tape.gradient(mean(cross_entropy(last, label)), {flat});
  };
  const auto times = alternate({forward, both}, options.repeat);
  const auto ticks = static_cast<double>(learner.network().num_cells() * network.micro_ticks *
                                         kExamples * shape.population);
  print_line(name, threads,
             {{"forward_mticks_per_s", ticks / times[0].seconds * 1e-6},
              {"forward_backward_mticks_per_s", ticks / times[1].seconds * 1e-6},
              {"spread", times[0].spread}});
}

}  // namespace

void run_vsml(const Options& options) {
  for (const int threads : options.threads) {
    cell_ticks(options, {"784x10", 784, {}, 10, 16}, threads);
    cell_ticks(options, {"784x32x10", 784, {32}, 10, 1}, threads);
    cell_ticks(options, {"784x32x10", 784, {32}, 10, 16}, threads);
  }
}

}  // namespace bench
