// vsml/meta/es.h: the meta-gradient by antithetic evolution strategies (Salimans et al. 2017), and
// by persistent evolution strategies (Vicol, Metz & Sohl-Dickstein 2021).
//
// Pair k perturbs the parameters by +-noise_std scale eps_k, eps_k ~ N(0, I), and runs both on the
// same lifetime. Workers hand back fitness only, two numbers per pair; the noise is drawn again
// from its key when the gradient is put together, in the order of the pairs.
//
// With carry a pair's two learners go on, each with its own state, into the next step, where the
// parameters are perturbed anew. Their states then depend on all perturbations since they were
// born. es correlates the losses with the newest of them alone, and so is blind to what parameters
// do to later unrolls; pes correlates them with the sum of all, which makes the estimate of the
// gradient of a lifetime's loss unbiased, however short the unrolls.
#pragma once

#include <array>
#include <vector>

#include "vsml/meta/meta_options.h"
#include "vsml/meta/population.h"

namespace vsml {

// What the perturbations of one meta-training step follow from.
struct EsStep {
  const MetaOptions& options;
  uint64_t seed = 0;
  int64_t step = 0;
  engine::Tensor scale = {};  // [n], with step_scale initial; undefined: 1
};

struct PairLoss {
  double plus = 0;     // mean cross entropy with +noise, of a task with shots over its queries
  double minus = 0;    // and with -noise
  double correct = 0;  // fraction of right predictions, averaged over both
};

// eps of pair `pair` in meta-training step `step`, [n].
engine::Tensor pair_noise(uint64_t seed, int64_t step, int64_t pair, int64_t size,
                          engine::DType dtype, engine::Device device);

// How many lanes are taken through their episode together: as many as have their states in a core's
// cache from beginning to end; on a GPU, which wants more work than one has, all.
int64_t es_lanes_together(const Learner& learner, int64_t batch, engine::Device device);
// The parameters of a pair's two learners, flat + noise_std scale eps and flat - noise_std scale
// eps.
std::array<engine::ParamSet, 2> perturbed_pair(const engine::ParamSet& params, const EsStep& es,
                                               int64_t pair);

// Takes pairs first, first + 1, ... through `steps` further steps of
// their lifetimes: `lanes` in the order +, -, +, -, ..., each with parameters of its own. Their
// states and ages move on; lanes without a state begin, and get none back.
std::vector<PairLoss> es_unroll(const LearnerSource& learners, const engine::ParamSet& params,
                                const EsStep& es, int64_t first, std::vector<Lane>& lanes,
                                int64_t steps);

// Losses of pairs [first, last), each over a fresh lifetime of options.episode_length steps.
std::vector<PairLoss> es_losses(const LearnerSource& learners, const TaskMixture& tasks,
                                const engine::ParamSet& params, const EsStep& es, int64_t first,
                                int64_t last);

// What each pair's losses are multiplied with its noise by:
//   (loss_k+ - loss_k-) / (2 noise_std N)
// With standardize_fitness the 2 N losses are first shifted and scaled to mean 0, deviation 1; the
// gradient then is one up to a factor, which is another one in each step.
std::vector<double> pair_weights(const std::vector<PairLoss>& losses, const MetaOptions& options);

// Gradient of the expected loss, flat [n]: sum_k weight_k eps_k / scale.
engine::Tensor es_gradient(const std::vector<PairLoss>& losses, const engine::ParamSet& params,
                           const EsStep& es);

// The same for pes: sum_k weight_k xi_k / scale, where xi_k is eps_k plus row k of `noise` [N, n],
// the sum of the pair's perturbations in its lifetime's earlier steps. The xi_k replace `noise`.
engine::Tensor pes_gradient(const std::vector<PairLoss>& losses, const engine::ParamSet& params,
                            const EsStep& es, engine::Tensor& noise);

}  // namespace vsml
