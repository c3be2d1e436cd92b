#include "vsml/learners/nearest_neighbour.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <limits>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"

namespace vsml {
namespace {

using engine::KeepAxes;
using engine::Tensor;

// Far below every density, and its sums are still finite in float32.
constexpr double kNone = -1e30;

template <class T>
void overwrite_row(Tensor& all, int64_t row, const Tensor& rows, int64_t entry) {
  const int64_t members = all.dim(0), width = all.size() / (members * all.dim(1));
  const int64_t entries = rows.size() / (members * width);
  T* to = all.data<T>();
  const T* from = rows.data<T>();
  for (int64_t p = 0; p < members; ++p) {
    std::copy_n(from + (p * entries + entry) * width, width, to + (p * all.dim(1) + row) * width);
  }
}

// `all` [P, K, ...] with row `row` replaced by entry `entry` of `rows` [P, B, ...]. In place where
// nobody else holds the storage: copying everything kept would cost more than searching it.
Tensor with_row(Tensor all, int64_t row, const Tensor& rows, int64_t entry) {
  if (all.is_sole_owner() && all.is_contiguous() && all.device() == engine::Device{}) {
    const Tensor packed = rows.contiguous();
    if (all.dtype() == engine::DType::f32) {
      overwrite_row<float>(all, row, packed, entry);
    } else {
      overwrite_row<double>(all, row, packed, entry);
    }
    return all;
  }
  return engine::concat(
      {slice(all, 1, 0, row), slice(rows, 1, entry, entry + 1), slice(all, 1, row + 1, all.dim(1))},
      1);
}

}  // namespace

NearestNeighbourLearner::NearestNeighbourLearner(int64_t capacity, const TaskDims& dims,
                                                 engine::DType dtype, engine::Device device)
    : capacity_(capacity), dims_(dims), dtype_(dtype), device_(device) {}

Tensor NearestNeighbourLearner::initial_params(const engine::RngKey&) const {
  return Tensor::zeros({0}, dtype_, device_);
}

LearnerMemory NearestNeighbourLearner::memory(int64_t members, int64_t batch) const {
  const auto count = static_cast<double>(members);
  const auto kept = static_cast<double>(capacity_);
  const auto classes = static_cast<double>(dims_.classes);
  const double row = static_cast<double>(dims_.inputs) + 1 + classes;
  const double state = count * (kept * row + 1);
  // Distances, and those of each class.
  const double work = count * static_cast<double>(batch) * kept * (2 + 2 * classes);
  const auto unit = static_cast<double>(engine::size_of(dtype_));
  return {state * unit, (state + work) * unit, work * unit};
}

LearnerState NearestNeighbourLearner::initial_state(const engine::ParamSet&,
                                                    const std::vector<engine::RngKey>& members,
                                                    int64_t) const {
  if (capacity_ < 1) {
    throw engine::Error(
        fmt::format("nearest_neighbour: expected a capacity of at least 1, found {}", capacity_));
  }
  const auto population = static_cast<int64_t>(members.size());
  return {{Tensor::zeros({population, capacity_, dims_.inputs}, dtype_, device_),
           Tensor::zeros({population, capacity_}, dtype_, device_),
           Tensor::zeros({population, capacity_, dims_.classes}, dtype_, device_),
           Tensor::zeros({population, 1}, dtype_, device_)}};
}

Tensor NearestNeighbourLearner::predict(const LearnerState& state, const Tensor& input,
                                        int64_t kept) const {
  if (kept == 0) {
    return Tensor::zeros({input.dim(0), input.dim(1), dims_.classes}, dtype_, device_);
  }
  const Tensor inputs = slice(state.tensors[0], 1, 0, kept);
  const Tensor half_norms = expand(slice(state.tensors[1], 1, 0, kept), 1);  // [P, 1, K]
  const Tensor labels = expand(slice(state.tensors[2], 1, 0, kept), 1);      // [P, 1, K, C]
  // -|x - e|^2 / 2 = x e - |e|^2 / 2 - |x|^2 / 2
  const Tensor density = matmul(input, transpose(inputs)) - half_norms;  // [P, B, K]
  const Tensor other = (labels - 1) * -kNone;                    // kNone where another class
  const Tensor nearest = max(expand(density, -1) + other, {2});  // [P, B, C]
  const Tensor present = less(Tensor::scalar(kNone / 2, dtype_, device_), nearest);
  const Tensor largest = max(nearest, {2}, KeepAxes::Yes);
  const Tensor smallest = min(where(present, nearest, largest), {2}, KeepAxes::Yes);
  const Tensor half_square = sum(square(input), {2}, KeepAxes::Yes) * 0.5;
  return where(present, nearest, smallest - 1) - half_square;
}

LearnerState NearestNeighbourLearner::remember(LearnerState state, const Tensor& input,
                                               const Tensor& label, int64_t seen) const {
  const Tensor half_norms = sum(square(input), {2}) * 0.5;  // [P, B]
  for (int64_t entry = 0; entry < input.dim(1); ++entry) {
    const int64_t row = (seen + entry) % capacity_;
    state.tensors[0] = with_row(std::move(state.tensors[0]), row, input, entry);
    state.tensors[1] = with_row(std::move(state.tensors[1]), row, half_norms, entry);
    state.tensors[2] = with_row(std::move(state.tensors[2]), row, label, entry);
  }
  state.tensors[3] = state.tensors[3] + static_cast<double>(input.dim(1));
  return state;
}

LearnerStep NearestNeighbourLearner::step(const engine::ParamSet&, LearnerState state,
                                          const Tensor& input, const Tensor& label) const {
  require_examples("nearest_neighbour", dims_, state, input, label);
  const auto seen = static_cast<int64_t>(max(state.tensors[3]).item());
  if (static_cast<int64_t>(min(state.tensors[3]).item()) != seen) {
    throw engine::Error(
        "nearest_neighbour: expected members that have seen the same number of "
        "examples, found different ones");
  }
  LearnerStep result;
  result.prediction = predict(state, input, std::min(seen, capacity_));
  result.state = remember(std::move(state), input, label, seen);
  return result;
}

}  // namespace vsml
