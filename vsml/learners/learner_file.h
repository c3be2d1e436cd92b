// vsml/learners/learner_file.h: trained algorithms and what a learner has learned, as files.
//
// Both are safetensors files. An algorithm holds the parameters under their names and, in the
// metadata, kind "vsml.algorithm" and the options that the parameters were trained with, in JSON. A
// state holds the state's tensors under theirs, kind "vsml.state" and the sizes of the task.
#pragma once

#include <map>
#include <string>

#include "vsml/learner.h"
#include "vsml/learners/learner_options.h"

namespace vsml {

struct Algorithm {
  engine::Tensor params;  // flat, in the order of `layout`
  engine::ParamLayout layout;
  std::string options;                       // JSON of the learner's options
  std::map<std::string, std::string> notes;  // anything else, such as the name of the spec
};

// Replaces the file in one atomic step. Throws IoError or ResourceError.
void write_algorithm(const std::string& path, const Algorithm& algorithm);
// Throws IoError if the file is no algorithm or holds a number that is not finite.
Algorithm read_algorithm(const std::string& path);

// The flat parameters of a learner, from an algorithm: every view of `layout` by its name. Throws
// IoError naming what is missing, too much, or of another shape.
engine::Tensor params_for(const std::string& path, const Algorithm& algorithm,
                          const engine::ParamLayout& layout);

// What P learners have learned so far. Throws as above; reading checks names and shapes against
// `expected`, a state that the learner made for the same population and batch.
void write_learner_state(const std::string& path, const Learner& learner,
                         const LearnerState& state);
LearnerState read_learner_state(const std::string& path, const Learner& learner,
                                const LearnerState& expected);

}  // namespace vsml
