// vsml/learners/learner_options.h: which learner, with which options. Plain data, as in a spec.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vsml/backprop.h"
#include "vsml/learners/fast_weights.h"
#include "vsml/learners/hebbian.h"
#include "vsml/learners/hypernetwork.h"
#include "vsml/learners/learned_rule.h"
#include "vsml/learners/meta_rnn.h"
#include "vsml/network_options.h"

namespace vsml {

enum class LearnerType {
  Vsml,
  Sgd,
  Adam,
  NearestMean,
  NearestNeighbour,
  RecursiveLeastSquares,
  MetaRnn,  // this and the following are meta-trained
  FastWeights,
  Hebbian,
  Hypernetwork,
  LearnedRule
};

// Whether its parameters are meta-trained and come from `init`; the others are baselines.
constexpr bool is_meta_trained(LearnerType type) {
  return type == LearnerType::Vsml || type >= LearnerType::MetaRnn;
}

// Whether its parameters have the task's sizes; those of the others fit tasks of every size.
constexpr bool has_task_sizes(LearnerType type) {
  return type >= LearnerType::MetaRnn && type != LearnerType::LearnedRule;
}

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
  double output_bound = 0;  // prediction = bound tanh(y / bound); 0: y
  ConvOptions conv;

  friend bool operator==(const MlpOptions&, const MlpOptions&) = default;
};

struct LearnerOptions {
  LearnerType type = LearnerType::Vsml;
  std::string name;        // in tables; empty: the type
  NetworkOptions network;  // Vsml
  InitOptions init;        // where is_meta_trained
  MlpOptions mlp;          // Sgd, Adam
  MetaRnnOptions meta_rnn;
  FastWeightsOptions fast_weights;
  HebbianOptions hebbian;
  HypernetworkOptions hypernetwork;
  LearnedRuleOptions learned_rule;
  // Where has_task_sizes: inputs and classes that the parameters are for; smaller tasks are filled
  // up with zeros (fitted_learner.h). 0: the task's.
  int64_t inputs = 0, classes = 0;
  // Vsml with convolutions and init Backprop: the images whose number of positions the learning
  // rates are for. None: the smallest that fit.
  std::optional<ImageShape> image = {};
  int64_t capacity = 0;  // NearestNeighbour: examples kept; 0: all those of a meta-test's episode
  std::vector<double> ridge{1};  // RecursiveLeastSquares; more than one: a grid

  friend bool operator==(const LearnerOptions&, const LearnerOptions&) = default;
};

}  // namespace vsml
