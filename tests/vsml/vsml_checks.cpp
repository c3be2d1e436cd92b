#include "tests/vsml/vsml_checks.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/tape.h"
#include "tests/test_values.h"

namespace vsml::test {
namespace {

using engine::DType;
using engine::Tensor;
using engine::test::Values;

constexpr double kStep = 1e-4;  // small enough for layer norm, whose curvature is large
constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool ends_with(const std::string& name, const std::string& end) {
  return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

// What a parameter's values lie around: gates that are neither shut nor open, norms of scale 1.
double centre(const std::string& name, int64_t element, int64_t size) {
  if (name.find(".scale_") != std::string::npos) return 1;
  if (!ends_with(name, ".bias")) return 0;
  const int64_t gate = element / (size / 4);
  return gate == 0 ? 4.5 : gate == 2 ? -4 : 0;
}

template <class T>
bool equal_bytes(const Tensor& a, const Tensor& b) {
  const std::vector<T> x = a.to_vector<T>(), y = b.to_vector<T>();
  return x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof(T)) == 0;
}

std::vector<double> doubles(const Tensor& x) {
  return cast(x, DType::f64).to_vector<double>();
}

double largest(const std::vector<double>& x) {
  double most = 0;
  for (const double value : x) most = std::max(most, std::fabs(value));
  return most;
}

double largest_difference(const std::vector<double>& got, const std::vector<double>& want) {
  double most = 0;
  for (size_t k = 0; k < got.size(); ++k) {
    const double difference = std::fabs(got[k] - want[k]);
    if (!(difference <= std::numeric_limits<double>::max())) return kInfinity;
    most = std::max(most, difference);
  }
  return most;
}

}  // namespace

Tensor values(const engine::Shape& shape, double low, double high, uint64_t salt) {
  return Tensor::from(Values(salt).many<double>(shape.size(), low, high), shape);
}

Tensor labels(int64_t members, int64_t batch, int64_t classes, uint64_t salt) {
  Values random(salt);
  std::vector<int32_t> chosen;
  for (int64_t k = 0; k < members * batch; ++k) {
    chosen.push_back(static_cast<int32_t>(random.below(classes)));
  }
  return one_hot(Tensor::from(chosen, {members, batch}), classes, DType::f64);
}

Tensor lively_params(const engine::ParamLayout& layout, uint64_t salt, int64_t members) {
  Values random(salt);
  std::vector<double> flat;
  for (int64_t p = 0; p < std::max<int64_t>(members, 1); ++p) {
    for (const auto& entry : layout.entries()) {
      for (int64_t k = 0; k < entry.shape.size(); ++k) {
        flat.push_back(centre(entry.name, k, entry.shape.size()) + random.uniform(-0.8, 0.8));
      }
    }
  }
  if (members == 0) return Tensor::from(flat, {layout.size()});
  return Tensor::from(flat, {members, layout.size()});
}

std::vector<engine::RngKey> member_keys(uint64_t seed, int64_t count) {
  std::vector<engine::RngKey> keys;
  for (int64_t p = 0; p < count; ++p) keys.push_back({seed, 2, 0, static_cast<uint32_t>(p)});
  return keys;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.defined() != b.defined()) return false;
  if (!a.defined()) return true;
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape())) return false;
  if (a.dtype() == DType::f32) return equal_bytes<float>(a, b);
  if (a.dtype() == DType::bf16) return equal_bytes<engine::Bf16>(a, b);
  return a.dtype() == DType::f64 ? equal_bytes<double>(a, b) : equal_bytes<int32_t>(a, b);
}

bool same_bits(const LearnerState& a, const LearnerState& b) {
  const auto same = [](const Tensor& x, const Tensor& y) { return same_bits(x, y); };
  return std::equal(a.tensors.begin(), a.tensors.end(), b.tensors.begin(), b.tensors.end(), same);
}

double error_of(const Tensor& got, const Tensor& want) {
  if (!(got.shape() == want.shape())) return kInfinity;
  const std::vector<double> x = doubles(got), y = doubles(want);
  const double scale = largest(y);
  return largest_difference(x, y) / (scale > 0 ? scale : 1);
}

double error_of(const LearnerState& got, const LearnerState& want) {
  if (got.tensors.size() != want.tensors.size()) return kInfinity;
  double worst = 0;
  for (size_t k = 0; k < got.tensors.size(); ++k) {
    worst = std::max(worst, error_of(got.tensors[k], want.tensors[k]));
  }
  return worst;
}

Tensor central_differences(const std::function<double(const Tensor&)>& f, const Tensor& x) {
  std::vector<double> moved = x.to_vector<double>(), result;
  for (double& element : moved) {
    const double middle = element;
    const auto at = [&](double step) {
      element = middle + step;
      return f(Tensor::from(moved, x.shape()));
    };
    const double near = at(kStep) - at(-kStep), far = at(2 * kStep) - at(-2 * kStep);
    result.push_back((8 * near - far) / (12 * kStep));
    element = middle;
  }
  return Tensor::from(result, x.shape());
}

double gradient_error(const Loss& loss, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> gradients;
  {
    engine::Tape tape;
    for (const Tensor& input : inputs) tape.watch(input);
    gradients = tape.gradient(loss(inputs), inputs);
  }
  std::vector<std::vector<double>> want;
  double most = 0;
  for (size_t k = 0; k < inputs.size(); ++k) {
    std::vector<Tensor> moved = inputs;
    const auto f = [&](const Tensor& x) {
      moved[k] = x;
      return loss(moved).item();
    };
    want.push_back(central_differences(f, inputs[k]).to_vector<double>());
    most = std::max(most, largest(want[k]));
  }
  if (!(most > 0)) return kInfinity;
  double worst = 0;
  for (size_t k = 0; k < inputs.size(); ++k) {
    if (!(gradients[k].shape() == inputs[k].shape())) return kInfinity;
    const double scale = std::max(largest(want[k]), 1e-3 * most);
    worst = std::max(worst, largest_difference(doubles(gradients[k]), want[k]) / scale);
  }
  return worst;
}

}  // namespace vsml::test
