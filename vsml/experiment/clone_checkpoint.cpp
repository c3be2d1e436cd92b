#include "vsml/experiment/clone_checkpoint.h"

#include "vsml/experiment/checkpoint_file.h"

namespace vsml {
namespace {

constexpr const char* kKind = "vsml.clone_checkpoint";

}  // namespace

void write_clone_checkpoint(const std::string& path, const CloneCheckpoint& checkpoint) {
  const CloneState& state = checkpoint.state;
  engine::TensorFile file;
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
  write_safetensors(path, file);
}

CloneCheckpoint read_clone_checkpoint(const std::string& path, const engine::ParamLayout& layout) {
  const engine::TensorFile file = read_checkpoint_file(path, kKind);
  const auto part = [&](const std::string& name) {
    return checkpoint_tensor(file, name, {layout.size()}, engine::DType::f32);
  };
  CloneCheckpoint checkpoint;
  checkpoint.spec_digest = checkpoint_word(file, "spec");
  checkpoint.metrics_lines = checkpoint_count(file, "metrics_lines");
  CloneState& state = checkpoint.state;
  state.step = checkpoint_count(file, "step");
  state.params = part("params");
  state.adam.updates = checkpoint_count(file, "adam.updates");
  if (state.adam.updates > 0) {
    state.adam.mean = part("adam.mean");
    state.adam.mean_square = part("adam.mean_square");
  }
  require_tensor_count(file, state.adam.updates > 0 ? 3 : 1);
  return checkpoint;
}

}  // namespace vsml
