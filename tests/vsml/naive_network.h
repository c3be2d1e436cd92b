// tests/vsml/naive_network.h: a VSML network in plain loops over doubles, written from the formulas
// and sharing no code with vsml/: the oracle of the tests of layers and networks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/params.h"
#include "vsml/network.h"

namespace vsml::test {

using Numbers = std::vector<double>;

// Parameters of one cell, row by row, as vsml/cell.h names them.
struct NaiveCell {
  int64_t state = 0, message = 0;
  Numbers w, bias, m_forward, b_forward, m_reverse, b_reverse;
  Numbers scale_forward, offset_forward, scale_reverse, offset_reverse;  // empty: no layer norm
};

// Cells of member p (params [P, n]) or of all members (params [n]).
NaiveCell naive_cell(const engine::ParamSet& params, const std::string& prefix,
                     const CellDims& dims, int64_t member);

// A layer of one learner that sees one example.
struct NaiveLayer {
  int64_t inputs = 0, outputs = 0;
  Numbers h, c;              // [I, O, H]
  Numbers forward, reverse;  // incoming [I, F], [O, R]
};
struct NaiveMessages {
  Numbers forward, reverse;  // outgoing [O, F], [I, R]
};

NaiveMessages naive_tick(const NaiveCell& cell, NaiveLayer& layer, int64_t micro_ticks,
                         Reduce reduce);

struct NaiveConv;  // naive_conv.h

// One learner with a batch.
class NaiveNetwork {
 public:
  // Starts as member `member` of `state`.
  NaiveNetwork(const Network& network, const engine::ParamSet& params, const NetworkState& state,
               int64_t member);

  // input [B, D], label [B, C]  ->  prediction [B, C]
  Numbers step(const Numbers& input, const Numbers& label);

  // [B, I, O, H] and [B, O, R] of a layer.
  Numbers h(size_t layer) const;
  Numbers c(size_t layer) const;
  Numbers reverse(size_t layer) const;

 private:
  void merge();
  void tick(size_t layer, size_t entry, bool backward);
  Numbers predict() const;

  NetworkOptions options_;
  int64_t inputs_, classes_;
  int64_t channels_ = 1;                           // of an image for a convolution
  std::vector<std::shared_ptr<NaiveConv>> conv_;   // per layer; null: dense
  std::vector<NaiveCell> cells_, backward_cells_;  // per layer
  std::vector<std::vector<NaiveLayer>> layers_;    // per layer, per batch entry
  std::vector<Numbers> last_forward_;              // per batch entry: what left the network
};

}  // namespace vsml::test
