#include "vsml/experiment/meta_checkpoint.h"

#include <fmt/format.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "vsml/experiment/checkpoint_file.h"

namespace vsml {
namespace {

using engine::IoError;
using engine::Tensor;
using engine::TensorFile;

constexpr const char* kKind = "vsml.checkpoint";

// All numbers in the parameters' type, which holds those of any state.
void add_lanes(const std::vector<Lane>& lanes, engine::DType dtype, TensorFile& file) {
  std::vector<int32_t> lifetimes, ages;
  std::vector<Tensor> states;
  for (const Lane& lane : lanes) {
    lifetimes.push_back(static_cast<int32_t>(lane.key.step));
    ages.push_back(static_cast<int32_t>(lane.age));
    for (const Tensor& part : lane.state.tensors) {
      states.push_back(reshape(cast(part.to({}), dtype), {part.size()}));
    }
  }
  const auto count = static_cast<int64_t>(lanes.size());
  file.tensors.push_back({"lanes.lifetime", Tensor::from(lifetimes, {count})});
  file.tensors.push_back({"lanes.age", Tensor::from(ages, {count})});
  file.tensors.push_back({"lanes.state", engine::concat(states, 0)});
}

// Lanes are born again from their keys, which gives every shape, and then take up their states.
std::vector<Lane> read_lanes(const TensorFile& file, const MetaTrainer& trainer,
                             const engine::ParamSet& params, int64_t population) {
  const int64_t count = population * trainer.lanes_per_member();
  const auto lifetimes =
      checkpoint_tensor(file, "lanes.lifetime", {count}, engine::DType::i32).to_vector<int32_t>();
  const auto ages =
      checkpoint_tensor(file, "lanes.age", {count}, engine::DType::i32).to_vector<int32_t>();
  std::vector<Lane> lanes;
  int64_t size = 0;
  for (int64_t lane = 0; lane < count; ++lane) {
    const auto k = static_cast<size_t>(lane);
    if (lifetimes[k] < 0) {
      throw IoError(file.path, "lanes.lifetime",
                    fmt::format("expected 0 or more, found {}", lifetimes[k]));
    }
    lanes.push_back(trainer.new_lane(params, lane / trainer.lanes_per_member(), lifetimes[k]));
    if (ages[k] < 0 || ages[k] > lanes.back().length) {
      throw IoError(file.path, "lanes.age",
                    fmt::format("expected 0 to {}, found {}", lanes.back().length, ages[k]));
    }
    lanes.back().age = ages[k];
    for (const Tensor& part : lanes.back().state.tensors) size += part.size();
  }
  const Tensor all = checkpoint_tensor(file, "lanes.state", {size}, params.flat().dtype());
  int64_t first = 0;
  for (Lane& lane : lanes) {
    for (Tensor& part : lane.state.tensors) {
      const Tensor numbers = reshape(slice(all, 0, first, first + part.size()), part.shape());
      part = cast(numbers.to(params.flat().device()), part.dtype());
      first += part.size();
    }
  }
  return lanes;
}

}  // namespace

void write_meta_checkpoint(const std::string& path, const MetaCheckpoint& checkpoint) {
  const MetaState& state = checkpoint.state;
  TensorFile file = begin_checkpoint(kKind, {state.step, state.params, state.adam,
                                             checkpoint.spec_digest, checkpoint.metrics_lines});
  if (state.start.defined()) {
    file.tensors.push_back({"start", state.start});
    file.tensors.push_back({"scale", state.scale});
    file.tensors.push_back({"moved", state.moved});
  }
  if (!state.lanes.empty()) add_lanes(state.lanes, state.params.dtype(), file);
  if (state.noise.defined()) file.tensors.push_back({"noise", state.noise});
  write_safetensors(path, file);
}

MetaCheckpoint read_meta_checkpoint(const std::string& path, const MetaTrainer& trainer,
                                    const MetaOptions& options, const engine::ParamLayout& layout) {
  const TensorFile file = read_checkpoint_file(path, kKind);
  const engine::Shape flat{layout.size()};
  const engine::Device device = trainer.device();
  const auto part = [&](const std::string& name) {
    return checkpoint_tensor(file, name, flat, engine::DType::f32).to(device);
  };
  size_t expected = 0;
  const TrainingProgress progress = read_progress(file, flat, expected);
  MetaCheckpoint checkpoint;
  checkpoint.spec_digest = progress.spec_digest;
  checkpoint.metrics_lines = progress.metrics_lines;
  MetaState& state = checkpoint.state;
  state.step = progress.step;
  state.params = progress.params.to(device);
  state.adam = progress.adam;
  if (state.adam.updates > 0) {
    state.adam.mean = state.adam.mean.to(device);
    state.adam.mean_square = state.adam.mean_square.to(device);
  }
  if (options.step_scale == StepScale::Initial) {
    state.start = part("start");
    state.scale = part("scale");
    state.moved = part("moved");
    expected += 3;
  }
  if (options.carry) {
    state.lanes =
        read_lanes(file, trainer, engine::ParamSet(layout, state.params), options.population);
    expected += 3;
  }
  if (options.optimizer == MetaOptimizer::Pes) {
    state.noise =
        checkpoint_tensor(file, "noise", {options.population, layout.size()}, engine::DType::f32)
            .to(device);
    expected += 1;
  }
  require_tensor_count(file, expected);
  return checkpoint;
}

}  // namespace vsml
