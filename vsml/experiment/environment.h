// vsml/experiment/environment.h: the machine and the build that a run works with.
#pragma once

#include <string>

#include "engine/device.h"
#include "vsml/learners/learner_options.h"

namespace vsml {

// The project's version.
std::string version();

// What decides a run's bits beside its spec, and what helps to explain a difference: version,
// compiler, processor, the engine's and OpenBLAS's kernels, device, threads. JSON, indented.
std::string environment_json(const engine::Device& device);

// Which code ticks the cells of a learner, in words: "fused (avx512)", or engine ops and why.
std::string tick_path(const LearnerOptions& learner, const engine::Device& device);

}  // namespace vsml
