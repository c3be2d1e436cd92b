// vsml/clone/clone_trainer.h: cloning, one step at a time. Everything that changes is in
// CloneState, a value that a checkpoint holds.
//
// The loss is the sum over targets k of weight_k log(L_k + loss_floor^2), L_k the mean squared
// relative error: a target's scale has no influence, and it is improved by a share and not by an
// amount. Adam follows its gradient on batches of drawn cells.
#pragma once

#include <array>
#include <cstdint>

#include "engine/optim.h"
#include "vsml/clone/clone_window.h"

namespace vsml {

struct CloneState {
  int64_t step = 0;
  engine::Tensor params;   // flat [n], clone_layout()
  engine::AdamState adam;  // of the present phase
};

struct CloneReport {
  double loss = 0;
  std::array<double, kCloneTargets> error{};  // root of L_k; 0 for a target that there is not
  double gradient_norm = 0;                   // before clipping
  double learning_rate = 0;
};

class CloneTrainer {
 public:
  // Keeps a reference to the options.
  CloneTrainer(const CloneOptions& options, int64_t state_size, int64_t micro_ticks, uint64_t seed,
               engine::DType dtype = engine::DType::f32);

  const engine::ParamLayout& layout() const { return layout_; }
  // Of all phases.
  int64_t steps() const;
  CloneState initial_state() const;
  // Replaces the state when the step is complete; throws DivergedError, leaving it as it was, if a
  // number is not finite.
  CloneReport step(CloneState& state) const;

  // The loss and its gradient on batch number `batch` of a step.
  double loss(const ClonePhase& phase, const engine::Tensor& params, int64_t step,
              int64_t batch) const;
  CloneReport gradient(const ClonePhase& phase, const engine::Tensor& params, int64_t step,
                       std::vector<double>& gradient) const;

  // Bytes that a step needs at most; by arithmetic.
  double predicted_bytes() const;

 private:
  struct Place {
    const ClonePhase* phase;
    int64_t step;  // of the phase
  };
  Place place_of(int64_t step) const;
  static CloneReport report_of(const ClonePhase& phase, const CloneWindow& window);
  static double share(const ClonePhase& phase, const CloneReport& report, CloneTarget target);

  const CloneOptions& options_;
  int64_t state_size_, micro_ticks_;
  uint64_t seed_;
  engine::DType dtype_;
  engine::ParamLayout layout_;
};

}  // namespace vsml
