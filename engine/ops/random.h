// engine/ops/random.h: tensors of random numbers, pure functions of a key (engine/rng.h). Element
// i, in row-major order, is number i of the key's stream: the same bits on every device and for any
// number of threads. Drawn in float precision also for f64. Throws DTypeError for i32.
#pragma once

#include "engine/rng.h"
#include "engine/tensor.h"

namespace engine {

// Uniform in [0, 1).
Tensor uniform(const Shape& shape, const RngKey& key, DType dtype = DType::f32, Device device = {});
// Standard normal.
Tensor normal(const Shape& shape, const RngKey& key, DType dtype = DType::f32, Device device = {});
// Standard normal restricted to [-2, 2].
Tensor truncated_normal(const Shape& shape, const RngKey& key, DType dtype = DType::f32,
                        Device device = {});
// The same into `out`, of any strides, a part of new storage that nobody has read yet: what is
// drawn piece by piece needs no second copy. Element i is `scale` times number first + i of the
// stream; in bf16 that of f32, rounded.
void draw_truncated_normal(const Tensor& out, const RngKey& key, int64_t first, double scale);
// A uniformly drawn order of 0 .. n-1, i32 [n].
Tensor permutation(int64_t n, const RngKey& key, Device device = {});

}  // namespace engine
