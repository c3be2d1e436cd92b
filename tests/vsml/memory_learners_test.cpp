// The baselines nearest_neighbour and recursive_least_squares against plain loops over doubles that
// start anew for every example.
#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/learners/nearest_neighbour.h"
#include "vsml/learners/recursive_least_squares.h"

using engine::DType;
using engine::ParamSet;
using engine::Tensor;
using vsml::Learner;
using vsml::LearnerState;
using vsml::LearnerStep;
using vsml::NearestNeighbourLearner;
using vsml::RecursiveLeastSquaresLearner;
using namespace vsml::test;

namespace {

using Numbers = std::vector<double>;
using Matrix = std::vector<Numbers>;

constexpr int64_t kMembers = 2, kInputs = 4, kClasses = 5;

// What one member has seen, in its order.
struct Seen {
  Matrix inputs, labels;
};

Numbers naive_nearest(const Seen& seen, size_t capacity, const Numbers& input) {
  const double none = -std::numeric_limits<double>::infinity();
  Numbers prediction(kClasses, none);
  const size_t count = seen.inputs.size();
  for (size_t k = count - std::min(count, capacity); k < count; ++k) {
    double squares = 0;
    for (size_t i = 0; i < input.size(); ++i) {
      squares += (input[i] - seen.inputs[k][i]) * (input[i] - seen.inputs[k][i]);
    }
    for (size_t c = 0; c < kClasses; ++c) {
      if (seen.labels[k][c] == 1) prediction[c] = std::max(prediction[c], -squares / 2);
    }
  }
  double smallest = std::numeric_limits<double>::infinity();
  for (const double p : prediction) smallest = p == none ? smallest : std::min(smallest, p);
  for (double& p : prediction) p = p == none ? smallest - 1 : p;
  return prediction;
}

// a x = b by Gauss-Jordan elimination with row pivots; b has several columns.
Matrix solve(Matrix a, Matrix b) {
  for (size_t column = 0; column < a.size(); ++column) {
    size_t pivot = column;
    for (size_t r = column; r < a.size(); ++r) {
      if (std::fabs(a[r][column]) > std::fabs(a[pivot][column])) pivot = r;
    }
    std::swap(a[column], a[pivot]);
    std::swap(b[column], b[pivot]);
    for (size_t r = 0; r < a.size(); ++r) {
      if (r == column) continue;
      const double factor = a[r][column] / a[column][column];
      for (size_t c = 0; c < a.size(); ++c) a[r][c] -= factor * a[column][c];
      for (size_t c = 0; c < b[r].size(); ++c) b[r][c] -= factor * b[column][c];
    }
  }
  for (size_t r = 0; r < a.size(); ++r) {
    for (double& x : b[r]) x /= a[r][r];
  }
  return b;
}

// Ridge regression on everything seen, from the normal equations.
Numbers naive_ridge(const Seen& seen, double ridge, const Numbers& input) {
  const size_t size = input.size() + 1;
  const auto with_one = [](Numbers x) {
    x.push_back(1);
    return x;
  };
  Matrix normal(size, Numbers(size, 0)), moments(size, Numbers(kClasses, 0));
  for (size_t i = 0; i < size; ++i) normal[i][i] = ridge;
  for (size_t k = 0; k < seen.inputs.size(); ++k) {
    const Numbers z = with_one(seen.inputs[k]);
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = 0; j < size; ++j) normal[i][j] += z[i] * z[j];
      for (size_t c = 0; c < kClasses; ++c) moments[i][c] += z[i] * seen.labels[k][c];
    }
  }
  const Matrix weights = solve(normal, moments);
  const Numbers z = with_one(input);
  Numbers prediction(kClasses, 0);
  for (size_t i = 0; i < size; ++i) {
    for (size_t c = 0; c < kClasses; ++c) prediction[c] += z[i] * weights[i][c];
  }
  return prediction;
}

Numbers row(const Tensor& x, int64_t p, int64_t entry) {
  return slice(slice(x, 0, p, p + 1), 1, entry, entry + 1).to_vector<double>();
}

// Largest difference between the learner's predictions and naive(seen, input) over an episode of
// `steps` batches, from the second one on: before anything is seen all classes are alike, by what
// amount is the learner's own affair.
template <class Naive>
double worst_error(const Learner& learner, int64_t batch, uint64_t steps, Naive naive) {
  const ParamSet params(learner.layout(), learner.initial_params({}));
  LearnerState state = learner.initial_state(params, member_keys(1, kMembers), batch);
  std::vector<Seen> seen(kMembers);
  double worst = 0;
  for (uint64_t t = 0; t < steps; ++t) {
    const Tensor input = values({kMembers, batch, kInputs}, -1.5, 1.5, 70 + t);
    const Tensor label = labels(kMembers, batch, kClasses, 300 + t);
    LearnerStep step = learner.step(params, std::move(state), input, label);
    state = std::move(step.state);
    for (int64_t p = 0; p < kMembers; ++p) {
      Seen& mine = seen[static_cast<size_t>(p)];
      for (int64_t entry = 0; entry < batch; ++entry) {
        const Numbers got = row(step.prediction, p, entry);
        if (t == 0) {
          for (const double g : got) CHECK(g == got[0]);
          continue;
        }
        const Numbers want = naive(mine, row(input, p, entry));
        for (size_t c = 0; c < want.size(); ++c) {
          const double error = std::fabs(got[c] - want[c]);
          if (!(error <= worst)) worst = error;
        }
      }
      for (int64_t entry = 0; entry < batch; ++entry) {
        mine.inputs.push_back(row(input, p, entry));
        mine.labels.push_back(row(label, p, entry));
      }
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("learners: nearest_neighbour equals plain loops, also when it has to forget") {
  for (const int64_t batch : {1, 3}) {
    for (const int64_t capacity : {4, 100}) {
      CAPTURE(capacity);
      const NearestNeighbourLearner learner(capacity, {kInputs, kClasses}, DType::f64);
      const auto naive = [&](const Seen& seen, const Numbers& input) {
        return naive_nearest(seen, static_cast<size_t>(capacity), input);
      };
      CHECK(worst_error(learner, batch, 20, naive) < 1e-11);
    }
  }
}

TEST_CASE("learners: nearest_neighbour needs members of one age, and room") {
  const NearestNeighbourLearner none(0, {kInputs, kClasses});
  CHECK_THROWS_WITH_AS(
      none.initial_state(ParamSet(none.layout(), none.initial_params({})), member_keys(1, 1), 1),
      "nearest_neighbour: expected a capacity of at least 1, found 0", engine::Error);
  const NearestNeighbourLearner learner(10, {kInputs, kClasses}, DType::f64);
  const ParamSet params(learner.layout(), learner.initial_params({}));
  const LearnerState young = learner.initial_state(params, member_keys(1, 1), 1);
  const LearnerState old =
      learner.step(params, young, values({1, 1, kInputs}, -1, 1, 1), labels(1, 1, kClasses, 2))
          .state;
  CHECK_THROWS_AS(learner.step(params, vsml::side_by_side({young, old}),
                               values({2, 1, kInputs}, -1, 1, 3), labels(2, 1, kClasses, 4)),
                  engine::Error);
}

TEST_CASE("learners: recursive_least_squares is ridge regression on what was seen") {
  for (const int64_t batch : {1, 3}) {
    for (const double ridge : {0.1, 5.0}) {
      CAPTURE(ridge);
      const RecursiveLeastSquaresLearner learner(ridge, {kInputs, kClasses}, DType::f64);
      const auto naive = [&](const Seen& seen, const Numbers& input) {
        return naive_ridge(seen, ridge, input);
      };
      CHECK(worst_error(learner, batch, 25, naive) < 1e-11);
    }
  }
  CHECK_THROWS_AS(RecursiveLeastSquaresLearner(0, {kInputs, kClasses}), engine::Error);
}

TEST_CASE("learners: recursive_least_squares keeps its inverse over 3,000 examples of float32") {
  // Strongly correlated inputs, for which the recursion is known to lose definiteness first; the
  // float64 run is the truth.
  constexpr int64_t kWide = 20;
  std::vector<double> last[2];
  for (const DType dtype : {DType::f32, DType::f64}) {
    const RecursiveLeastSquaresLearner learner(1, {kWide, kClasses}, dtype);
    const ParamSet params(learner.layout(), learner.initial_params({}));
    LearnerState state = learner.initial_state(params, member_keys(1, 1), 1);
    for (uint64_t t = 0; t < 3000; ++t) {
      const Tensor common = values({1, 1, 1}, -2, 2, 9000 + t);
      const Tensor input = values({1, 1, kWide}, -0.05, 0.05, 70 + t) + common;
      LearnerStep step = learner.step(params, std::move(state), cast(input, dtype),
                                      cast(labels(1, 1, kClasses, 300 + t), dtype));
      state = std::move(step.state);
      last[dtype == DType::f64] = cast(step.prediction, DType::f64).to_vector<double>();
    }
    CHECK(min(state.tensors[1] - transpose(state.tensors[1])).item() == 0);
  }
  // Predictions are of size 0.2; a loss of definiteness would throw them anywhere.
  for (size_t c = 0; c < kClasses; ++c) CHECK(std::fabs(last[0][c] - last[1][c]) < 1e-3);
}

TEST_CASE("learners: recursive_least_squares can be differentiated by its ridge") {
  const RecursiveLeastSquaresLearner learner(0.5, {3, 2}, DType::f64);
  const Loss loss = [&](const std::vector<Tensor>& x) {
    const ParamSet params(learner.layout(), x[0]);
    LearnerState state = learner.initial_state(params, member_keys(3, 2), 2);
    Tensor total = Tensor::scalar(0, DType::f64);
    for (uint64_t t = 0; t < 5; ++t) {
      const Tensor label = labels(2, 2, 2, 80 + t);
      LearnerStep step = learner.step(params, state, values({2, 2, 3}, -1.5, 1.5, 70 + t), label);
      total = total + sum(cross_entropy(step.prediction, label));
      state = std::move(step.state);
    }
    return total;
  };
  CHECK(gradient_error(loss, {learner.initial_params({})}) < kGradientBound);
}
