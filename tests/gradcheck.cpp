#include "tests/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "tests/test_values.h"

namespace engine::test {
namespace {

constexpr double kStep = 1e-3;
constexpr int64_t kMaxElements = 10'000;
constexpr int kDirections = 8;

std::vector<double> weights(int64_t count, uint64_t salt) {
  Values random(salt);
  std::vector<double> result;
  for (int64_t k = 0; k < count; ++k) result.push_back(random.away_from_zero(0.5, 1.5));
  return result;
}

// The scalar function under test with one input moved along a direction.
class Difference {
 public:
  Difference(const Function& f, const std::vector<Tensor>& inputs, size_t input)
      : f_(f), inputs_(inputs), input_(input), values_(inputs[input].to_vector<double>()) {}

  double along(const std::vector<double>& direction) {
    const auto value = [&](double step) {
      std::vector<double> moved = values_;
      for (size_t k = 0; k < moved.size(); ++k) moved[k] += step * direction[k];
      return scalar(moved);
    };
    return stencil(value);
  }

  double at(size_t place) {
    const auto value = [&](double step) {
      std::vector<double> moved = values_;
      moved[place] += step;
      return scalar(moved);
    };
    return stencil(value);
  }

 private:
  double scalar(const std::vector<double>& moved) {
    std::vector<Tensor> arguments = inputs_;
    arguments[input_] = Tensor::from(moved, inputs_[input_].shape(), inputs_[input_].device());
    return f_(arguments).item();
  }
  template <class Value>
  static double stencil(Value&& value) {
    return (8 * (value(kStep) - value(-kStep)) - (value(2 * kStep) - value(-2 * kStep))) /
           (12 * kStep);
  }

  const Function& f_;
  const std::vector<Tensor>& inputs_;
  size_t input_;
  std::vector<double> values_;
};

std::string mismatch(const std::string& what, size_t input, const std::string& place, double got,
                     double want) {
  const double scale = std::max({1.0, std::fabs(got), std::fabs(want)});
  if (std::fabs(got - want) <= kGradientTolerance * scale) return "";
  return fmt::format("{}: gradient of input {} at {}: got {}, want {}", what, input, place, got,
                     want);
}

std::string compare(const std::string& what, const Function& f, const std::vector<Tensor>& inputs,
                    size_t input, const Tensor& gradient) {
  if (gradient.shape() != inputs[input].shape()) {
    return fmt::format("{}: gradient of input {} has shape {}, want {}", what, input,
                       to_string(gradient.shape()), to_string(inputs[input].shape()));
  }
  const std::vector<double> got = gradient.to_vector<double>();
  Difference difference(f, inputs, input);
  std::string report;
  if (gradient.size() <= kMaxElements) {
    for (size_t k = 0; k < got.size() && report.empty(); ++k) {
      report = mismatch(what, input, fmt::format("element {}", k), got[k], difference.at(k));
    }
    return report;
  }
  for (int d = 0; d < kDirections && report.empty(); ++d) {
    std::vector<double> direction = weights(gradient.size(), 1000 + static_cast<uint64_t>(d));
    double length = 0, projected = 0;
    for (const double component : direction) length += component * component;
    for (size_t k = 0; k < got.size(); ++k) {
      direction[k] /= std::sqrt(length);
      projected += got[k] * direction[k];
    }
    report = mismatch(what, input, fmt::format("direction {}", d), projected,
                      difference.along(direction));
  }
  return report;
}

// Gradients of the scalar f against its differences.
std::string check_scalar(const std::string& what, const Function& f,
                         const std::vector<Tensor>& inputs, const std::vector<bool>& wanted) {
  std::vector<Tensor> variables, gradients;
  {
    Tape tape;
    for (size_t k = 0; k < inputs.size(); ++k) {
      if (!wanted[k]) continue;
      tape.watch(inputs[k]);
      variables.push_back(inputs[k]);
    }
    gradients = tape.gradient(f(inputs), variables);
  }
  size_t next = 0;
  for (size_t k = 0; k < inputs.size(); ++k) {
    if (!wanted[k]) continue;
    const std::string report = compare(what, f, inputs, k, gradients[next++]);
    if (!report.empty()) return report;
  }
  return "";
}

}  // namespace

Tensor project(const Tensor& y, uint64_t salt) {
  return sum(y * Tensor::from(weights(y.size(), salt), y.shape(), y.device()));
}

std::string check_gradients(const std::string& what, const Function& f,
                            const std::vector<Tensor>& inputs, const std::vector<bool>& wanted) {
  return check_scalar(
      what, [&](const std::vector<Tensor>& x) { return project(f(x), 1); }, inputs, wanted);
}

std::string check_second_gradients(const std::string& what, const Function& f,
                                   const std::vector<Tensor>& inputs,
                                   const std::vector<bool>& wanted) {
  const Function of_gradients = [&](const std::vector<Tensor>& x) {
    std::vector<Tensor> variables;
    Tape tape;
    for (size_t k = 0; k < x.size(); ++k) {
      if (!wanted[k]) continue;
      tape.watch(x[k]);
      variables.push_back(x[k]);
    }
    const std::vector<Tensor> gradients = tape.gradient(project(square(f(x)), 1), variables);
    Tensor total = project(gradients[0], 2);
    for (size_t k = 1; k < gradients.size(); ++k) total = total + project(gradients[k], 2 + k);
    return total;
  };
  return check_scalar(what + " (second order)", of_gradients, inputs, wanted);
}

}  // namespace engine::test
