// vsml/tasks/generated.h: data sets that are drawn from random numbers instead of read.
#pragma once

#include <cstdint>

#include "engine/rng.h"
#include "vsml/tasks/dataset.h"

namespace vsml {

// `pairs` inputs from N(0, 1), each with a label drawn uniformly and independent of it: what can be
// learned is memory alone. A function of the key's seed, step and member.
// Throws Error if a number is below 1.
ExampleSet random_pairs(int64_t pairs, int64_t num_inputs, int64_t num_classes,
                        const engine::RngKey& key);

// Example `index` of an endless stream: inputs from N(m, 1) with one m from U(-1, 1) for the whole
// example; the label is 1 if they add up to 0 or more, else 0. Writes inputs [num_inputs], returns
// the label. A function of index and of the key's seed, step and member.
// Throws Error if num_inputs is below 1, or index is negative or above 2^32 - 1.
int32_t sum_sign_example(int64_t num_inputs, const engine::RngKey& key, int64_t index,
                         float* inputs);

}  // namespace vsml
