#include "vsml/experiment/adopt_backprop.h"

#include <fmt/format.h>

#include "vsml/experiment/spec_fields.h"
#include "vsml/experiment/spec_writer.h"

namespace vsml {
namespace {

void adopt(const SpecSource& source, const std::string& path, LearnerOptions& wanted) {
  if (wanted.type != LearnerType::Vsml || wanted.init.type != InitType::Backprop) return;
  LearnerOptions needed = wanted;
  needed.network = backprop_network(wanted.network, wanted.init.backprop);
  const Fields said = fields_of(wanted), all = fields_of(needed);
  for (const Field& field : all) {
    const std::string here = member_path(path, field.key);
    if (!applies(field, all) || !source.says(here)) continue;
    const auto got = value_to_json(*find_field(said, field.key)), expected = value_to_json(field);
    if (got == expected) continue;
    throw source.error(
        here, fmt::format("expected {} with init backprop, got {}", expected.dump(), got.dump()),
        "leave the key out");
  }
  const std::string state_size = member_path(path, "state_size");
  if (needed.network.cell.state < kBackpropStateSize) {
    throw source.error(state_size, fmt::format("expected {} or more with init backprop, got {}",
                                               kBackpropStateSize, needed.network.cell.state));
  }
  if (!source.says(member_path(path, "output_channel"))) needed.network.output_channel = 0;
  for (size_t k = 0; k < needed.network.layers.size(); ++k) {
    if (needed.network.layers[k].type == LayerType::Conv) continue;
    const std::string layer = element_path(member_path(path, "layers"), k);
    if (source.says(member_path(layer, "constant_input"))) continue;
    needed.network.layers[k].constant_input = kBackpropConstantInput;
  }
  wanted = needed;
}

}  // namespace

void adopt_backprop(Spec& spec, const SpecSource& source) {
  adopt(source, "learner", spec.learner);
  std::vector<LearnerOptions>& others = spec.evaluate.learners;
  for (size_t k = 0; k < others.size(); ++k) {
    adopt(source, element_path("evaluate.learners", k), others[k]);
  }
}

}  // namespace vsml
