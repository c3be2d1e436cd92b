// The keys of `clone` in a spec.
#include "vsml/experiment/spec_fields.h"

namespace vsml {
namespace {

constexpr RealRange kExponent{-30, 30};

}  // namespace

Fields fields_of(CloneData& o) {
  return {
      {"least_weight_exponent", "|w| = |N(0, 1)| 10^u, u uniform from this",
       RealField{&o.least_weight_exponent, kExponent}},
      {"most_weight_exponent", "to this", RealField{&o.most_weight_exponent, kExponent}},
      {"least_error_exponent", "|e| = 10^u, u uniform from this",
       RealField{&o.least_error_exponent, kExponent}},
      {"most_error_exponent", "to this", RealField{&o.most_error_exponent, kExponent}},
      {"zero_error_share", "of the draws: e = 0", RealField{&o.zero_error_share, kFraction}},
      {"uniform_share", "of the draws: x uniform in a range",
       RealField{&o.uniform_share, kFraction}},
      {"least_input", "begin of that range", RealField{&o.least_input, kAnyReal}},
      {"most_input", "end of that range", RealField{&o.most_input, kAnyReal}},
      {"constant_share", "of the draws: x one of the constants",
       RealField{&o.constant_share, kFraction}},
      {"constants", "such values of x; the constant input of a layer is one",
       RealListField{&o.constants, kAnyReal}},
      {"least_deviation", "otherwise x is normal, its deviation uniform from this",
       RealField{&o.least_deviation, kNotNegative}},
      {"most_deviation", "to this", RealField{&o.most_deviation, kNotNegative}},
  };
}

Fields fields_of(ClonePhase& o) {
  return {
      {"steps", "of this phase", IntegerField{&o.steps, kSteps}},
      {"cells", "single cells per step", IntegerField{&o.cells, kMembers}},
      {"loss_floor", "errors much below this are as good as none",
       RealField{&o.loss_floor, kNotNegative}},
      {"forward_loss", "weight of the logarithm of the forward message's mean squared error",
       RealField{&o.forward_loss, kNotNegative}},
      {"reverse_loss", "of the reverse message's", RealField{&o.reverse_loss, kNotNegative}},
      {"update_loss", "of the decoded weight's change's", RealField{&o.update_loss, kNotNegative}},
      {"manifold_loss", "with several weight units, of what moves off the encoder's direction",
       RealField{&o.manifold_loss, kNotNegative}},
      {"learning_rate", "at its highest", RealField{&o.learning_rate, kNotNegative}},
      {"final_learning_rate", "at the end of half a cosine",
       RealField{&o.final_learning_rate, kNotNegative}},
      {"warmup", "steps of linear warm-up", IntegerField{&o.warmup, kStepsOrNone}},
      {"clip_norm", "largest norm of the gradient; 0: no clipping",
       RealField{&o.clip_norm, kNotNegative}},
      {"beta1", "decay of the mean gradient", RealField{&o.beta1, kDecay}},
      {"beta2", "decay of the mean squared gradient", RealField{&o.beta2, kDecay}},
  };
}

Fields fields_of(CloneOptions& o) {
  return {
      {"teacher_rate", "learning rate of the backpropagation that is imitated",
       RealField{&o.teacher_rate, kPositive}},
      {"weight_units", "channels of c that keep the weight, with forget gates of exactly 1",
       IntegerField{&o.weight_units, {1, 1024}}},
      {"weight_scale", "S: c = encoder w / S", RealField{&o.weight_scale, kPositive}},
      {"input_std", "deviation of the messages' initial weights",
       RealField{&o.input_std, kNotNegative}},
      {"recurrent_std", "of the recurrent ones, over the root of state_size",
       RealField{&o.recurrent_std, kNotNegative}},
      {"messenger_std", "of the messengers", RealField{&o.messenger_std, kNotNegative}},
      {"unroll", "examples that one gradient sees", IntegerField{&o.unroll, {1, 1000}}},
      {"burn_in", "examples before them, which leave their traces in h",
       IntegerField{&o.burn_in, {0, 1000}}},
      {"newborn_share", "of the cells: they begin with h = 0 instead",
       RealField{&o.newborn_share, kFraction}},
      {"drift", "deviation of S c off the encoder's direction at the beginning",
       RealField{&o.drift, kNotNegative}},
      {"weight_floor", "errors are relative to |w| + this", RealField{&o.weight_floor, kPositive}},
      {"error_floor", "and to |e| + this", RealField{&o.error_floor, kPositive}},
      {"report_every", "steps between two lines of metrics.jsonl",
       IntegerField{&o.report_every, kSteps}},
      {"data", "what single cells are shown", record("clone_data", o.data)},
      {"phases", "of the schedule, one after another", record_list("clone_phase", o.phases, 1)},
  };
}

}  // namespace vsml
