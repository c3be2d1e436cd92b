// vsml/experiment/spec_reader.h: from a JSON tree to the struct.
#pragma once

#include <string>

#include "vsml/experiment/json_document.h"
#include "vsml/experiment/spec_fields.h"

namespace vsml {

// Sets every field whose key the object has; the others stay as they are. Strict: throws SpecError
// for an unknown key, a value of the wrong type or out of range, a key that does not go with what
// the selecting field (type, dataset) says, or a missing key that is required. Key paths in errors
// begin with `path`.
//
// Integers may be written like 1e3. Relative paths become absolute: they count from the folder of
// the file that says them, those of --set from the working directory.
void read_fields(const JsonValue& object, const Fields& fields, const std::string& path);

}  // namespace vsml
