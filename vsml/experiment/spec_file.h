// vsml/experiment/spec_file.h: from spec files and --set to a checked Spec.
//
// A spec may extend others: `"extends": "base.json"` or a list of which later ones win; the file
// itself wins over all. Objects are merged key by key, lists and everything else are replaced. Two
// objects whose `type` differs are different things and are not merged: the later one replaces the
// other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "vsml/experiment/json_document.h"
#include "vsml/experiment/spec.h"

namespace vsml {

// Where the values of a spec were said.
class SpecSource {
 public:
  // For a spec that was made in the program: all places are `name`.
  explicit SpecSource(const std::string& name = "spec");
  // `root` is the spec with everything it extends and all overrides merged in.
  explicit SpecSource(JsonValue root) : root_(std::move(root)) {}

  // Whether anybody said this key: false where a default holds. Paths are "tasks.train[0].weight".
  bool says(const std::string& path) const;
  // The place of a key, or of the nearest key above it that somebody said.
  Place place_of(const std::string& path) const;
  // An error about a key's value, found after reading.
  SpecError error(const std::string& path, const std::string& problem, std::string hint = {}) const;

 private:
  JsonValue root_;
};

struct LoadedSpec {
  Spec spec;
  SpecSource source;
};

// Names of the shipped specs and their files.
using ShippedSpecs = std::map<std::string, std::string>;

// Reads a spec, with what it extends and the overrides ("key.path=value") applied in order, and
// validates it (validate_spec.h). An empty name becomes that of the file without .json.
//
// `spec`, like what stands in `extends`, is a path if it contains '/' or ends in .json, else the
// name of a shipped spec. Paths in the spec become absolute (spec_reader.h), so that a resolved
// spec means the same wherever it is put. Throws SpecError, also if the spec is a sweep; IoError if
// the file itself cannot be read.
LoadedSpec load_spec(const std::string& spec, const std::vector<std::string>& overrides = {},
                     const ShippedSpecs& shipped = {});

// The two halves of load_spec(), between which a sweep (sweep.h) puts its values: the tree with
// everything merged in, and what it says.
JsonValue read_tree(const std::string& spec, const std::vector<std::string>& overrides,
                    const ShippedSpecs& shipped);
LoadedSpec read_spec(JsonValue root);

}  // namespace vsml
