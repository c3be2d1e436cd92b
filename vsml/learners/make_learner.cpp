#include "vsml/learners/make_learner.h"

#include "vsml/learners/fast_weight_memory.h"
#include "vsml/learners/fitted_learner.h"
#include "vsml/learners/mlp.h"
#include "vsml/learners/nearest_mean.h"
#include "vsml/learners/nearest_neighbour.h"
#include "vsml/learners/recursive_least_squares.h"
#include "vsml/learners/vsml_learner.h"

namespace vsml {

namespace {

// For tasks of just this size.
std::unique_ptr<Learner> make_exactly(const LearnerOptions& options, const TaskDims& dims,
                                      engine::DType dtype, engine::Device device) {
  const LearnerSetting setting{dims, options.init.scale, dtype, device};
  switch (options.type) {
    case LearnerType::Vsml:
      return std::make_unique<VsmlLearner>(options.network, options.init, dims, dtype, device);
    case LearnerType::Sgd:
    case LearnerType::Adam:
      return std::make_unique<MlpLearner>(
          options.type == LearnerType::Sgd ? MlpRule::Sgd : MlpRule::Adam, options.mlp,
          options.mlp.learning_rate.at(0), dims, dtype, device);
    case LearnerType::NearestMean:
      return std::make_unique<NearestMeanLearner>(dims, dtype, device);
    case LearnerType::MetaRnn:
      return std::make_unique<MetaRnnLearner>(options.meta_rnn, setting);
    case LearnerType::FastWeights:
      if (options.fast_weights.form == FastWeightsForm::Memory) {
        return std::make_unique<FastWeightMemoryLearner>(options.fast_weights, setting);
      }
      return std::make_unique<FastWeightsLearner>(options.fast_weights, setting);
    case LearnerType::Hebbian:
      return std::make_unique<HebbianLearner>(options.hebbian, setting);
    case LearnerType::Hypernetwork:
      return std::make_unique<HypernetworkLearner>(options.hypernetwork, setting);
    case LearnerType::LearnedRule:
      return std::make_unique<LearnedRuleLearner>(options.learned_rule, setting);
    case LearnerType::NearestNeighbour:
      return std::make_unique<NearestNeighbourLearner>(options.capacity, dims, dtype, device);
    case LearnerType::RecursiveLeastSquares:
      return std::make_unique<RecursiveLeastSquaresLearner>(options.ridge.at(0), dims, dtype,
                                                            device);
  }
  return nullptr;
}

// The options with these hidden layers in the place of their own dense ones.
LearnerOptions with_hidden(LearnerOptions options, const std::vector<int64_t>& widths) {
  options.mlp.hidden = options.learned_rule.hidden = widths;
  std::vector<LayerOptions>& layers = options.network.layers;
  const LayerOptions last = layers.back();
  std::erase_if(layers, [](const LayerOptions& layer) { return layer.type == LayerType::Dense; });
  for (const int64_t width : widths) {
    layers.push_back(last);
    layers.back().outputs = width;
  }
  layers.push_back(last);
  return options;
}

}  // namespace

std::unique_ptr<Learner> make_learner(const LearnerOptions& options, const TaskDims& dims,
                                      engine::DType dtype, engine::Device device) {
  TaskDims sized = dims;
  if (has_task_sizes(options.type)) {
    if (options.inputs > 0) sized.inputs = options.inputs;
    if (options.classes > 0) sized.classes = options.classes;
  }
  std::unique_ptr<Learner> learner =
      dims.hidden.empty() ? make_exactly(options, sized, dtype, device)
                          : make_exactly(with_hidden(options, dims.hidden), sized, dtype, device);
  if (sized == dims) return learner;
  return std::make_unique<FittedLearner>(std::move(learner), dims);
}

const ConvOptions* conv_of(const LearnerOptions& options) {
  const ConvOptions* conv = nullptr;
  switch (options.type) {
    case LearnerType::Sgd:
    case LearnerType::Adam:
      conv = &options.mlp.conv;
      break;
    case LearnerType::MetaRnn:
      conv = &options.meta_rnn.conv;
      break;
    case LearnerType::FastWeights:
      conv = &options.fast_weights.conv;
      break;
    case LearnerType::Hebbian:
      conv = &options.hebbian.conv;
      break;
    default:
      break;
  }
  return conv != nullptr && conv->channels > 0 ? conv : nullptr;
}

}  // namespace vsml
