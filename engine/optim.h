// engine/optim.h: optimisers of a flat parameter vector.
//
// State is a value that a checkpoint can hold; an update takes the old parameters and state and
// returns new ones. Nothing here records on a tape.
#pragma once

#include "engine/tensor.h"

namespace engine {

// params - learning_rate * gradient. Throws ShapeError unless the shapes agree.
Tensor sgd_update(const Tensor& params, const Tensor& gradient, double learning_rate);

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

struct AdamState {
  Tensor mean;         // running mean of the gradient; empty before the first update
  Tensor mean_square;  // running mean of its square
  int64_t updates = 0;
};

struct AdamResult {
  Tensor params;
  AdamState state;
};

// Adam (Kingma & Ba 2015, algorithm 1): with m and v the bias-corrected running means,
// params - learning_rate m / (sqrt(v) + epsilon). Throws ShapeError unless the shapes agree.
AdamResult adam_update(const Tensor& params, const Tensor& gradient, const AdamState& state,
                       double learning_rate, const AdamOptions& options = {});

// Euclidean norm of all elements, in double.
double global_norm(const Tensor& gradient);
// gradient * min(1, max_norm / norm); unchanged if max_norm is 0 (no clipping).
Tensor clip_by_global_norm(const Tensor& gradient, double max_norm);

// Factors on the learning rate for update `step` of `steps` (counted from 0).
// Linear warm-up: (step + 1) / warmup until it reaches 1; 1 if warmup is 0.
double linear_warmup(int64_t step, int64_t warmup);
// Half a cosine from 1 down to `final_factor`.
double cosine_decay(int64_t step, int64_t steps, double final_factor);

}  // namespace engine
