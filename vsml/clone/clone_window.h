// vsml/clone/clone_window.h: single cells run for some examples beside the backpropagation that
// they are to imitate, and the gradients of how far they are from it.
//
// With w the weight of a cell's teacher, x its input and e its error, an example is micro_ticks
// ticks of the forward cell on (x, 1) and as many of the reverse cell on (x, e, 1). The targets:
//   forward message, after the former   y  = tanh(x) w
//   reverse message, after the latter   e' = w e tanh'(x)
//   change of the decoded weight        dw = -teacher_rate tanh(x) e
// and, with several weight units, that S c moves along the encoder alone.
#pragma once

#include <vector>

#include "vsml/clone/clone_batch.h"
#include "vsml/clone/clone_params.h"

namespace vsml {

enum class CloneTarget { Forward, Reverse, Update, Manifold };
inline constexpr int kCloneTargets = 4;

// One relative error of every cell.
struct CloneResidual {
  CloneTarget target;
  int64_t example;            // counted from the first one after the burn-in
  int64_t unit;               // Manifold: the channel of c
  std::vector<double> value;  // [M]  (got - wanted) / size
  std::vector<double> slope;  // [M]  1 / size
};

class CloneWindow {
 public:
  // Runs the cells forward. Keeps references to all its arguments.
  CloneWindow(const CloneOptions& options, const CloneCells& cells, const CloneBatch& batch,
              int64_t micro_ticks, engine::DType dtype);

  const std::vector<CloneResidual>& residuals() const { return residuals_; }

  // The gradient of sum over residuals k and cells m of weights[k][m] value[k][m] by what
  // clone_layout() lists; an empty weights[k] stands for zeros.
  std::vector<double> gradient(const std::vector<std::vector<double>>& weights,
                               const engine::ParamLayout& layout) const;

 private:
  struct Tick {
    bool reverse;
    engine::Tensor heard;  // [M, 2 or 3]
    LoneState before;
  };
  struct Example {
    std::vector<Tick> ticks;
    engine::Tensor h_forward, h_reverse;  // [M, H]  when the messages leave
    engine::Tensor c_start, c_end;
  };
  // What flows backwards from one example's outputs.
  struct Flow {
    std::vector<double> forward, reverse;  // [M]  into the messages; empty: zeros
    std::vector<double> change;            // [M, weight_units]  into S c, + at the end, - before
  };
  struct Backward;

  LoneState encoded(LoneState state) const;
  Example run_example(size_t index, LoneState& state) const;
  void add_residuals(int64_t example, const std::vector<double>& weight);
  void add_flow(const CloneResidual& residual, const std::vector<double>& weights, Flow& flow,
                std::vector<double>& dencoder) const;
  Backward backward(const std::vector<Flow>& flows) const;

  const CloneOptions& options_;
  const CloneCells& cells_;
  const CloneBatch& batch_;
  int64_t micro_ticks_, size_;
  engine::DType dtype_;
  std::vector<Example> examples_;
  std::vector<CloneResidual> residuals_;
};

}  // namespace vsml
