#include "vsml/cell.h"

#include <algorithm>
#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"

namespace vsml {

using engine::DType;
using engine::ParamLayout;
using engine::Shape;
using engine::Tensor;

void add_cell_params(const std::string& prefix, const CellDims& dims, bool layer_norm,
                     ParamLayout& layout) {
  const int64_t hidden = dims.state, message = dims.message;
  layout.add(prefix + ".w", {2 * message + hidden, 4 * hidden});
  layout.add(prefix + ".bias", {4 * hidden});
  for (const char* direction : {"_forward", "_reverse"}) {
    layout.add(prefix + ".m" + direction, {hidden, message});
    layout.add(prefix + ".b" + direction, {message});
    if (!layer_norm) continue;
    layout.add(prefix + ".scale" + direction, {message});
    layout.add(prefix + ".offset" + direction, {message});
  }
}

CellParams cell_params(const engine::ParamSet& params, const std::string& prefix,
                       const CellDims& dims) {
  const int64_t message = dims.message;
  const Tensor w = params[prefix + ".w"];
  CellParams cell;
  cell.w_forward = slice(w, -2, 0, message);
  cell.w_reverse = slice(w, -2, message, 2 * message);
  cell.w_hidden = slice(w, -2, 2 * message, 2 * message + dims.state);
  cell.bias = params[prefix + ".bias"];
  cell.m_forward = params[prefix + ".m_forward"];
  cell.b_forward = params[prefix + ".b_forward"];
  cell.m_reverse = params[prefix + ".m_reverse"];
  cell.b_reverse = params[prefix + ".b_reverse"];
  if (params.layout().contains(prefix + ".scale_forward")) {
    cell.scale_forward = params[prefix + ".scale_forward"];
    cell.offset_forward = params[prefix + ".offset_forward"];
    cell.scale_reverse = params[prefix + ".scale_reverse"];
    cell.offset_reverse = params[prefix + ".offset_reverse"];
  }
  return cell;
}

Tensor initial_cell_params(const ParamLayout& layout, double scale, const engine::RngKey& key,
                           DType dtype) {
  const Tensor draws = engine::truncated_normal({layout.size()}, key, dtype);
  std::vector<Tensor> parts;
  for (const ParamLayout::Entry& entry : layout.entries()) {
    const int64_t size = entry.shape.size();
    if (entry.shape.rank() == 2) {
      const double deviation = scale / std::sqrt(static_cast<double>(entry.shape[0]));
      parts.push_back(slice(draws, 0, entry.offset, entry.offset + size) * deviation);
    } else if (entry.name.ends_with(".write")) {
      const int64_t half = std::max<int64_t>(1, size / 2);
      parts.push_back(pad(slice(draws, 0, entry.offset, entry.offset + half), 0, 0, size - half));
    } else if (entry.name.ends_with(".read")) {
      const Tensor& write = parts.back();
      parts.push_back(write / sum(square(write)));
    } else {
      const bool norm_scale = entry.name.find(".scale_") != std::string::npos;
      parts.push_back(Tensor::full({size}, norm_scale ? 1 : 0, dtype));
    }
  }
  return concat(parts, 0);
}

Tensor gate_offsets(const CellDims& dims, DType dtype, engine::Device device) {
  std::vector<Tensor> parts;
  for (const double offset : {-5.0, 0.0, 5.0, 0.0}) {
    parts.push_back(Tensor::full({dims.state}, offset, dtype, device));
  }
  return concat(parts, 0);
}

Tensor gate_bias(const CellParams& cell) {
  const CellDims dims{cell.w_hidden.dim(-2), cell.m_forward.dim(-1)};
  return cell.bias + gate_offsets(dims, cell.bias.dtype(), cell.bias.device());
}

StateTypes types_of(const CellState& state) {
  return {state.h.dtype(), state.c.dtype()};
}

CellState cast_state(const CellState& state, const StateTypes& types) {
  return {cast(state.h, types.h), cast(state.c, types.c)};
}

CellState cast_state(const CellState& state, DType dtype) {
  return cast_state(state, {dtype, dtype});
}

CellState update_cell(const Tensor& gates, const Tensor& c) {
  const std::vector<Tensor> parts = split(gates, -1, 4);
  const Tensor &input = parts[0], &candidate = parts[1], &forget = parts[2], &output = parts[3];
  CellState next;
  next.c = sigmoid(forget) * c + sigmoid(input) * tanh(candidate);
  next.h = sigmoid(output) * tanh(next.c);
  return next;
}

Tensor project(const Tensor& x, const Tensor& w) {
  if (w.rank() == 2) return matmul(x, w);
  const int64_t members = x.dim(0), k = x.dim(-1);
  const Tensor rows = reshape(x, {members, k == 0 ? 0 : x.size() / (members * k), k});
  return reshape(matmul(rows, w), x.shape().with(-1, w.dim(-1)));
}

Tensor spread(const Tensor& v, int rank) {
  if (v.rank() == 1) return v;
  Shape shape{v.dim(0)};
  while (shape.rank() < rank - 1) shape.push_back(1);
  shape.push_back(v.dim(1));
  return reshape(v, shape);
}

}  // namespace vsml
