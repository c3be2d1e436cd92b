// vsml/cell.h: the tiny LSTM that every weight of a VSML network is replaced by.
//
// All cells share one set of parameters. A cell hears a forward message from its input neuron and a
// reverse message from its output neuron, and answers with a message in each direction (Kirsch &
// Schmidhuber 2021, section 3). The order of the gates is input, candidate, forget, output.
//
// A CellParams holds views of a flat parameter vector. Each tensor may have a leading axis P: one
// set of parameters per population member, as evolution strategies need.
#pragma once

#include <string>
#include <vector>

#include "engine/params.h"
#include "engine/rng.h"
#include "engine/tensor.h"
#include "vsml/dims.h"

namespace vsml {

struct CellParams {
  engine::Tensor w_forward;  // [F, 4H]  gates from the forward message
  engine::Tensor w_reverse;  // [R, 4H]  gates from the reverse message
  engine::Tensor w_hidden;   // [H, 4H]  gates from the cell's own h
  engine::Tensor bias;       // [4H]     without the constant +5 (forget) and -5 (input)

  engine::Tensor m_forward, b_forward;  // [H, F], [F]  messenger of the forward direction
  engine::Tensor m_reverse, b_reverse;  // [H, R], [R]  messenger of the reverse direction

  // Scale and offset of the layer norm on messages; empty without it.
  engine::Tensor scale_forward, offset_forward;  // [F]
  engine::Tensor scale_reverse, offset_reverse;  // [R]

  bool layer_norm() const { return scale_forward.defined(); }
};

// Between ticks h, or both, may be kept in bf16; what ticks compute with is the type of the
// messages.
struct CellState {
  engine::Tensor h, c;  // both [P, B, I, O, H]
};

struct StateTypes {
  engine::DType h, c;
};
StateTypes types_of(const CellState& state);

// The same state in other types; the same tensors where they are of that type already.
CellState cast_state(const CellState& state, const StateTypes& types);
CellState cast_state(const CellState& state, engine::DType dtype);

// What the cells of a layer hear, and what they say.
struct Messages {
  engine::Tensor forward;  // into a layer [P, B, I, F], out of it [P, B, O, F]
  engine::Tensor reverse;  // into a layer [P, B, O, R], out of it [P, B, I, R]
};

// Appends a cell's parameters under "<prefix>.w" [F + R + H, 4H], ".bias", ".m_forward", ... .
void add_cell_params(const std::string& prefix, const CellDims& dims, bool layer_norm,
                     engine::ParamLayout& layout);

// The views of one cell. Throws Error if the layout has no such cell.
CellParams cell_params(const engine::ParamSet& params, const std::string& prefix,
                       const CellDims& dims);

// Initial values of every cell in the layout, flat [n] in f32 or f64: weights truncated normal with
// deviation scale / sqrt(fan-in) before cutting at two deviations, biases and offsets 0, norm
// scales 1; of a weight code (weight_code.h), write truncated normal in the first half of the
// channels and 0 elsewhere, read such that read . write = 1. Draw k of the key's stream belongs to
// element k of the flat vector.
engine::Tensor initial_cell_params(const engine::ParamLayout& layout, double scale,
                                   const engine::RngKey& key, engine::DType dtype);

// The constants of the gates, [4H]: +5 on forget, -5 on input; so a fresh cell keeps its memory.
engine::Tensor gate_offsets(const CellDims& dims, engine::DType dtype, engine::Device device);

// A cell's bias with these constants, [4H] or [P, 4H].
engine::Tensor gate_bias(const CellParams& cell);

// The LSTM update, from all gate inputs added up:
//   gates [P, B, I, O, 4H], c [P, B, I, O, H]
//   c' = sigmoid(forget) c + sigmoid(input) tanh(candidate);  h' = sigmoid(output) tanh(c')
CellState update_cell(const engine::Tensor& gates, const engine::Tensor& c);

// x [P, ..., k] times w [k, n] or, with one set per member, [P, k, n]  ->  [P, ..., n].
engine::Tensor project(const engine::Tensor& x, const engine::Tensor& w);
// A vector parameter [n] or [P, n] shaped to broadcast against [P, ..., n] of the given rank.
engine::Tensor spread(const engine::Tensor& v, int rank);

}  // namespace vsml
