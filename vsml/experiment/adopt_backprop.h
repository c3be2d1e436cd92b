// vsml/experiment/adopt_backprop.h: learners of a spec that start as backpropagation.
#pragma once

#include "vsml/experiment/spec_file.h"

namespace vsml {

// Where the init of `learner`, or of one of evaluate.learners, is of type backprop, sets the
// options that the parameters count on (backprop_network() in backprop.h) and, unless the spec says
// others, output_channel 0 and a constant_input in every layer. Throws SpecError naming an option
// that the spec says and that contradicts.
void adopt_backprop(Spec& spec, const SpecSource& source);

}  // namespace vsml
