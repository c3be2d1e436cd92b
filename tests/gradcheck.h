// tests/gradcheck.h: gradients of the tape against central differences, in f64.
//
// The differences use the fourth-order stencil
//   f'(x) = (8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12h,  h = 1e-3,
// whose truncation (h^4 f'''''/ 30) and rounding (1e-16 f / h) are both far below the bound of 1e-7
// for functions whose inputs stay 0.02 away from kinks and poles.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace engine::test {

inline constexpr double kGradientTolerance = 1e-7;

// Takes f64 tensors (and i32 ones, which are constants) and gives one f64 tensor.
using Function = std::function<Tensor(const std::vector<Tensor>&)>;

// Compares d<w, f>/dx, w fixed weights, for every element of every input in `wanted`, or along
// fixed directions where an input has more than 10,000 elements. The inputs may be strided;
// differences are taken with contiguous copies. "" if |got - want| <= 1e-7 max(1, |got|, |want|)
// everywhere (NaN never passes), else a line naming `what`, input, element, got and want.
std::string check_gradients(const std::string& what, const Function& f,
                            const std::vector<Tensor>& inputs, const std::vector<bool>& wanted);

// The same for the gradient of <v, d<w, f^2>/dx>: a scalar function of first-order tape gradients,
// differentiated by a tape around the first and by differences of it. The square makes functions
// that are linear in x worth a look, too.
std::string check_second_gradients(const std::string& what, const Function& f,
                                   const std::vector<Tensor>& inputs,
                                   const std::vector<bool>& wanted);

// <w, y> with fixed weights w of magnitude 0.5 to 1.5 and both signs that depend on `salt` alone.
Tensor project(const Tensor& y, uint64_t salt);

}  // namespace engine::test
