// vsml/meta/es.h: the meta-gradient by antithetic evolution strategies (Salimans et al. 2017).
//
// Pair k perturbs the parameters by +-noise_std eps_k, eps_k ~ N(0, I), and runs both on the same
// lifetime. Workers hand back fitness only, two numbers per pair; the noise is drawn again from its
// key when the gradient is put together, in the order of the pairs.
#pragma once

#include "vsml/meta/meta_options.h"
#include "vsml/meta/population.h"

namespace vsml {

struct PairLoss {
  double plus = 0;     // mean cross entropy with +noise
  double minus = 0;    // and with -noise
  double correct = 0;  // fraction of right predictions, averaged over both
};

// Perturbation of pair `pair` in meta-training step `step`, [n].
engine::Tensor pair_noise(uint64_t seed, int64_t step, int64_t pair, int64_t size,
                          engine::DType dtype, engine::Device device);

// How many lanes are taken through their episode together: as many as have their states in a core's
// cache from beginning to end.
int64_t es_lanes_together(const Learner& learner, int64_t batch);

// Losses of pairs [first, last) of meta-training step `step`, each over a fresh lifetime of
// options.episode_length steps, with parameters of its own.
std::vector<PairLoss> es_losses(const LearnerSource& learners, const TaskMixture& tasks,
                                const engine::ParamSet& params, const MetaOptions& options,
                                uint64_t seed, int64_t step, int64_t first, int64_t last);

// Gradient of the expected loss, flat [n]:
//   1 / (2 noise_std N) sum_k (loss_k+ - loss_k-) eps_k
// With standardize_fitness the 2 N losses are first shifted and scaled to mean 0, deviation 1.
engine::Tensor es_gradient(const std::vector<PairLoss>& losses, const engine::ParamSet& params,
                           const MetaOptions& options, uint64_t seed, int64_t step);

}  // namespace vsml
