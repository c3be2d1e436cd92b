#include "vsml/tasks/generated.h"

#include <fmt/format.h>
#include <limits>

#include "engine/error.h"
#include "vsml/random_purpose.h"

namespace vsml {

ExampleSet random_pairs(int64_t pairs, int64_t num_inputs, int64_t num_classes,
                        const engine::RngKey& key) {
  if (pairs < 1 || num_inputs < 1 || num_classes < 1) {
    throw engine::Error(fmt::format(
        "random: expected at least 1 pair, input and class, found {} pairs, {} inputs, {} classes",
        pairs, num_inputs, num_classes));
  }
  ExampleSet set{pairs, num_inputs, num_classes, {}, {}};
  set.inputs.resize(static_cast<size_t>(engine::checked_mul(pairs, num_inputs)));
  set.labels.resize(static_cast<size_t>(pairs));
  engine::RandomStream inputs(key_for(key, RandomPurpose::GeneratedInputs));
  for (float& input : set.inputs) input = static_cast<float>(inputs.normal());
  engine::RandomStream labels(key_for(key, RandomPurpose::GeneratedLabels));
  for (int32_t& label : set.labels) label = static_cast<int32_t>(labels.below(num_classes));
  return set;
}

int32_t sum_sign_example(int64_t num_inputs, const engine::RngKey& key, int64_t index,
                         float* inputs) {
  if (num_inputs < 1) {
    throw engine::Error(fmt::format("sum_sign: expected at least 1 input, found {}", num_inputs));
  }
  if (index < 0 || index > std::numeric_limits<uint32_t>::max()) {
    throw engine::Error(
        fmt::format("sum_sign: expected an example from 0 to 2^32 - 1, found {}", index));
  }
  engine::RandomStream stream(
      key_for(key, RandomPurpose::GeneratedInputs, static_cast<uint32_t>(index)));
  const double mean = stream.uniform(-1, 1);
  double sum = 0;
  for (int64_t i = 0; i < num_inputs; ++i) {
    inputs[i] = static_cast<float>(mean + stream.normal());
    sum += inputs[i];
  }
  return sum >= 0 ? 1 : 0;
}

}  // namespace vsml
