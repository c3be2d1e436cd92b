#include "vsml/learners/make_learner.h"

#include "vsml/learners/mlp.h"
#include "vsml/learners/nearest_mean.h"
#include "vsml/learners/nearest_neighbour.h"
#include "vsml/learners/recursive_least_squares.h"
#include "vsml/learners/vsml_learner.h"

namespace vsml {

std::unique_ptr<Learner> make_learner(const LearnerOptions& options, const TaskDims& dims,
                                      engine::DType dtype, engine::Device device) {
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
    case LearnerType::NearestNeighbour:
      return std::make_unique<NearestNeighbourLearner>(options.capacity, dims, dtype, device);
    case LearnerType::RecursiveLeastSquares:
      return std::make_unique<RecursiveLeastSquaresLearner>(options.ridge.at(0), dims, dtype,
                                                            device);
  }
  return nullptr;
}

}  // namespace vsml
