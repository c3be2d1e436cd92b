#include "vsml/network_memory.h"

#include <algorithm>

#include "vsml/kernels/layer_ticks.h"
#include "vsml/kernels/tick_cells.h"

namespace vsml {
namespace {

// Numbers of the type that is computed in, not bytes: one that is kept in bf16 is half of one in
// f32.
struct LayerNumbers {
  double state = 0, tape = 0, work = 0, unrecorded = 0;
};

LayerNumbers layer_numbers(const Network& network, int64_t layer, int64_t members, int64_t batch,
                           bool fused, engine::DType dtype, engine::Device device) {
  const NetworkOptions& o = network.options();
  const LayerShape& shape = network.shape(layer);
  const auto state = static_cast<double>(o.cell.state);
  const auto message = static_cast<double>(o.cell.message);
  const auto ticks = static_cast<double>(o.micro_ticks);
  const auto learners = static_cast<double>(members * batch);
  // Of a convolution, the grids of cells at all positions, and the one whose state they share.
  const double grids =
      shape.conv ? learners * static_cast<double>(shape.conv->positions()) : learners;
  const double rows = grids * static_cast<double>(shape.rows);
  const double columns = grids * static_cast<double>(shape.columns);
  const double cells = rows * static_cast<double>(shape.columns);
  const double states = learners * static_cast<double>(shape.rows * shape.columns);
  const StateTypes types = network.kept_in(dtype);
  const double kept = static_cast<double>(engine::size_of(types.h) + engine::size_of(types.c)) /
                      static_cast<double>(2 * engine::size_of(dtype));
  // h and c as ticks compute with them, where that is not how they are kept.
  const auto narrow = static_cast<double>((types.h == engine::DType::bf16 ? 1 : 0) +
                                          (types.c == engine::DType::bf16 ? 1 : 0));
  // Messages that are normalised by engine ops, of an h of its own.
  const bool cell_messages =
      o.layer_norm &&
      (!fused || o.cell.message > kernels::most_fused_messages(o.cell.state, device));
  const double wide = !fused || shape.conv || cell_messages ? narrow * state * states : 0;
  const double neurons = rows + columns;
  const double directions = layer > 0 ? 2 : 1;  // messages that are read

  LayerNumbers numbers;
  numbers.state =
      2 * kept * state * states + message * learners * static_cast<double>(shape.outputs);
  // h and c; of a convolution their sums over positions too, after each tick.
  numbers.tape = shape.conv ? 4 * state * states * ticks : 2 * kept * state * states;
  // What a tick begins with; h after it, of which messages are made one by one; the average of
  // positions, rounded again.
  numbers.tape += wide;
  if (narrow > 0 && cell_messages && !shape.conv) numbers.tape += state * states;
  if (shape.conv) numbers.tape += 0.5 * wide;
  // Per neuron that is spoken to, the sum and the mean of h, or of normalised messages, and the
  // message; what is heard from the image, which each position of a kernel has its own copy of.
  const double spoken_to = layer > 0 ? neurons : columns;
  numbers.tape += (2 * (o.layer_norm ? message : state) + message) * spoken_to;
  if (layer == 0 || shape.conv) numbers.tape += message * rows;
  if (layer > 0 && shape.conv) {
    numbers.tape += 2 * message * learners * static_cast<double>(shape.conv->image.size());
  }
  // The messages' share of the gates, twice.
  numbers.work = 8 * state * neurons;
  // These shares, sums of h, messages; where engine ops tick, gates and what becomes of them.
  numbers.unrecorded = (5 * state + 4 * message) * neurons + (fused ? 0 : 14 * state * cells);
  if (shape.conv) numbers.unrecorded += 2 * state * cells;  // what the positions make of the state
  numbers.unrecorded += (fused && !shape.conv ? 1 : 2) * wide;
  if (fused) {
    const kernels::TickScratch scratch = kernels::tick_scratch(
        static_cast<int64_t>(grids), shape.rows, shape.columns, o.cell.state, o.micro_ticks,
        o.layer_norm && !cell_messages ? o.cell.message : 0, device);
    numbers.unrecorded += scratch.forward;
    numbers.work += 4 * state * cells + scratch.backward;  // new and old gradients of h and c
    // At least one tile of cells at each position sums gradients of the weights.
    if (shape.conv) numbers.work += 0.5 * state * cells + 4 * state * state * grids;
    if (shape.conv && device.kind != engine::Device::Kind::Cpu) {
      // A GPU's kernels want a state for each position.
      numbers.work += 2 * state * cells;
      numbers.unrecorded += 2 * state * cells;
    }
  } else if (shape.conv) {
    // As below, and in each tick the states at the positions before and after it.
    numbers.tape += 7.8 * ticks * state * cells;
    numbers.work += 14 * state * cells;
  } else {
    // Five values of gates, two products with them, per micro tick; gates and their gradients.
    numbers.tape += (5 * ticks + 2 * (ticks - 1)) * state * cells;
    numbers.work += 14 * state * cells;
  }
  if (cell_messages) {
    numbers.tape += directions * (message + 3) * cells;
    // What the positions made of h is projected there, so it stays after its average is taken.
    if (shape.conv) numbers.tape += state * cells;
    numbers.work += 4 * message * cells;
    numbers.unrecorded += 4 * message * cells;
  }
  const double passes = o.backward_pass ? 2 : 1;
  numbers.tape *= passes;
  if (batch > 1) numbers.tape += (2 * kept + 1 / static_cast<double>(batch)) * state * states;
  return numbers;
}

}  // namespace

LearnerMemory network_memory(const Network& network, int64_t members, int64_t batch,
                             engine::DType dtype, engine::Device device) {
  const bool fused = !kernels::fused_kernels(network.options().cell.state, dtype, device).empty();
  LearnerMemory memory;
  double others = 0;
  for (int64_t layer = 0; layer < network.num_layers(); ++layer) {
    const LayerNumbers numbers =
        layer_numbers(network, layer, members, batch, fused, dtype, device);
    memory.state += numbers.state;
    memory.tape += numbers.tape;
    // The gradients of the other layers' states are there meanwhile.
    const double gradients = 2 * static_cast<double>(network.options().cell.state) *
                             static_cast<double>(members * batch) *
                             static_cast<double>(network.rows(layer) * network.columns(layer));
    others += gradients;
    memory.work = std::max(memory.work, numbers.work - gradients);
    memory.unrecorded = std::max(memory.unrecorded, numbers.unrecorded);
  }
  memory.work += others;
  const auto unit = static_cast<double>(engine::size_of(dtype));
  return {memory.state * unit, memory.tape * unit, memory.work * unit, memory.unrecorded * unit};
}

}  // namespace vsml
