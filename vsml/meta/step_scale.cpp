#include "vsml/meta/step_scale.h"

#include <cmath>
#include <map>
#include <tuple>

#include "engine/ops/elementwise.h"

namespace vsml {

using engine::Tensor;

namespace {

// The gate that entry k of a cell's w or bias belongs to.
GateChoice gate_of(const engine::ParamLayout::Entry& entry, int64_t k) {
  const int64_t columns = entry.shape[-1];
  return static_cast<GateChoice>(1 + k % columns * 4 / columns);
}

bool has_gates(const engine::ParamLayout::Entry& entry) {
  return entry.name.ends_with(".w") || entry.name.ends_with(".bias");
}

}  // namespace

Tensor step_scale(const engine::ParamLayout& layout, const Tensor& start,
                  const MetaOptions& options) {
  std::vector<double> floors(static_cast<size_t>(layout.size()), options.step_scale_floor);
  for (const StepScaleFloor& one : options.step_scale_floors) {
    const auto& entry = layout.at(one.view);
    for (int64_t k = 0; k < entry.shape.size(); ++k) {
      if (one.gate != GateChoice::All && one.gate != gate_of(entry, k)) continue;
      floors[static_cast<size_t>(entry.offset + k)] = one.floor;
    }
  }
  return maximum(abs(start),
                 cast(Tensor::from(floors, start.shape(), start.device()), start.dtype()));
}

Tensor tied(const engine::ParamLayout& layout, const Tensor& start, const Tensor& x) {
  const auto begin = cast(start, engine::DType::f64).to_vector<double>();
  auto values = cast(x, engine::DType::f64).to_vector<double>();
  using Key = std::tuple<int64_t, GateChoice, double>;  // view, gate, magnitude
  std::map<Key, std::vector<size_t>> groups;
  for (const auto& entry : layout.entries()) {
    for (int64_t k = 0; k < entry.shape.size(); ++k) {
      const auto place = static_cast<size_t>(entry.offset + k);
      if (begin[place] == 0) continue;
      const GateChoice gate = has_gates(entry) ? gate_of(entry, k) : GateChoice::All;
      groups[{entry.offset, gate, std::fabs(begin[place])}].push_back(place);
    }
  }
  for (const auto& [key, places] : groups) {
    double sum = 0;
    for (const size_t place : places) sum += begin[place] < 0 ? -values[place] : values[place];
    const double mean = sum / static_cast<double>(places.size());
    for (const size_t place : places) values[place] = begin[place] < 0 ? -mean : mean;
  }
  return cast(Tensor::from(values, x.shape(), x.device()), x.dtype());
}

}  // namespace vsml
