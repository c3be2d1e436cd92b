// tests/vsml/vsml_checks.h: fixed numbers for tests of vsml/, and comparisons that NaN never
// passes.
#pragma once

#include <functional>
#include <vector>

#include "engine/params.h"
#include "engine/tensor.h"
#include "vsml/learner.h"

namespace vsml::test {

// f64, uniform in [low, high); a function of shape and salt.
engine::Tensor values(const engine::Shape& shape, double low, double high, uint64_t salt);
// f64 one-hot [P, B, C], classes drawn from salt.
engine::Tensor labels(int64_t members, int64_t batch, int64_t classes, uint64_t salt);

// f64 parameters for a layout of cells, under which cells move much more than under initial ones,
// so that no term of a formula is too small to be seen. [n], or with members > 0 [P, n], all
// different.
engine::Tensor lively_params(const engine::ParamLayout& layout, uint64_t salt, int64_t members = 0);

// Keys of `count` members of one population.
std::vector<engine::RngKey> member_keys(uint64_t seed, int64_t count);

// True if dtype, shape and every bit agree.
bool same_bits(const engine::Tensor& a, const engine::Tensor& b);
bool same_bits(const LearnerState& a, const LearnerState& b);

// Largest |got - want| over the largest |want|, or largest |got - want| if want is 0 throughout;
// infinite if shapes differ or a number is NaN.
double error_of(const engine::Tensor& got, const engine::Tensor& want);
double error_of(const LearnerState& got, const LearnerState& want);

// df/dx, of x's shape, by central differences of fourth order.
engine::Tensor central_differences(const std::function<double(const engine::Tensor&)>& f,
                                   const engine::Tensor& x);

// Takes f64 tensors, gives one f64 number.
using Loss = std::function<engine::Tensor(const std::vector<engine::Tensor>&)>;

// The loss' gradient by all elements of all inputs against central differences: for
// each input the largest difference, over the larger of its largest element and 1e-3 of the largest
// of all inputs; the worst of the inputs. Infinite if everything is 0.
double gradient_error(const Loss& loss, const std::vector<engine::Tensor>& inputs);

inline constexpr double kGradientBound = 1e-7;

}  // namespace vsml::test
