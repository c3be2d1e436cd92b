// vsml/experiment/validate_clone.h: what holds between the keys of an experiment of type clone.
#pragma once

#include "vsml/experiment/spec_file.h"

namespace vsml {

// The learner is a network that cloned cells can run in, the ranges of the data are ranges, and
// there is something to test the clone on. Throws SpecError with the place of the key at fault.
void validate_clone(const Spec& spec, const SpecSource& source);

}  // namespace vsml
