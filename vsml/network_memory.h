// vsml/network_memory.h: how much memory a network needs, by arithmetic.
#pragma once

#include "vsml/learner.h"
#include "vsml/network.h"

namespace vsml {

// Of `members` networks side by side with `batch` examples each. `state` is exact; `tape` and
// `work` follow what the ticks keep (kernels/tick_cells.h) and are held to what is measured by a
// test.
LearnerMemory network_memory(const Network& network, int64_t members, int64_t batch,
                             engine::DType dtype, engine::Device device);

}  // namespace vsml
