// The baselines against plain loops over doubles: sgd, adam, nearest_mean.
#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/learners/mlp.h"
#include "vsml/learners/nearest_mean.h"

using engine::DType;
using engine::ParamSet;
using engine::Tensor;
using vsml::InputActivation;
using vsml::LearnerState;
using vsml::LearnerStep;
using vsml::MlpLearner;
using vsml::MlpOptions;
using vsml::MlpRule;
using vsml::NearestMeanLearner;
using namespace vsml::test;

namespace {

using Numbers = std::vector<double>;
using Matrix = std::vector<Numbers>;

Matrix matrix(const Tensor& x) {
  const Numbers all = x.to_vector<double>();
  const auto columns = static_cast<std::ptrdiff_t>(x.dim(-1));
  Matrix rows;
  for (auto row = all.begin(); row != all.end(); row += columns) {
    rows.emplace_back(row, row + columns);
  }
  return rows;
}

Tensor member(const Tensor& x, int64_t p) {
  return slice(x, 0, p, p + 1);
}

// One number of the network with what adam remembers of it.
struct Weight {
  double value = 0, mean = 0, square = 0;
};

struct NaiveMlp {
  MlpRule rule;
  MlpOptions options;
  double rate;
  std::vector<std::vector<std::vector<Weight>>> w;  // [layer][input][output]
  std::vector<std::vector<Weight>> b;               // [layer][output]
  int updates = 0;

  void update(Weight& weight, double gradient) const {
    if (rule == MlpRule::Sgd) {
      weight.value -= rate * gradient;
      return;
    }
    weight.mean = options.beta1 * weight.mean + (1 - options.beta1) * gradient;
    weight.square = options.beta2 * weight.square + (1 - options.beta2) * gradient * gradient;
    const double mean = weight.mean / (1 - std::pow(options.beta1, updates));
    const double square = weight.square / (1 - std::pow(options.beta2, updates));
    weight.value -= rate * mean / (std::sqrt(square) + options.epsilon);
  }

  Matrix step(const Matrix& inputs, const Matrix& labels);
};

Matrix NaiveMlp::step(const Matrix& inputs, const Matrix& labels) {
  std::vector<Matrix> a{inputs};  // [layer][entry][neuron]
  if (options.input_activation == InputActivation::Tanh) {
    for (Numbers& row : a[0]) {
      for (double& x : row) x = std::tanh(x);
    }
  }
  for (size_t k = 0; k < w.size(); ++k) {
    Matrix y;
    for (const Numbers& below : a[k]) {
      Numbers row;
      for (size_t o = 0; o < b[k].size(); ++o) {
        double sum = b[k][o].value;
        for (size_t i = 0; i < below.size(); ++i) sum += below[i] * w[k][i][o].value;
        row.push_back(k + 1 < w.size() ? std::tanh(sum) : sum);
      }
      y.push_back(row);
    }
    a.push_back(y);
  }
  Matrix d = a.back();
  for (size_t e = 0; e < d.size(); ++e) {
    double total = 0;
    for (const double y : a.back()[e]) total += std::exp(y);
    for (size_t o = 0; o < d[e].size(); ++o) {
      d[e][o] = (std::exp(a.back()[e][o]) / total - labels[e][o]) / static_cast<double>(d.size());
    }
  }
  ++updates;
  for (size_t k = w.size(); k-- > 0;) {
    Matrix below = a[k];
    for (size_t e = 0; e < below.size(); ++e) {
      for (size_t i = 0; i < below[e].size(); ++i) {
        double sum = 0;
        for (size_t o = 0; o < d[e].size(); ++o) sum += d[e][o] * w[k][i][o].value;
        below[e][i] = sum * (1 - a[k][e][i] * a[k][e][i]);
      }
    }
    for (size_t o = 0; o < b[k].size(); ++o) {
      double bias_gradient = 0;
      for (const Numbers& row : d) bias_gradient += row[o];
      update(b[k][o], bias_gradient);
      for (size_t i = 0; i < w[k].size(); ++i) {
        double gradient = 0;
        for (size_t e = 0; e < d.size(); ++e) gradient += a[k][e][i] * d[e][o];
        update(w[k][i][o], gradient);
      }
    }
    d = below;
  }
  return a.back();
}

NaiveMlp naive_mlp(MlpRule rule, const MlpOptions& options, double rate, const LearnerState& state,
                   int64_t p) {
  NaiveMlp naive{rule, options, rate, {}, {}, 0};
  for (size_t k = 0; k <= options.hidden.size(); ++k) {
    std::vector<std::vector<Weight>> w;
    for (const Numbers& row : matrix(member(state.tensors[2 * k], p))) {
      std::vector<Weight> weights;
      for (const double value : row) weights.push_back({value, 0, 0});
      w.push_back(weights);
    }
    naive.w.push_back(w);
    std::vector<Weight> b;
    for (const double value : member(state.tensors[2 * k + 1], p).to_vector<double>()) {
      b.push_back({value, 0, 0});
    }
    naive.b.push_back(b);
  }
  return naive;
}

double difference(const Matrix& got, const Matrix& want) {
  double most = 0;
  for (size_t r = 0; r < want.size(); ++r) {
    for (size_t c = 0; c < want[r].size(); ++c) {
      const double error = std::fabs(got[r][c] - want[r][c]);
      if (!(error <= most)) most = error;
    }
  }
  return got.size() == want.size() ? most : std::numeric_limits<double>::infinity();
}

void check_mlp(MlpRule rule, const MlpOptions& options, int64_t batch) {
  const MlpLearner learner(rule, options, 0.05, {4, 3}, DType::f64);
  const ParamSet params(learner.layout(), learner.initial_params({}));
  LearnerState state = learner.initial_state(params, member_keys(3, 2), batch);
  std::vector<NaiveMlp> naive;
  for (int64_t p = 0; p < 2; ++p) naive.push_back(naive_mlp(rule, options, 0.05, state, p));
  for (uint64_t t = 0; t < 20; ++t) {
    const Tensor input = values({2, batch, 4}, -1.5, 1.5, 70 + t);
    const Tensor label = labels(2, batch, 3, 200 + t);
    LearnerStep step = learner.step(params, std::move(state), input, label);
    state = std::move(step.state);
    for (int64_t p = 0; p < 2; ++p) {
      const Matrix want =
          naive[static_cast<size_t>(p)].step(matrix(member(input, p)), matrix(member(label, p)));
      CHECK(difference(matrix(member(step.prediction, p)), want) < 1e-11);
    }
  }
  CHECK(std::fabs(member(state.tensors[0], 1).to_vector<double>()[0] - naive[1].w[0][0][0].value) <
        1e-12);
}

// Loss of five examples as a function of the logarithm of the learning rate and the first weights.
double mlp_gradient_error(MlpRule rule, const MlpOptions& options, bool zero_input) {
  const MlpLearner learner(rule, options, 0.05, {3, 2}, DType::f64);
  const Tensor start = learner.initial_params({});
  const LearnerState born =
      learner.initial_state(ParamSet(learner.layout(), start), member_keys(3, 2), 2);
  const Loss loss = [&](const std::vector<Tensor>& x) {
    LearnerState state = born;
    state.tensors[0] = x[1];
    Tensor total = Tensor::scalar(0, DType::f64);
    for (uint64_t t = 0; t < 5; ++t) {
      Tensor input = values({2, 2, 3}, -1.5, 1.5, 70 + t);
      if (zero_input) input = pad(slice(input, -1, 0, 2), -1, 0, 1);
      const Tensor label = labels(2, 2, 2, 80 + t);
      LearnerStep step = learner.step(ParamSet(learner.layout(), x[0]), state, input, label);
      total = total + sum(cross_entropy(step.prediction, label));
      state = std::move(step.state);
    }
    return total;
  };
  return gradient_error(loss, {start, born.tensors[0]});
}

// The prediction for one input from everything that was seen before.
Numbers naive_nearest_mean(const Matrix& seen, const std::vector<size_t>& classes,
                           const Numbers& input, size_t num_classes) {
  Numbers prediction(num_classes, -std::numeric_limits<double>::infinity());
  double smallest = 0;
  bool any = false;
  for (size_t c = 0; c < num_classes; ++c) {
    Numbers mean(input.size(), 0);
    double count = 0;
    for (size_t k = 0; k < seen.size(); ++k) {
      if (classes[k] != c) continue;
      ++count;
      for (size_t i = 0; i < mean.size(); ++i) mean[i] += seen[k][i];
    }
    if (count == 0) continue;
    double squares = 0;
    for (size_t i = 0; i < mean.size(); ++i) {
      squares += (input[i] - mean[i] / count) * (input[i] - mean[i] / count);
    }
    prediction[c] = -squares / 2;
    smallest = any ? std::min(smallest, prediction[c]) : prediction[c];
    any = true;
  }
  for (double& p : prediction) {
    if (!std::isfinite(p)) p = smallest - 1;
  }
  return prediction;
}

}  // namespace

TEST_CASE("learners: sgd and adam equal plain loops") {
  for (const MlpRule rule : {MlpRule::Sgd, MlpRule::Adam}) {
    for (const auto& hidden : {std::vector<int64_t>{}, {5}, {4, 3}}) {
      for (const InputActivation activation : {InputActivation::None, InputActivation::Tanh}) {
        for (const int64_t batch : {1, 3}) {
          MlpOptions options;
          options.hidden = hidden;
          options.input_activation = activation;
          options.beta1 = 0.8;
          options.beta2 = 0.97;
          options.epsilon = 1e-3;
          CAPTURE(hidden.size());
          check_mlp(rule, options, batch);
        }
      }
    }
  }
}

TEST_CASE("learners: sgd and adam start with weights of deviation 1 / sqrt(fan-in), biases 0") {
  MlpOptions options;
  options.hidden = {100};
  const MlpLearner learner(MlpRule::Adam, options, 0.05, {64, 50}, DType::f64);
  const ParamSet params(learner.layout(), learner.initial_params({}));
  CHECK(params["log_learning_rate"].item() == doctest::Approx(std::log(0.05)).epsilon(1e-14));
  const LearnerState state = learner.initial_state(params, member_keys(3, 1), 1);
  for (const auto& [tensor, fan_in] : {std::pair<size_t, double>{0, 64}, {2, 100}}) {
    const Tensor& w = state.tensors[tensor];
    // five deviations of the estimate of the variance
    const double bound = 5 * std::sqrt(2 / static_cast<double>(w.size()));
    CHECK(std::fabs(mean(square(w)).item() * fan_in - 1) < bound);
  }
  for (size_t k = 1; k < state.tensors.size(); ++k) {
    if (k != 2) CHECK(max(abs(state.tensors[k])).item() == 0);
  }
}

TEST_CASE("learners: sgd and adam can be differentiated by their learning rate") {
  for (const MlpRule rule : {MlpRule::Sgd, MlpRule::Adam}) {
    for (const auto& hidden : {std::vector<int64_t>{}, {3}}) {
      MlpOptions options;
      options.hidden = hidden;
      options.epsilon = 1e-2;
      CHECK(mlp_gradient_error(rule, options, false) < kGradientBound);
    }
  }
}

TEST_CASE("learners: an input that is always 0 does not spoil the gradient") {
  for (const MlpRule rule : {MlpRule::Sgd, MlpRule::Adam}) {
    MlpOptions options;
    options.epsilon = 1e-2;
    CHECK(mlp_gradient_error(rule, options, true) < kGradientBound);
  }
}

TEST_CASE("learners: nearest_mean equals plain loops, classes not seen yet included") {
  constexpr int64_t kMembers = 2, kInputs = 4, kClasses = 5;
  for (const int64_t batch : {1, 3}) {
    const NearestMeanLearner learner({kInputs, kClasses}, DType::f64);
    const ParamSet params(learner.layout(), learner.initial_params({}));
    LearnerState state = learner.initial_state(params, member_keys(1, kMembers), batch);
    std::vector<Matrix> seen(kMembers);
    std::vector<std::vector<size_t>> classes(kMembers);
    for (uint64_t t = 0; t < 15; ++t) {
      const Tensor input = values({kMembers, batch, kInputs}, -1.5, 1.5, 70 + t);
      const Tensor label = labels(kMembers, batch, kClasses, 300 + t);
      LearnerStep step = learner.step(params, std::move(state), input, label);
      state = std::move(step.state);
      for (size_t p = 0; p < kMembers; ++p) {
        const auto place = static_cast<int64_t>(p);
        const Matrix x = matrix(member(input, place)), y = matrix(member(label, place));
        Matrix want;
        for (const Numbers& row : x) {
          want.push_back(naive_nearest_mean(seen[p], classes[p], row, kClasses));
        }
        // Before anything is seen all classes are alike, whatever their number.
        if (t > 0) {
          CHECK(difference(matrix(member(step.prediction, place)), want) < 1e-11);
        } else {
          for (const Numbers& row : matrix(member(step.prediction, place))) {
            for (const double p0 : row) CHECK(p0 == row[0]);
          }
        }
        for (size_t e = 0; e < x.size(); ++e) {
          seen[p].push_back(x[e]);
          classes[p].push_back(
              static_cast<size_t>(std::find(y[e].begin(), y[e].end(), 1.0) - y[e].begin()));
        }
      }
    }
  }
}
