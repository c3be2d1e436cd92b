#include "vsml/tasks/families.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "engine/error.h"
#include "vsml/random_purpose.h"
#include "vsml/tasks/generated.h"

namespace vsml {
namespace {

constexpr int64_t kHidden = 32;
constexpr size_t kMostSpace = 32;
constexpr int kScaleExamples = 256;

double log_uniform(engine::RandomStream& draws, double low, double high) {
  return low * std::exp(std::log(high / low) * draws.uniform());
}

std::vector<double> normals(size_t count, double deviation, engine::RandomStream& draws) {
  std::vector<double> values(count);
  for (double& value : values) value = deviation * draws.normal();
  return values;
}

engine::RandomStream draws_of_example(const engine::RngKey& key, int64_t index) {
  if (index < 0 || index > std::numeric_limits<uint32_t>::max()) {
    throw engine::Error(
        fmt::format("generated task: expected an example from 0 to 2^32 - 1, found {}", index));
  }
  return engine::RandomStream(
      key_for(key, RandomPurpose::GeneratedInputs, static_cast<uint32_t>(index)));
}

// Mean and 1 / deviation of values whose sum, sum of squares and number are given.
struct Scale {
  double mean, factor;
};
Scale scale_of(double sum, double squares, double count) {
  const double mean = sum / count, variance = squares / count - mean * mean;
  return {mean, variance > 0 ? 1 / std::sqrt(variance) : 1};
}

class SumSignStream final : public ExampleStream {
 public:
  SumSignStream(int64_t inputs, const engine::RngKey& key) : inputs_(inputs), key_(key) {}
  int32_t example(int64_t index, float* inputs) const override {
    return sum_sign_example(inputs_, key_, index, inputs);
  }

 private:
  int64_t inputs_;
  engine::RngKey key_;
};

}  // namespace

RandomMap::RandomMap(int64_t from, int64_t hidden, int64_t to, double gain,
                     engine::RandomStream& draws)
    : from_(static_cast<size_t>(from)),
      hidden_(static_cast<size_t>(hidden)),
      to_(static_cast<size_t>(to)) {
  first_ = normals(hidden_ * from_, gain / std::sqrt(static_cast<double>(from)), draws);
  bias_ = normals(hidden_, gain, draws);
  second_ = normals(to_ * hidden_, 1 / std::sqrt(static_cast<double>(hidden)), draws);
}

void RandomMap::apply(const std::vector<double>& u, std::vector<double>& y) const {
  y.assign(to_, 0);
  for (size_t h = 0; h < hidden_; ++h) {
    double sum = bias_[h];
    for (size_t i = 0; i < from_; ++i) sum += first_[h * from_ + i] * u[i];
    const double unit = std::tanh(sum);
    for (size_t o = 0; o < to_; ++o) y[o] += second_[o * hidden_ + h] * unit;
  }
}

ClusterStream::ClusterStream(const StreamOptions& options, const engine::RngKey& key)
    : options_(options), key_(key) {
  engine::RandomStream draws(key_for(key, RandomPurpose::GeneratedFamily));
  const auto inputs = static_cast<size_t>(options.inputs);
  const auto classes = static_cast<size_t>(options.num_classes);
  space_ = static_cast<size_t>(2 + draws.below(15));
  clusters_ = 1 + draws.below(options.clusters);
  spread_ = log_uniform(draws, 0.15, 1);
  const double imbalance = draws.uniform(0, 0.7);
  double total = 0;
  for (size_t c = 0; c < classes; ++c) {
    total += std::exp(imbalance * draws.normal());
    cumulative_.push_back(total);
  }
  centres_ = normals(classes * static_cast<size_t>(clusters_) * space_, 1, draws);
  map_ = RandomMap(static_cast<int64_t>(space_), kHidden, options.inputs,
                   log_uniform(draws, 0.3, 3), draws);
  const double gain_spread = draws.uniform(), offset_spread = draws.uniform();
  for (const double z : normals(inputs, gain_spread, draws)) gain_.push_back(std::exp(z));
  offset_ = normals(inputs, offset_spread, draws);
  noise_ = draws.uniform(0, 0.7);
  sparse_ = draws.below(2) == 1;
  threshold_ = draws.uniform(-0.5, 1);
  const double size = log_uniform(draws, 0.7, 1.4);

  double sum = 0, squares = 0;
  std::vector<double> x;
  for (int k = 0; k < kScaleExamples; ++k) {
    raw_example(draws, x);
    for (const double value : x) {
      sum += value;
      squares += value * value;
    }
  }
  const Scale scale = scale_of(sum, squares, kScaleExamples * static_cast<double>(inputs));
  mean_ = scale.mean;
  scale_ = size * scale.factor;
}

int32_t ClusterStream::raw_example(engine::RandomStream& draws, std::vector<double>& x) const {
  const double place = draws.uniform() * cumulative_.back();
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), place);
  const int64_t label = std::min<int64_t>(found - cumulative_.begin(), options_.num_classes - 1);
  const auto cluster = static_cast<size_t>(label * clusters_ + draws.below(clusters_));
  std::vector<double> u(space_);
  for (size_t k = 0; k < space_; ++k) {
    u[k] = centres_[cluster * space_ + k] + spread_ * draws.normal();
  }
  map_.apply(u, x);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = gain_[i] * x[i] + offset_[i] + noise_ * draws.normal();
    if (sparse_) x[i] = std::max(x[i], threshold_);
  }
  return static_cast<int32_t>(label);
}

int32_t ClusterStream::example(int64_t index, float* inputs) const {
  engine::RandomStream draws = draws_of_example(key_, index);
  std::vector<double> x;
  const int32_t label = raw_example(draws, x);
  for (size_t i = 0; i < x.size(); ++i) inputs[i] = static_cast<float>((x[i] - mean_) * scale_);
  return label;
}

TeacherStream::TeacherStream(const StreamOptions& options, const engine::RngKey& key)
    : options_(options), key_(key) {
  engine::RandomStream draws(key_for(key, RandomPurpose::GeneratedFamily));
  const auto inputs = static_cast<size_t>(options.inputs);
  const auto classes = static_cast<size_t>(options.num_classes);
  space_ = std::min(inputs, kMostSpace);
  const double power = draws.uniform(0, 1.5);
  for (size_t k = 0; k < space_; ++k) {
    decay_.push_back(std::pow(static_cast<double>(k + 1), -power / 2));
  }
  mixing_ = normals(inputs * space_, 1, draws);
  noise_ = draws.uniform(0, 0.3);
  map_ = RandomMap(static_cast<int64_t>(space_), kHidden, options.num_classes,
                   log_uniform(draws, 0.3, 2), draws);

  double sum = 0, squares = 0;
  std::vector<double> output_sum(classes, 0), output_squares(classes, 0), x, outputs;
  for (int k = 0; k < kScaleExamples; ++k) {
    raw_example(draws, x, outputs);
    for (const double value : x) {
      sum += value;
      squares += value * value;
    }
    for (size_t c = 0; c < classes; ++c) {
      output_sum[c] += outputs[c];
      output_squares[c] += outputs[c] * outputs[c];
    }
  }
  const Scale scale = scale_of(sum, squares, kScaleExamples * static_cast<double>(inputs));
  mean_ = scale.mean;
  scale_ = scale.factor;
  for (size_t c = 0; c < classes; ++c) {
    const Scale own = scale_of(output_sum[c], output_squares[c], kScaleExamples);
    output_mean_.push_back(own.mean);
    output_scale_.push_back(own.factor);
  }
}

void TeacherStream::raw_example(engine::RandomStream& draws, std::vector<double>& x,
                                std::vector<double>& outputs) const {
  std::vector<double> u(space_);
  for (size_t k = 0; k < space_; ++k) u[k] = decay_[k] * draws.normal();
  map_.apply(u, outputs);
  x.assign(static_cast<size_t>(options_.inputs), 0);
  for (size_t i = 0; i < x.size(); ++i) {
    for (size_t k = 0; k < space_; ++k) x[i] += mixing_[i * space_ + k] * u[k];
    x[i] += noise_ * draws.normal();
  }
}

int32_t TeacherStream::example(int64_t index, float* inputs) const {
  engine::RandomStream draws = draws_of_example(key_, index);
  std::vector<double> x, outputs;
  raw_example(draws, x, outputs);
  for (size_t i = 0; i < x.size(); ++i) inputs[i] = static_cast<float>((x[i] - mean_) * scale_);
  for (size_t c = 0; c < outputs.size(); ++c) {
    outputs[c] = (outputs[c] - output_mean_[c]) * output_scale_[c];
  }
  return static_cast<int32_t>(std::max_element(outputs.begin(), outputs.end()) - outputs.begin());
}

std::shared_ptr<const ExampleStream> example_stream(const std::string& dataset,
                                                    const StreamOptions& options,
                                                    const engine::RngKey& key) {
  if (std::min({options.inputs, options.num_classes, options.clusters}) < 1) {
    throw engine::Error(fmt::format(
        "{}: expected at least 1 input, class and cluster, found {} inputs, {} classes, {} "
        "clusters",
        engine::printable(dataset), options.inputs, options.num_classes, options.clusters));
  }
  if (dataset == "sum_sign") return std::make_shared<const SumSignStream>(options.inputs, key);
  if (dataset == "clusters") return std::make_shared<const ClusterStream>(options, key);
  if (dataset == "teacher") return std::make_shared<const TeacherStream>(options, key);
  throw engine::Error(
      fmt::format("generated task: expected sum_sign, clusters or teacher, found {}",
                  engine::printable(dataset)));
}

}  // namespace vsml
