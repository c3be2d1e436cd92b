// vsml/experiment/introspection_results.h: what introspection found, as JSON and as a table.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "vsml/experiment/results.h"

namespace vsml {

nlohmann::ordered_json introspection_json(const Introspection& introspection);
// Throws nlohmann's exceptions if it is not what the function above writes of episodes with so many
// examples.
Introspection introspection_of(const nlohmann::ordered_json& object, int64_t examples);

// A row for each of the results that have it, called by `name`: the probability of the label, and
// of a false one, before and after the example was learned with it, averaged over the episode up to
// the swap of labels; then after how many examples of the swap the new label is more probable than
// the old one, in steps of a window. Empty if none has it.
std::string introspection_table(const std::vector<const Result*>& results, size_t width,
                                std::string (*name)(const Result&));

}  // namespace vsml
