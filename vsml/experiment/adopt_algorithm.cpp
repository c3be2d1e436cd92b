#include "vsml/experiment/adopt_algorithm.h"

#include <fmt/format.h>
#include <memory>

#include "engine/error.h"
#include "vsml/experiment/spec_fields.h"
#include "vsml/experiment/spec_reader.h"
#include "vsml/experiment/spec_writer.h"
#include "vsml/experiment/validate_spec.h"
#include "vsml/learners/learner_file.h"

namespace vsml {
namespace {

// Options that a spec chooses freely for every algorithm.
bool is_free(const std::string& key) {
  return key == "name" || key == "init" || key == "layers" || key == "hidden" ||
         key == "state_type";
}

void adopt(const SpecSource& source, const std::string& path, LearnerOptions& wanted) {
  if (!is_meta_trained(wanted.type) || wanted.init.type != InitType::File) return;
  LearnerOptions found = algorithm_options(wanted.init.path);
  const Fields said = fields_of(wanted), trained = fields_of(found);
  for (const Field& field : trained) {
    if (is_free(field.key) || !applies(field, trained)) continue;
    const std::string here = member_path(path, field.key);
    const Field* ours = find_field(said, field.key);
    if (!source.says(here) || ours == nullptr) continue;
    const auto got = value_to_json(*ours), expected = value_to_json(field);
    if (got == expected) continue;
    throw source.error(here,
                       fmt::format("expected {}, as {} was trained with, got {}", expected.dump(),
                                   engine::printable(wanted.init.path), got.dump()),
                       "leave the key out, or train an algorithm with it");
  }
  found.name = wanted.name;
  found.init = wanted.init;
  if (source.says(member_path(path, "layers"))) found.network.layers = wanted.network.layers;
  if (source.says(member_path(path, "state_type"))) {
    found.network.state_type = wanted.network.state_type;
  }
  if (source.says(member_path(path, "hidden"))) {
    found.learned_rule.hidden = wanted.learned_rule.hidden;
  }
  wanted = found;
}

}  // namespace

LearnerOptions algorithm_options(const std::string& path) {
  const Algorithm algorithm = read_algorithm(path);
  LearnerOptions options;
  try {
    const JsonValue json = parse_json(algorithm.options, std::make_shared<std::string>(path));
    read_fields(json, fields_of(options), "options");
  } catch (const SpecError& error) {
    throw engine::IoError(path, "__metadata__.options",
                          fmt::format("expected a learner's options, found: {}", error.what()));
  }
  return options;
}

void adopt_algorithm(LoadedSpec& loaded) {
  adopt(loaded.source, "learner", loaded.spec.learner);
  std::vector<LearnerOptions>& others = loaded.spec.evaluate.learners;
  for (size_t k = 0; k < others.size(); ++k) {
    adopt(loaded.source, element_path("evaluate.learners", k), others[k]);
  }
  validate_adopted(loaded.spec, loaded.source);
}

}  // namespace vsml
