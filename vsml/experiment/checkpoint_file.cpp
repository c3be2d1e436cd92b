#include "vsml/experiment/checkpoint_file.h"

#include <charconv>
#include <fmt/format.h>

#include "engine/error.h"

namespace vsml {

using engine::IoError;
using engine::TensorFile;

TensorFile read_checkpoint_file(const std::string& path, const std::string& kind) {
  TensorFile file = engine::read_safetensors(path);
  const std::string& found = checkpoint_word(file, "kind");
  if (found != kind) {
    throw IoError(path, "__metadata__.kind",
                  fmt::format("expected {}, found {}", kind, engine::printable(found)));
  }
  require_finite(path, file);
  return file;
}

const std::string& checkpoint_word(const TensorFile& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  if (found != file.metadata.end()) return found->second;
  throw IoError(file.path, "__metadata__." + key, "expected a value, found none",
                "is this a checkpoint of vsml run?");
}

int64_t checkpoint_count(const TensorFile& file, const std::string& key) {
  const std::string& text = checkpoint_word(file, key);
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end && value >= 0) return value;
  throw IoError(file.path, "__metadata__." + key,
                fmt::format("expected a count, found {}", engine::printable(text)));
}

engine::Tensor checkpoint_tensor(const TensorFile& file, const std::string& name,
                                 const engine::Shape& shape, engine::DType dtype) {
  const engine::Tensor& found = file.at(name);
  if (found.shape() == shape && found.dtype() == dtype) return found;
  throw IoError(
      file.path, name,
      fmt::format("expected {} {}, found {} {}", engine::name_of(dtype), engine::to_string(shape),
                  engine::name_of(found.dtype()), engine::to_string(found.shape())));
}

TensorFile begin_checkpoint(const std::string& kind, const TrainingProgress& progress) {
  TensorFile file;
  file.metadata = {{"kind", kind},
                   {"spec", progress.spec_digest},
                   {"step", std::to_string(progress.step)},
                   {"adam.updates", std::to_string(progress.adam.updates)},
                   {"metrics_lines", std::to_string(progress.metrics_lines)}};
  file.tensors.push_back({"params", progress.params});
  if (progress.adam.updates > 0) {
    file.tensors.push_back({"adam.mean", progress.adam.mean});
    file.tensors.push_back({"adam.mean_square", progress.adam.mean_square});
  }
  return file;
}

TrainingProgress read_progress(const TensorFile& file, const engine::Shape& flat, size_t& tensors) {
  const auto part = [&](const std::string& name) {
    return checkpoint_tensor(file, name, flat, engine::DType::f32);
  };
  TrainingProgress progress;
  progress.spec_digest = checkpoint_word(file, "spec");
  progress.metrics_lines = checkpoint_count(file, "metrics_lines");
  progress.step = checkpoint_count(file, "step");
  progress.params = part("params");
  progress.adam.updates = checkpoint_count(file, "adam.updates");
  tensors = 1;
  if (progress.adam.updates == 0) return progress;
  progress.adam.mean = part("adam.mean");
  progress.adam.mean_square = part("adam.mean_square");
  tensors = 3;
  return progress;
}

void require_tensor_count(const TensorFile& file, size_t expected) {
  if (file.tensors.size() == expected) return;
  throw IoError(file.path, "",
                fmt::format("expected {} tensors, found {}", expected, file.tensors.size()));
}

}  // namespace vsml
