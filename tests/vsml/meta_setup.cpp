#include "tests/vsml/meta_setup.h"

#include <algorithm>
#include <cmath>

#include "engine/ops/elementwise.h"
#include "tests/temporary_folder.h"
#include "tests/vsml/idx_files.h"
#include "tests/vsml/network_variants.h"
#include "tests/vsml/vsml_checks.h"

namespace vsml::test {
namespace {

using engine::Tensor;

std::vector<double> doubles(const Tensor& x) {
  return cast(x, engine::DType::f64).to_vector<double>();
}

}  // namespace

LearnerOptions tiny_learner() {
  LearnerOptions options;
  options.network = small_network();
  options.network.backward_pass = true;
  return options;
}

std::shared_ptr<const Task> random_task(int64_t inputs, int64_t classes, int64_t pairs) {
  TaskOptions options;
  options.dataset = "random";
  options.inputs = inputs;
  options.num_classes = classes;
  options.pairs = pairs;
  options.repeat = true;
  return std::make_shared<const Task>(options, DataFolders{});
}

std::shared_ptr<const Task> sum_sign_task(int64_t inputs) {
  TaskOptions options;
  options.dataset = "sum_sign";
  options.inputs = inputs;
  return std::make_shared<const Task>(options, DataFolders{});
}

std::shared_ptr<const Task> lit_pixel_task(const std::vector<uint8_t>& labels) {
  TaskOptions options;
  options.repeat = true;
  return lit_pixel_task(labels, options);
}

std::shared_ptr<const Task> lit_pixel_task(const std::vector<uint8_t>& labels,
                                           TaskOptions options) {
  const auto count = static_cast<uint32_t>(labels.size());
  Bytes pixels(labels.size() * labels.size(), 0);
  for (size_t k = 0; k < labels.size(); ++k) pixels[k * labels.size() + k] = 255;
  const engine::test::TemporaryFolder folder;
  options.dataset = "idx";
  options.images = folder / "images";
  options.labels = folder / "labels";
  const auto write = [](const std::string& path, const Bytes& bytes) {
    engine::test::write_plain(path, std::string(bytes.begin(), bytes.end()));
  };
  write(options.images, idx_header({count, 1, count}) + pixels);
  write(options.labels, idx_header({count}) + labels);
  return std::make_shared<const Task>(options, DataFolders{});
}

TaskMixture mixed_tasks() {
  return TaskMixture({random_task(3, 2), random_task(2, 3), sum_sign_task(3)}, {1, 1, 1});
}

TaskMixture plain_tasks() {
  return TaskMixture({random_task(3, 2)}, {1});
}

std::vector<Lane> new_lanes(const TaskMixture& tasks, const LearnerFamily& family,
                            const engine::ParamSet& params, int64_t count, int64_t batch) {
  std::vector<Lane> lanes;
  for (int64_t p = 0; p < count; ++p) {
    lanes.push_back(
        begin_lane(tasks, family, params, {8, 0, 0, static_cast<uint32_t>(p)}, 100, batch));
  }
  return lanes;
}

std::vector<Lane*> pointers(std::vector<Lane>& lanes) {
  std::vector<Lane*> result;
  for (Lane& lane : lanes) result.push_back(&lane);
  return result;
}

bool same_bits(const std::vector<Lane>& a, const std::vector<Lane>& b) {
  const auto same = [](const Lane& x, const Lane& y) {
    return x.key == y.key && x.dims == y.dims && x.length == y.length && x.age == y.age &&
           same_bits(x.state, y.state);
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

Walk walk(const Learner& learner, const engine::ParamSet& params, const Lane& lane, int64_t steps,
          int64_t batch) {
  Walk result;
  result.state = lane.state;
  const int64_t inputs = lane.dims.inputs, classes = lane.dims.classes;
  for (int64_t t = 0; t < steps; ++t) {
    std::vector<float> x(static_cast<size_t>(batch * inputs)),
        y(static_cast<size_t>(batch * classes));
    lane.lifetime->examples((lane.age + t) * batch, batch, x.data(), y.data());
    const engine::DType dtype = params.flat().dtype();
    LearnerStep step = learner.step(params, std::move(result.state),
                                    cast(Tensor::from(x, {1, batch, inputs}), dtype),
                                    cast(Tensor::from(y, {1, batch, classes}), dtype));
    result.state = std::move(step.state);
    const std::vector<double> p = doubles(step.prediction);
    double loss = 0, correct = 0;
    for (int64_t b = 0; b < batch; ++b) {
      const auto logits = p.begin() + b * classes;
      const auto label =
          std::find(y.begin() + b * classes, y.end(), 1.0f) - y.begin() - b * classes;
      double total = 0;
      for (int64_t c = 0; c < classes; ++c) total += std::exp(logits[c]);
      loss += std::log(total) - logits[label];
      correct += std::max_element(logits, logits + classes) - logits == label ? 1 : 0;
    }
    result.loss.push_back(loss / static_cast<double>(batch));
    result.correct.push_back(correct / static_cast<double>(batch));
  }
  return result;
}

MetaOptions small_meta_options() {
  MetaOptions options;
  options.population = 5;
  options.chunk_size = 2;
  options.episode_length = 6;
  options.learning_rate = 0.01;
  return options;
}

std::vector<NamedMetaOptions> meta_options_of_all_kinds() {
  std::vector<NamedMetaOptions> all;
  const auto add = [&](const std::string& name, auto change) {
    all.push_back({name, small_meta_options()});
    change(all.back().options);
  };
  add("es", [](MetaOptions& o) { o.optimizer = MetaOptimizer::Es; });
  add("full", [](MetaOptions&) {});
  add("full, in batches", [](MetaOptions& o) {
    o.batch_size = 2;
    o.clip_norm = 0.1;
    o.step_scale = StepScale::Initial;
  });
  add("truncated", [](MetaOptions& o) { o.unroll = 4; });
  const auto carry = [](MetaOptions& o) {
    o.carry = true;
    o.unroll = 3;
    o.lifetime = 9;
  };
  add("carried", carry);
  add("es, carried", [&](MetaOptions& o) {
    carry(o);
    o.optimizer = MetaOptimizer::Es;
  });
  add("pes", [&](MetaOptions& o) {
    carry(o);
    o.optimizer = MetaOptimizer::Pes;
  });
  return all;
}

MetaSetup::MetaSetup(const MetaOptions& options, TaskMixture mixture, engine::DType dtype)
    : tasks(std::move(mixture)),
      family(tiny_learner(), dtype, {}),
      params(cast(lively_params(family.layout(), 5), dtype)),
      trainer(options, family, tasks, kMetaSeed) {}

MetaState MetaSetup::after(int64_t steps) const {
  MetaState state = trainer.initial_state(params);
  for (int64_t t = 0; t < steps; ++t) trainer.step(state);
  return state;
}

bool same_bits(const MetaState& a, const MetaState& b) {
  return a.step == b.step && a.adam.updates == b.adam.updates && same_bits(a.params, b.params) &&
         same_bits(a.adam.mean, b.adam.mean) && same_bits(a.adam.mean_square, b.adam.mean_square) &&
         same_bits(a.start, b.start) && same_bits(a.scale, b.scale) &&
         same_bits(a.moved, b.moved) && same_bits(a.noise, b.noise) && same_bits(a.lanes, b.lanes);
}

double mean_of(const std::vector<double>& numbers) {
  double sum = 0;
  for (const double number : numbers) sum += number;
  return sum / static_cast<double>(numbers.size());
}

}  // namespace vsml::test
