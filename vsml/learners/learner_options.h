// vsml/learners/learner_options.h: which learner, with which options. Plain data, as in a spec.
#pragma once

#include <string>
#include <vector>

#include "vsml/backprop.h"
#include "vsml/network_options.h"

namespace vsml {

enum class LearnerType { Vsml, Sgd, Adam, NearestMean, NearestNeighbour, RecursiveLeastSquares };

// Where a learner's parameters come from. Untrained is Random said on purpose, for a meta-test;
// Backprop writes backpropagation down.
enum class InitType { Random, Untrained, File, Backprop };

struct InitOptions {
  InitType type = InitType::Random;
  double scale = 1;  // Random, Untrained: factor on the standard deviation of the weights
  std::string path;  // File: a trained algorithm (safetensors)
  BackpropOptions backprop = {};

  friend bool operator==(const InitOptions&, const InitOptions&) = default;
};

enum class InputActivation { None, Tanh };

// The online multi-layer perceptron of the sgd and adam baselines.
struct MlpOptions {
  std::vector<int64_t> hidden;  // widths of the tanh hidden layers
  InputActivation input_activation = InputActivation::None;
  std::vector<double> learning_rate{0.01};            // more than one: a grid, the best is reported
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  // adam only
  OutputLoss loss = OutputLoss::CrossEntropy;

  friend bool operator==(const MlpOptions&, const MlpOptions&) = default;
};

struct LearnerOptions {
  LearnerType type = LearnerType::Vsml;
  std::string name;        // in tables; empty: the type
  NetworkOptions network;  // Vsml
  InitOptions init;        // Vsml
  MlpOptions mlp;          // Sgd, Adam
  int64_t capacity = 0;    // NearestNeighbour: examples kept; 0: all those of a meta-test's episode
  std::vector<double> ridge{1};  // RecursiveLeastSquares; more than one: a grid

  friend bool operator==(const LearnerOptions&, const LearnerOptions&) = default;
};

}  // namespace vsml
