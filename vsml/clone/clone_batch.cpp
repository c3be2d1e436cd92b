#include "vsml/clone/clone_batch.h"

#include <cmath>

#include "vsml/random_purpose.h"

namespace vsml {
namespace {

double draw_input(const CloneData& data, engine::RandomStream& draws) {
  const double which = draws.uniform();
  if (which < data.uniform_share) return draws.uniform(data.least_input, data.most_input);
  if (which < data.uniform_share + data.constant_share && !data.constants.empty()) {
    return data
        .constants[static_cast<size_t>(draws.below(static_cast<int64_t>(data.constants.size())))];
  }
  const double deviation = draws.uniform(data.least_deviation, data.most_deviation);
  return deviation * draws.normal();
}

double draw_error(const CloneData& data, engine::RandomStream& draws) {
  const double size =
      std::pow(10, draws.uniform(data.least_error_exponent, data.most_error_exponent));
  const double sign = draws.uniform() < 0.5 ? -1 : 1;
  return draws.uniform() < data.zero_error_share ? 0 : sign * size;
}

double draw_weight(const CloneData& data, engine::RandomStream& draws) {
  const double normal = draws.normal();
  return normal *
         std::pow(10, draws.uniform(data.least_weight_exponent, data.most_weight_exponent));
}

}  // namespace

CloneBatch draw_clone_batch(const CloneOptions& options, int64_t cells, uint64_t seed, int64_t step,
                            int64_t batch) {
  engine::RandomStream draws(
      key_for({seed, 0, static_cast<uint32_t>(step), static_cast<uint32_t>(batch)},
              RandomPurpose::CloneCells));
  CloneBatch result;
  const auto examples = static_cast<size_t>(options.burn_in + options.unroll);
  result.x.resize(examples);
  result.e.resize(examples);
  for (int64_t cell = 0; cell < cells; ++cell) {
    result.weight.push_back(draw_weight(options.data, draws));
    for (int64_t unit = 0; unit < options.weight_units; ++unit) {
      result.drift.push_back(options.drift > 0 ? options.drift * draws.normal() : 0);
    }
    result.newborn.push_back(static_cast<char>(draws.uniform() < options.newborn_share));
    for (size_t t = 0; t < examples; ++t) {
      result.x[t].push_back(draw_input(options.data, draws));
      result.e[t].push_back(draw_error(options.data, draws));
    }
  }
  return result;
}

}  // namespace vsml
