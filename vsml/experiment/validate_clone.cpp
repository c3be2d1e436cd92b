#include "vsml/experiment/validate_clone.h"

#include <fmt/format.h>

#include "vsml/experiment/spec_fields.h"

namespace vsml {

// What cloned cells rely on: messages are sums on channel 0, nothing but the weight is in a fresh
// state, and each pass has a cell of its own.
void validate_clone(const Spec& spec, const SpecSource& source) {
  const auto require = [&](bool holds, const std::string& path, const std::string& problem) {
    if (!holds) throw source.error(path, problem);
  };
  const LearnerOptions& learner = spec.learner;
  const NetworkOptions& network = learner.network;
  require(learner.type == LearnerType::Vsml, "learner.type",
          "expected vsml with experiment clone, got " + name_of(learner.type));
  require(learner.init.type == InitType::Random, "learner.init.type",
          "expected random with experiment clone, which starts from random parameters");
  const auto flag = [&](bool got, bool wanted, const std::string& key) {
    require(got == wanted, "learner." + key,
            fmt::format("expected {} with experiment clone, got {}", wanted, got));
  };
  flag(network.backward_pass, true, "backward_pass");
  flag(network.separate_backward_cell, true, "separate_backward_cell");
  flag(network.encoded_weights, true, "encoded_weights");
  require(!has_convolutions(network), "learner.layers",
          "expected dense layers with experiment clone, got conv");
  flag(network.feed_label, false, "feed_label");
  flag(network.cell_per_layer, false, "cell_per_layer");
  flag(network.layer_norm, false, "layer_norm");
  require(network.reduce == Reduce::Sum, "learner.reduce",
          "expected sum with experiment clone, got mean");
  require(network.output_bound == 0, "learner.output_bound",
          fmt::format("expected 0 with experiment clone, got {}", network.output_bound));
  require(network.input_energy == 0, "learner.input_energy",
          fmt::format("expected 0 with experiment clone, got {}", network.input_energy));
  require(network.random_state_fraction == 0, "learner.random_state_fraction",
          fmt::format("expected 0 with experiment clone, got {}", network.random_state_fraction));
  const CloneOptions& clone = spec.clone;
  require(clone.weight_units <= network.cell.state, "clone.weight_units",
          fmt::format("expected at most state_size {}, got {}", network.cell.state,
                      clone.weight_units));
  const CloneData& data = clone.data;
  const auto ordered = [&](double least, double most, const std::string& key) {
    require(least <= most, "clone.data." + key,
            fmt::format("expected at least {}, got {}", least, most));
  };
  ordered(data.least_weight_exponent, data.most_weight_exponent, "most_weight_exponent");
  ordered(data.least_error_exponent, data.most_error_exponent, "most_error_exponent");
  ordered(data.least_input, data.most_input, "most_input");
  ordered(data.least_deviation, data.most_deviation, "most_deviation");
  require(data.uniform_share + data.constant_share <= 1, "clone.data.constant_share",
          fmt::format("expected at most 1 together with uniform_share, got {}",
                      data.uniform_share + data.constant_share));
  require(!spec.tasks.test.empty(), "tasks.test",
          "expected at least one task with experiment clone, got none");
}

}  // namespace vsml
