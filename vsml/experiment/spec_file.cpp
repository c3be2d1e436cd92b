#include "vsml/experiment/spec_file.h"

#include <filesystem>

#include "vsml/experiment/adopt_backprop.h"
#include "vsml/experiment/spec_extends.h"
#include "vsml/experiment/spec_override.h"
#include "vsml/experiment/spec_reader.h"
#include "vsml/experiment/validate_spec.h"

namespace vsml {

SpecSource::SpecSource(const std::string& name)
    : root_{{std::make_shared<const std::string>(name), 0}, JsonObject{}} {}

bool SpecSource::says(const std::string& path) const {
  const std::vector<PathPart> parts = split_path(path);
  return follow(root_, parts).depth == parts.size();
}

Place SpecSource::place_of(const std::string& path) const {
  const Found found = follow(root_, split_path(path));
  return found.member != nullptr ? found.member->place : found.value->place;
}

SpecError SpecSource::error(const std::string& path, const std::string& problem,
                            std::string hint) const {
  return SpecError(place_of(path), path, problem, std::move(hint));
}

JsonValue read_tree(const std::string& spec, const std::vector<std::string>& overrides,
                    const ShippedSpecs& shipped) {
  JsonValue root = read_with_parents(spec, shipped);
  for (const std::string& override : overrides) apply_override(root, override);
  return root;
}

LoadedSpec read_spec(JsonValue root) {
  const Place file = root.place;
  Spec read;
  read_fields(root, fields_of(read), "");
  if (read.name.empty()) read.name = std::filesystem::path(*file.file).stem().string();
  SpecSource source(std::move(root));
  adopt_backprop(read, source);
  validate_spec(read, source);
  return {std::move(read), std::move(source)};
}

LoadedSpec load_spec(const std::string& spec, const std::vector<std::string>& overrides,
                     const ShippedSpecs& shipped) {
  JsonValue root = read_tree(spec, overrides, shipped);
  if (const JsonMember* sweep = root.find("sweep")) {
    throw SpecError(sweep->place, "sweep", "expected a spec of one run, got a sweep",
                    "vsml sweep runs it");
  }
  return read_spec(std::move(root));
}

}  // namespace vsml
