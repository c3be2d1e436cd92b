#include "vsml/experiment/clone_checkpoint.h"

#include "vsml/experiment/checkpoint_file.h"

namespace vsml {
namespace {

constexpr const char* kKind = "vsml.clone_checkpoint";

}  // namespace

void write_clone_checkpoint(const std::string& path, const CloneCheckpoint& checkpoint) {
  const CloneState& state = checkpoint.state;
  write_safetensors(
      path, begin_checkpoint(kKind, {state.step, state.params, state.adam, checkpoint.spec_digest,
                                     checkpoint.metrics_lines}));
}

CloneCheckpoint read_clone_checkpoint(const std::string& path, const engine::ParamLayout& layout) {
  const engine::TensorFile file = read_checkpoint_file(path, kKind);
  size_t tensors = 0;
  const TrainingProgress progress = read_progress(file, {layout.size()}, tensors);
  require_tensor_count(file, tensors);
  CloneCheckpoint checkpoint;
  checkpoint.spec_digest = progress.spec_digest;
  checkpoint.metrics_lines = progress.metrics_lines;
  checkpoint.state.step = progress.step;
  checkpoint.state.params = progress.params;
  checkpoint.state.adam = progress.adam;
  return checkpoint;
}

}  // namespace vsml
