#include "vsml/experiment/meta_checkpoint.h"

#include <charconv>
#include <fmt/format.h>

#include "engine/ops/movement.h"

namespace vsml {
namespace {

using engine::IoError;
using engine::Tensor;
using engine::TensorFile;

constexpr const char* kKind = "vsml.checkpoint";

const std::string& word(const TensorFile& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  if (found != file.metadata.end()) return found->second;
  throw IoError(file.path, "__metadata__." + key, "expected a value, found none",
                "is this a checkpoint of vsml run?");
}

int64_t number(const TensorFile& file, const std::string& key) {
  const std::string& text = word(file, key);
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end && value >= 0) return value;
  throw IoError(file.path, "__metadata__." + key,
                fmt::format("expected a count, found {}", engine::printable(text)));
}

Tensor tensor(const TensorFile& file, const std::string& name, const engine::Shape& shape,
              engine::DType dtype) {
  const Tensor& found = file.at(name);
  if (found.shape() == shape && found.dtype() == dtype) return found;
  throw IoError(
      file.path, name,
      fmt::format("expected {} {}, found {} {}", engine::name_of(dtype), engine::to_string(shape),
                  engine::name_of(found.dtype()), engine::to_string(found.shape())));
}

void add_lanes(const std::vector<Lane>& lanes, TensorFile& file) {
  std::vector<int32_t> lifetimes, ages;
  std::vector<Tensor> states;
  for (const Lane& lane : lanes) {
    lifetimes.push_back(static_cast<int32_t>(lane.key.step));
    ages.push_back(static_cast<int32_t>(lane.age));
    for (const Tensor& part : lane.state.tensors) states.push_back(reshape(part, {part.size()}));
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
      tensor(file, "lanes.lifetime", {count}, engine::DType::i32).to_vector<int32_t>();
  const auto ages = tensor(file, "lanes.age", {count}, engine::DType::i32).to_vector<int32_t>();
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
  const Tensor all = tensor(file, "lanes.state", {size}, params.flat().dtype());
  int64_t first = 0;
  for (Lane& lane : lanes) {
    for (Tensor& part : lane.state.tensors) {
      part = reshape(slice(all, 0, first, first + part.size()), part.shape())
                 .to(params.flat().device());
      first += part.size();
    }
  }
  return lanes;
}

}  // namespace

void write_meta_checkpoint(const std::string& path, const MetaCheckpoint& checkpoint) {
  const MetaState& state = checkpoint.state;
  TensorFile file;
  file.metadata = {{"kind", kKind},
                   {"spec", checkpoint.spec_digest},
                   {"step", std::to_string(state.step)},
                   {"adam.updates", std::to_string(state.adam.updates)},
                   {"metrics_lines", std::to_string(checkpoint.metrics_lines)}};
  file.tensors.push_back({"params", state.params});
  if (state.adam.updates > 0) {
    file.tensors.push_back({"adam.mean", state.adam.mean});
    file.tensors.push_back({"adam.mean_square", state.adam.mean_square});
  }
  if (state.start.defined()) {
    file.tensors.push_back({"start", state.start});
    file.tensors.push_back({"scale", state.scale});
    file.tensors.push_back({"moved", state.moved});
  }
  if (!state.lanes.empty()) add_lanes(state.lanes, file);
  if (state.noise.defined()) file.tensors.push_back({"noise", state.noise});
  write_safetensors(path, file);
}

MetaCheckpoint read_meta_checkpoint(const std::string& path, const MetaTrainer& trainer,
                                    const MetaOptions& options, const engine::ParamLayout& layout) {
  const TensorFile file = engine::read_safetensors(path);
  if (word(file, "kind") != kKind) {
    throw IoError(
        path, "__metadata__.kind",
        fmt::format("expected {}, found {}", kKind, engine::printable(word(file, "kind"))));
  }
  require_finite(path, file);
  const engine::Shape flat{layout.size()};
  const auto part = [&](const std::string& name) {
    return tensor(file, name, flat, engine::DType::f32);
  };
  MetaCheckpoint checkpoint;
  checkpoint.spec_digest = word(file, "spec");
  checkpoint.metrics_lines = number(file, "metrics_lines");
  MetaState& state = checkpoint.state;
  state.step = number(file, "step");
  state.params = part("params");
  state.adam.updates = number(file, "adam.updates");
  size_t expected = 1;
  if (state.adam.updates > 0) {
    state.adam.mean = part("adam.mean");
    state.adam.mean_square = part("adam.mean_square");
    expected += 2;
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
    state.noise = tensor(file, "noise", {options.population, layout.size()}, engine::DType::f32);
    expected += 1;
  }
  if (file.tensors.size() != expected) {
    throw IoError(path, "",
                  fmt::format("expected {} tensors, found {}", expected, file.tensors.size()));
  }
  return checkpoint;
}

}  // namespace vsml
