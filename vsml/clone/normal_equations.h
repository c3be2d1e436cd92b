// vsml/clone/normal_equations.h: the linear algebra of Gauss-Newton steps.
#pragma once

#include "engine/tensor.h"

namespace vsml {

// J^T J of rows J [R, n], f32 or f64, as f64 [n, n].
engine::Tensor gram_matrix(const engine::Tensor& rows);

// Solves (A + damping I) x = b by Cholesky's factorisation, in double: A [n, n] symmetric, b [n].
// Empty if the matrix is not positive definite.
engine::Tensor solve_damped(const engine::Tensor& a, double damping, const engine::Tensor& b);

}  // namespace vsml
