// vsml/experiment/spec_fields.h: the listings (vsml/fields.h) of all that a spec holds, but for the
// learners' own, which stand beside the learners.
#pragma once

#include "vsml/experiment/spec.h"
#include "vsml/fields.h"

namespace vsml {

Fields fields_of(Spec& spec);
Fields fields_of(LearnerOptions& options);
Fields fields_of(LayerOptions& options);
Fields fields_of(InitOptions& options);
Fields fields_of(StepScaleFloor& floor);
Fields fields_of(MetaOptions& options);
Fields fields_of(CloneOptions& options);
Fields fields_of(CloneData& data);
Fields fields_of(ClonePhase& phase);
Fields fields_of(TasksSpec& spec);
Fields fields_of(TaskOptions& options);
Fields fields_of(EvaluateSpec& spec);
Fields fields_of(CheckpointSpec& spec);
// What a spec may say in `sweep` (sweep.h).
Fields sweep_fields();

// "vsml", "sgd", ...: the word for it in a spec.
std::string name_of(LearnerType type);

}  // namespace vsml
