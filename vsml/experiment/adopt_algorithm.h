// vsml/experiment/adopt_algorithm.h: learners of a spec that start from a trained algorithm.
#pragma once

#include "vsml/experiment/spec_file.h"

namespace vsml {

// Where the init of `learner`, or of one of evaluate.learners, is of type file, the algorithm
// brings the options that it was trained with: every option of the learner that the spec does not
// say is taken from the file. One that the spec says must agree; `name`, `init` and the layers
// (`layers`, `hidden`) are the spec's own business (the parameters do not depend on the number or
// width of layers, unless each layer has its own). Learners with another init stay as they are.
// Then the spec is complete, and the rest of it is validated (validate_adopted). Throws SpecError
// naming the option that differs, IoError if the file is no algorithm.
void adopt_algorithm(LoadedSpec& loaded);

// The options that a trained algorithm was trained with. Throws IoError if the file is none.
LearnerOptions algorithm_options(const std::string& path);

}  // namespace vsml
