// vsml/experiment/sweep_names.h: what the runs of a sweep are called.
#pragma once

#include <string>
#include <vector>

#include "vsml/experiment/json_document.h"

namespace vsml {

// A value that a run has for one key.
struct SweepSetting {
  std::string key;         // path, as for --set
  const JsonValue* value;  // in the tree of the sweep
  size_t index;            // of the value in its list
  Place place;             // of the key
  bool of_list;            // said by an entry of the list, not by the grid
};

// A name for each variant, different from all others, that can be a folder's: letters, digits and
// -._+=, only. It is the name that was said or else "key=value" for its list entry's keys; then
// the same for the grid's keys. A key is called by its last word, or as much of its path as tells
// the sweep's keys apart; a value by itself, an object by its name, type or dataset, anything else
// by its number. A variant without any keys is called `otherwise`.
std::vector<std::string> variant_names(const std::vector<std::vector<SweepSetting>>& variants,
                                       const std::vector<std::string>& said,
                                       const std::string& otherwise);

// The name of a variant's run.
std::string with_seed(const std::string& variant, const std::string& seed);

}  // namespace vsml
