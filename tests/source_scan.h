// tests/source_scan.h: what the sources themselves say, for tests that need no second list of it.
#pragma once

#include <set>
#include <string>

namespace engine::test {

// Names of the functions that the headers of engine/ops declare to return tensors, operators left
// out.
std::set<std::string> declared_ops();

}  // namespace engine::test
