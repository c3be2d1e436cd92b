// vsml/weight_code.h: how the state of a cell stands for the weight that the cell replaces.
//
// Two vectors among the parameters say it: a weight w is put into a new cell as c = w write, h = 0,
// and read from a cell at any time as w = read . c. Every algorithm has its own pair:
// backpropagation written by hand (backprop.h), algorithms that imitate it, and what meta-training
// makes of them. Meta-training by bptt does not move the pair, because lives begin outside of what
// it differentiates; es does.
#pragma once

#include <string>

#include "vsml/cell.h"

namespace vsml {

struct WeightCode {
  engine::Tensor write, read;  // [H], or [P, H] with one pair per member
};

// Appends "<prefix>.write" [H] and "<prefix>.read" [H].
void add_weight_code(const std::string& prefix, const CellDims& dims, engine::ParamLayout& layout);

// The views of one code. Throws Error if the layout has none of that name.
WeightCode weight_code(const engine::ParamSet& params, const std::string& prefix);

// The weights that cells stand for: c [P, B, I, O, H] -> [P, B, I, O]. A sum of H products in the
// element type: after encode_weights the result is off by a few roundings of |w| (and by whatever
// read . write differs from 1).
engine::Tensor decode_weights(const WeightCode& code, const CellState& state);

// New cells that stand for given weights, the same in every batch entry:
// weights [P, I, O] -> h, c [P, B, I, O, H].
CellState encode_weights(const WeightCode& code, const engine::Tensor& weights, int64_t batch);

}  // namespace vsml
