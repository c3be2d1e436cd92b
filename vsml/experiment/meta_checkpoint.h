// vsml/experiment/meta_checkpoint.h: a MetaState as the tensors and words of one file.
//
// Tensors: params, adam.mean, adam.mean_square, with step_scale start, scale and moved, with carry
// lanes.lifetime [P], lanes.age [P] and lanes.state (all members' states one after another). Words:
// kind, spec (a digest), step, adam.updates, metrics_lines. Nothing that depends on the clock, the
// machine or the number of threads, so two runs can be compared by their files' bytes.
#pragma once

#include <string>

#include "engine/io/safetensors.h"
#include "vsml/meta/meta_trainer.h"

namespace vsml {

struct MetaCheckpoint {
  MetaState state;
  std::string spec_digest;    // of the resolved spec
  int64_t metrics_lines = 0;  // lines of metrics.jsonl that belong to this state
};

// Replaces the file in one atomic step. Throws IoError or ResourceError; then the old file stands.
void write_meta_checkpoint(const std::string& path, const MetaCheckpoint& checkpoint);

// On the trainer's device, whichever it was written on. Throws IoError if the file is not a
// checkpoint that `trainer` could have written with parameters of `layout`: something missing, too
// much, of the wrong shape, or not finite.
MetaCheckpoint read_meta_checkpoint(const std::string& path, const MetaTrainer& trainer,
                                    const MetaOptions& options, const engine::ParamLayout& layout);

}  // namespace vsml
