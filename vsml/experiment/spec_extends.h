// vsml/experiment/spec_extends.h: the files a spec is put together from.
#pragma once

#include <string>

#include "vsml/experiment/spec_file.h"

namespace vsml {

constexpr int kMaxExtendsDepth = 8;
constexpr int kMaxSpecFiles = 64;

// The spec of load_spec() with everything it extends merged in, each value still knowing its own
// file and line. Throws SpecError for a spec that is not an object, a parent that is not there, a
// cycle, or a chain or number of files above the limits; IoError if the spec itself cannot be read.
JsonValue read_with_parents(const std::string& spec, const ShippedSpecs& shipped);

}  // namespace vsml
