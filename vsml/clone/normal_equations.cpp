#include "vsml/clone/normal_equations.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/tape.h"

namespace vsml {
namespace {

using engine::DType;
using engine::Tensor;

constexpr int64_t kBlock = 64;       // of the factorisation
constexpr int64_t kGramBlock = 512;  // columns of J whose products are made together

// The lower Cholesky factor of a small block, and the inverse of that factor. False if the block is
// not positive definite.
bool factor_block(std::vector<double>& block, std::vector<double>& inverse, int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = j; i < n; ++i) {
      double sum = block[static_cast<size_t>(i * n + j)];
      for (int64_t k = 0; k < j; ++k) {
        sum -= block[static_cast<size_t>(i * n + k)] * block[static_cast<size_t>(j * n + k)];
      }
      if (i == j && !(sum > 0)) return false;
      block[static_cast<size_t>(i * n + j)] =
          i == j ? std::sqrt(sum) : sum / block[static_cast<size_t>(j * n + j)];
    }
    for (int64_t i = 0; i < j; ++i) block[static_cast<size_t>(i * n + j)] = 0;
  }
  std::fill(inverse.begin(), inverse.end(), 0.0);
  for (int64_t column = 0; column < n; ++column) {
    for (int64_t i = column; i < n; ++i) {
      double sum = i == column ? 1 : 0;
      for (int64_t k = column; k < i; ++k) {
        sum -= block[static_cast<size_t>(i * n + k)] * inverse[static_cast<size_t>(k * n + column)];
      }
      inverse[static_cast<size_t>(i * n + column)] = sum / block[static_cast<size_t>(i * n + i)];
    }
  }
  return true;
}

}  // namespace

Tensor gram_matrix(const Tensor& rows) {
  const engine::NoRecord none;
  const int64_t n = rows.dim(1);
  Tensor result = Tensor::empty({n, n}, DType::f64);
  double* to = result.data<double>();
  for (int64_t first = 0; first < n; first += kGramBlock) {
    const int64_t last = std::min(n, first + kGramBlock);
    const Tensor block =
        cast(matmul(transpose(slice(rows, 1, first, last)), slice(rows, 1, first, n)), DType::f64);
    const double* from = block.data<double>();
    for (int64_t i = first; i < last; ++i) {
      for (int64_t j = first; j < n; ++j) {
        const double value = from[(i - first) * (n - first) + j - first];
        to[i * n + j] = value;
        to[j * n + i] = value;
      }
    }
  }
  return result;
}

Tensor solve_damped(const Tensor& a, double damping, const Tensor& b) {
  const engine::NoRecord none;
  const int64_t n = a.dim(0);
  Tensor factor = Tensor::zeros({n, n}, DType::f64);
  double* l = factor.data<double>();
  const double* from = a.data<double>();
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t last = std::min(n, first + kBlock), width = last - first;
    // What is left of the block's columns after the columns before it.
    std::vector<double> panel(static_cast<size_t>((n - first) * width));
    for (int64_t i = first; i < n; ++i) {
      for (int64_t j = first; j < last; ++j) {
        panel[static_cast<size_t>((i - first) * width + j - first)] =
            from[i * n + j] + (i == j ? damping : 0);
      }
    }
    if (first > 0) {
      const Tensor known = slice(factor, 1, 0, first);
      const Tensor done =
          matmul(slice(known, 0, first, n), transpose(slice(known, 0, first, last)));
      const double* less = done.data<double>();
      for (size_t k = 0; k < panel.size(); ++k) panel[k] -= less[k];
    }
    std::vector<double> block(panel.begin(), panel.begin() + width * width);
    std::vector<double> inverse(block.size());
    if (!factor_block(block, inverse, width)) return {};
    const auto put = [&](const double* values, int64_t row, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        std::copy(values + i * width, values + (i + 1) * width, l + (row + i) * n + first);
      }
    };
    put(block.data(), first, width);
    if (last == n) continue;
    const Tensor below = Tensor::from(
        std::vector<double>(panel.begin() + width * width, panel.end()), {n - last, width});
    const Tensor solved = matmul(below, transpose(Tensor::from(inverse, {width, width})));
    put(solved.data<double>(), last, n - last);
  }
  std::vector<double> x = b.to_vector<double>();
  for (int64_t i = 0; i < n; ++i) {
    double sum = x[static_cast<size_t>(i)];
    for (int64_t k = 0; k < i; ++k) sum -= l[i * n + k] * x[static_cast<size_t>(k)];
    x[static_cast<size_t>(i)] = sum / l[i * n + i];
  }
  for (int64_t i = n; i-- > 0;) {
    const double value = x[static_cast<size_t>(i)] / l[i * n + i];
    x[static_cast<size_t>(i)] = value;
    for (int64_t k = 0; k < i; ++k) x[static_cast<size_t>(k)] -= l[i * n + k] * value;
  }
  return Tensor::from(x, {n});
}

}  // namespace vsml
