// vsml/experiment/checkpoint_file.h: words and tensors of a checkpoint, read with suspicion.
#pragma once

#include <cstdint>
#include <string>

#include "engine/io/safetensors.h"

namespace vsml {

// Reads a checkpoint of this kind. Throws IoError if it is of another one or holds a number that is
// not finite.
engine::TensorFile read_checkpoint_file(const std::string& path, const std::string& kind);

// A word of the metadata; as a count. Throw IoError naming it.
const std::string& checkpoint_word(const engine::TensorFile& file, const std::string& key);
int64_t checkpoint_count(const engine::TensorFile& file, const std::string& key);

// A tensor of this shape and type. Throws IoError naming it.
engine::Tensor checkpoint_tensor(const engine::TensorFile& file, const std::string& name,
                                 const engine::Shape& shape, engine::DType dtype);

// Throws IoError unless the file has so many tensors.
void require_tensor_count(const engine::TensorFile& file, size_t expected);

}  // namespace vsml
