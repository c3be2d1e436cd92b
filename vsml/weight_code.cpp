#include "vsml/weight_code.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"

namespace vsml {

using engine::Shape;
using engine::Tensor;

void add_weight_code(const std::string& prefix, const CellDims& dims, engine::ParamLayout& layout) {
  layout.add(prefix + ".write", {dims.state});
  layout.add(prefix + ".read", {dims.state});
}

WeightCode weight_code(const engine::ParamSet& params, const std::string& prefix) {
  return {params[prefix + ".write"], params[prefix + ".read"]};
}

Tensor decode_weights(const WeightCode& code, const CellState& state) {
  return sum(cast(state.c, code.read.dtype()) * spread(code.read, state.c.rank()), {-1});
}

CellState encode_weights(const WeightCode& code, const Tensor& weights, int64_t batch) {
  const int64_t hidden = code.write.dim(-1);
  const Shape grid{weights.dim(0), batch, weights.dim(1), weights.dim(2), hidden};
  const Tensor c = expand(expand(weights, 1), -1) * spread(code.write, 5);  // [P, 1, I, O, H]
  return {Tensor::zeros(grid, c.dtype(), c.device()), broadcast_to(c, grid).contiguous()};
}

}  // namespace vsml
