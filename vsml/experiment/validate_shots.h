// vsml/experiment/validate_shots.h: what a task's shots demand of the other keys of a spec.
#pragma once

#include "vsml/experiment/spec_file.h"

namespace vsml {

// Shots need classes that are drawn and a set that is gone through once; episodes, lifetimes and
// what a gradient sees must be longer than the support examples, and batches may not mix these with
// queries. Throws SpecError with the place of the key that is at fault.
void validate_shots(const Spec& spec, const SpecSource& source);

}  // namespace vsml
