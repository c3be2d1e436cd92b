#include "vsml/learners/make_learner.h"

#include "vsml/learners/fast_weight_memory.h"
#include "vsml/learners/fitted_learner.h"
#include "vsml/learners/mlp.h"
#include "vsml/learners/nearest_mean.h"
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
  }
  return nullptr;
}

// Of the image that convolutions are said to see.
int64_t pixels(const LearnerOptions& options) {
  int64_t most = 1;
  for (const ConvOptions& conv :
       {options.meta_rnn.conv, options.fast_weights.conv, options.hebbian.conv}) {
    if (conv.channels > 0 && conv.image) most = (*conv.image)[0] * (*conv.image)[1];
  }
  return most;
}

}  // namespace

std::unique_ptr<Learner> make_learner(const LearnerOptions& options, const TaskDims& dims,
                                      engine::DType dtype, engine::Device device) {
  TaskDims sized = dims;
  if (has_task_sizes(options.type)) {
    sized.inputs = options.inputs > 0 ? options.inputs : std::max(dims.inputs, pixels(options));
    if (options.classes > 0) sized.classes = options.classes;
  }
  std::unique_ptr<Learner> learner = make_exactly(options, sized, dtype, device);
  if (sized == dims) return learner;
  return std::make_unique<FittedLearner>(std::move(learner), dims);
}

}  // namespace vsml
