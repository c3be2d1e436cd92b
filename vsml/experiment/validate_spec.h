// vsml/experiment/validate_spec.h: what the keys of a spec demand of one another.
#pragma once

#include "vsml/experiment/spec_file.h"

namespace vsml {

// Ranges of single values are the listings' business (spec_fields.h); this is the rest: layers,
// messages and passes that fit together, learners and tasks that the experiment needs, unrolls that
// the meta-optimiser can do, a name that can be a folder. Throws SpecError with the place of the
// key that is at fault.
void validate_spec(const Spec& spec, const SpecSource& source);

// What could not be checked before trained algorithms had brought their options
// (adopt_algorithm.h): networks, layers included, and the parameters that meta.step_scale_floors
// names. Throws SpecError likewise.
void validate_adopted(const Spec& spec, const SpecSource& source);

}  // namespace vsml
