// vsml/experiment/spec_schema.h: the keys of a spec, for editors and for people.
#pragma once

#include <string>

namespace vsml {

// A JSON Schema (draft 2020-12) of spec files: keys, meanings, types, ranges, defaults, and which
// keys go with which type. docs/spec.schema.json is this text. What keys demand of one another is
// left to validate_spec().
std::string spec_schema();

// One line for each key path below `path` (empty: all): its values, its default, its meaning.
// Empty if there is no such key.
std::string spec_help(const std::string& path = {});

}  // namespace vsml
