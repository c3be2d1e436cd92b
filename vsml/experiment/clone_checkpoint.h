// vsml/experiment/clone_checkpoint.h: a CloneState as the tensors and words of one file.
//
// Tensors: params, adam.mean, adam.mean_square. Words: kind, spec (a digest), step,
// adam.updates, metrics_lines. Nothing that depends on the clock, the machine or the number of
// threads.
#pragma once

#include <string>

#include "vsml/clone/clone_trainer.h"

namespace vsml {

struct CloneCheckpoint {
  CloneState state;
  std::string spec_digest;    // of the resolved spec
  int64_t metrics_lines = 0;  // lines of metrics.jsonl that belong to this state
};

// Replaces the file in one atomic step. Throws IoError or ResourceError; then the old file stands.
void write_clone_checkpoint(const std::string& path, const CloneCheckpoint& checkpoint);

// Throws IoError if the file is not a checkpoint with parameters of `layout`: something missing,
// too much, of the wrong shape, or not finite.
CloneCheckpoint read_clone_checkpoint(const std::string& path, const engine::ParamLayout& layout);

}  // namespace vsml
