// vsml/experiment/spec_writer.h: from the struct to JSON text.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "vsml/experiment/spec_fields.h"

namespace vsml {

// A whole spec: every key that goes with its types, defaults included, in the order of the
// listings. load_spec() of this text gives an equal struct, and equal structs give the same text.
// Throws Error if a number is not finite or a text not UTF-8.
std::string spec_to_json(const Spec& spec);

// The fields of a listing as an object, without those that are not in_runs.
nlohmann::ordered_json fields_to_json(const Fields& fields);
// The value of one field.
nlohmann::ordered_json value_to_json(const Field& field);

// JSON indented by two spaces, with every list and object that fits a line on one line; ends with a
// newline. Numbers keep all their bits.
std::string pretty_json(const nlohmann::ordered_json& json);

}  // namespace vsml
