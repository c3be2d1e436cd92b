// vsml/layer.h: a grid of cells between I input neurons and O output neurons.
//
// Within a tick every cell hears the messages of its two neurons and updates its state; each output
// neuron then combines the forward messages of its I cells, each input neuron the reverse messages
// of its O cells.
#pragma once

#include "vsml/cell.h"
#include "vsml/network_options.h"

namespace vsml {

struct LayerTick {
  CellState state;
  Messages out;  // out.reverse is empty if it was not asked for
};

struct TickOptions {
  int64_t micro_ticks = 1;  // ticks on the same incoming messages; the last one's messages leave
  Reduce reduce = Reduce::Mean;
  bool want_reverse = true;  // the first layer's reverse message has no reader
};

// `micro_ticks` ticks of a dense layer.
//   in.forward [P, B, I, F], in.reverse [P, B, O, R], state [P, B, I, O, H]; or [P, S, I, O, H],
//   where S divides B and each B / S entries begin with one state
// Two identities keep the work per cell at one H x 4H product and five transcendentals per channel:
// the messages' share of the gates is computed once per neuron and not per cell, and since the
// messengers are linear, h is reduced first and projected after. With layer norm, each cell's
// messages are normalised and summed while its h is at hand; scale and offset, which are linear,
// are applied to the sums. What is done per cell is kernels/tick_cells.h. A state in bf16 is
// rounded once, after its last tick; messages are made of h before that. A moved-in state whose
// storage nobody else owns is updated in place. Throws ShapeError if the shapes do not fit.
LayerTick tick(const CellParams& cell, CellState state, const Messages& in,
               const TickOptions& options);

// The same function written as in the paper, without the two identities: every cell concatenates
// what it hears and sends messages of its own. Slow; tests hold tick() against it. S is B.
LayerTick tick_literal(const CellParams& cell, CellState state, const Messages& in,
                       const TickOptions& options);

}  // namespace vsml
