// vsml/tasks/families.h: two families of generated classification tasks, whose every lifetime draws
// a distribution of inputs and labels of its own: material for meta-training with much variety, and
// tasks that are surely unseen.
//
// Inputs are shifted and scaled by one mean and one deviation, those of 256 examples that are drawn
// for that alone, as images are by their training split's. U(a, b) is uniform, L(a, b) uniform in
// the logarithm.
#pragma once

#include <vector>

#include "vsml/tasks/example_stream.h"

namespace vsml {

// y = W2 tanh(W1 u + b1), entries of W1 N(0, gain^2 / columns), of b1 N(0, gain^2), of W2
// N(0, 1 / columns).
class RandomMap {
 public:
  RandomMap() = default;
  RandomMap(int64_t from, int64_t hidden, int64_t to, double gain, engine::RandomStream& draws);
  // u [from], y [to]
  void apply(const std::vector<double>& u, std::vector<double>& y) const;

 private:
  std::vector<double> first_, bias_, second_;  // [hidden, from], [hidden], [to, hidden]
  size_t from_ = 0, hidden_ = 0, to_ = 0;
};

// A mixture of Gaussian clusters in a small space, seen through a random two-layer map.
//   space of n dimensions, n from 2 to 16; each class has 1 to `clusters` clusters, the same number
//   for all, with centres N(0, I) and deviation L(0.15, 1) in every direction; frequencies of the
//   classes exp(N(0, r^2)), r = U(0, 0.7), normalised
//   map with 32 hidden units and gain L(0.3, 3); each output times exp(N(0, r^2)), r = U(0, 1),
//   plus N(0, r^2), r = U(0, 1), the same for all examples, plus noise N(0, r^2) in each, r = U(0,
//   0.7) half of the lifetimes are sparse: an input below a threshold U(-0.5, 1) is the threshold
//   after standardisation times L(0.7, 1.4)
class ClusterStream final : public ExampleStream {
 public:
  ClusterStream(const StreamOptions& options, const engine::RngKey& key);
  int32_t example(int64_t index, float* inputs) const override;

 private:
  int32_t raw_example(engine::RandomStream& draws, std::vector<double>& x) const;

  StreamOptions options_;
  engine::RngKey key_;
  size_t space_ = 0;
  int64_t clusters_ = 0;
  double spread_ = 0, noise_ = 0;
  std::vector<double> cumulative_;  // of the classes' frequencies
  std::vector<double> centres_;     // [C, clusters, space]
  RandomMap map_;
  std::vector<double> gain_, offset_;  // [D]
  bool sparse_ = false;
  double threshold_ = 0;
  double mean_ = 0, scale_ = 1;
};

// Labels given by a random network. u ~ N(0, I) of n = min(D, 32) dimensions; inputs are A u plus
// noise N(0, r^2), r = U(0, 0.3), where column k of A is N(0, k^-a I), a = U(0, 1.5); the label is
// the largest output of a random map of k^(-a/2) u_k with 32 hidden units and gain L(0.3, 2), after
// each output was standardised over 256 examples, so that the classes are about equally frequent.
class TeacherStream final : public ExampleStream {
 public:
  TeacherStream(const StreamOptions& options, const engine::RngKey& key);
  int32_t example(int64_t index, float* inputs) const override;

 private:
  void raw_example(engine::RandomStream& draws, std::vector<double>& x,
                   std::vector<double>& outputs) const;

  StreamOptions options_;
  engine::RngKey key_;
  size_t space_ = 0;
  double noise_ = 0;
  std::vector<double> decay_;   // [space], k^(-a/2)
  std::vector<double> mixing_;  // [D, space]
  RandomMap map_;
  double mean_ = 0, scale_ = 1;
  std::vector<double> output_mean_, output_scale_;  // [C]
};

}  // namespace vsml
