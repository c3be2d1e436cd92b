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

void require_tensor_count(const TensorFile& file, size_t expected) {
  if (file.tensors.size() == expected) return;
  throw IoError(file.path, "",
                fmt::format("expected {} tensors, found {}", expected, file.tensors.size()));
}

}  // namespace vsml
