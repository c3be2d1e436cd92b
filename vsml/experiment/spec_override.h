// vsml/experiment/spec_override.h: values put on top of a spec: by --set, or by a sweep.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "vsml/experiment/json_document.h"

namespace vsml {

// A key path in its parts: keys of objects and indices of lists. "tasks.train.0.weight" has an
// index where "tasks.train[0].weight" has one: a part of digits is one.
using PathPart = std::variant<std::string, size_t>;
// Throws SpecError, with the place at which the path was said, if it is malformed.
std::vector<PathPart> split_path(const std::string& path, const Place& place = {});

// What a path leads to: the member or the element of a list, and how many of its parts are there.
struct Found {
  const JsonValue* value;    // the last one on the way that is there; the root if none is
  const JsonMember* member;  // set if that is a member of an object
  size_t depth;
};
Found follow(const JsonValue& root, const std::vector<PathPart>& path);

// Puts a value at a path that was said at `place`. Objects on the way are made where they are
// missing; elements of lists must be there. Throws SpecError.
void set_value(JsonValue& root, const std::string& path, JsonValue value, const Place& place);

// Applies "key.path=value". The value is JSON; what is not JSON, and does not begin as a list, an
// object or a quoted text does, is a text itself. As set_value.
void apply_override(JsonValue& root, const std::string& override);

}  // namespace vsml
