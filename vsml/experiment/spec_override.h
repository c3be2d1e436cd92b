// vsml/experiment/spec_override.h: --set on the command line.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "vsml/experiment/json_document.h"

namespace vsml {

// A key path in its parts: keys of objects and indices of lists. "tasks.train.0.weight" has an
// index where "tasks.train[0].weight" has one: a part of digits is one.
using PathPart = std::variant<std::string, size_t>;
// Throws SpecError if the path is malformed.
std::vector<PathPart> split_path(const std::string& path);

// What a path leads to: the member or the element of a list, and how many of its parts are there.
struct Found {
  const JsonValue* value;    // the last one on the way that is there; the root if none is
  const JsonMember* member;  // set if that is a member of an object
  size_t depth;
};
Found follow(const JsonValue& root, const std::vector<PathPart>& path);

// Applies "key.path=value". The value is JSON; what is not JSON, and does not begin as a list, an
// object or a quoted text does, is a text itself. Objects on the way are made where they are
// missing; elements of lists must be there. Throws SpecError.
void apply_override(JsonValue& root, const std::string& override);

}  // namespace vsml
