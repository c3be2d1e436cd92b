// vsml/experiment/checkpoint_file.h: words and tensors of a checkpoint, read with suspicion.
#pragma once

#include <cstdint>
#include <string>

#include "engine/io/safetensors.h"
#include "engine/optim.h"

namespace vsml {

// What every checkpoint of a training holds, whatever else it has.
struct TrainingProgress {
  int64_t step = 0;
  engine::Tensor params;  // flat [n]
  engine::AdamState adam;
  std::string spec_digest;    // of the resolved spec
  int64_t metrics_lines = 0;  // lines of metrics.jsonl that belong to this state
};

// A checkpoint that has this and nothing more yet: words kind, spec, step, adam.updates,
// metrics_lines; tensors params and, after the first update, adam.mean, adam.mean_square.
engine::TensorFile begin_checkpoint(const std::string& kind, const TrainingProgress& progress);
// The same, read; throws IoError if something of it is missing or of the wrong shape. `tensors`
// becomes the number of tensors that it takes.
TrainingProgress read_progress(const engine::TensorFile& file, const engine::Shape& flat,
                               size_t& tensors);

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
