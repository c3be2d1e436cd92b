// vsml/kernels/layer_ticks.h: the fused ticks of whole layers, on the device that the tensors are
// on. What every device's kernels do: layers are cut into tiles by shape alone, and sums over
// inputs and outputs are put together in a fixed order, so the bits depend on nothing else.
#pragma once

#include <cstdint>

#include "engine/tensor.h"

namespace vsml::kernels {

// N layers side by side (members and examples of a batch), of I x O cells each. Contiguous f32; h
// and c, or h alone, may be kept in bf16: ticks and sums compute in f32, and the last tick's h and
// c are rounded when they are stored.
struct LayerTicks {
  engine::Tensor from_input;   // [N, I, 4H]  the messages' share of the gates
  engine::Tensor from_output;  // [N, O, 4H]
  engine::Tensor w_hidden;     // [H, 4H], or [P, H, 4H] where each N / P layers share one
  engine::Tensor h, c;         // [N, I, O, H], or fewer where each N / fewer layers begin alike
  int64_t micro_ticks = 1;
  // Where messages of F channels are normalised before they are summed (message_norm.h): F, at
  // most kMostMessages, and [H + 1, F] or, with sums over outputs, [H + 1, 2F]; P as above.
  int64_t message_size = 0;
  engine::Tensor messengers = {};
  int64_t directions() const { return message_size == 0 ? 0 : messengers.dim(-1) / message_size; }
};

// Calls body(number like those of h, number like those of c).
template <class Body>
auto with_state_types(const LayerTicks& layer, Body&& body) {
  using engine::DType;
  if (layer.h.dtype() == DType::f32) return body(float{}, float{});
  if (layer.c.dtype() == DType::f32) return body(engine::Bf16{}, float{});
  return body(engine::Bf16{}, engine::Bf16{});
}

struct LayerTicksResult {
  engine::Tensor h, c;  // [N, I, O, H], of the types of those before
  // Sums of h; or of normalised messages, and then F takes the place of H.
  engine::Tensor over_inputs;   // [N, O, H]  over I
  engine::Tensor over_outputs;  // [N, I, H]  over O; empty if not wanted
};

struct LayerTicksGradients {
  // Shaped as in LayerTicks, f32.
  engine::Tensor from_input, from_output, w_hidden, h, c, messengers;
};

// The name of a device's fused kernels for cells of this state size; null if there are none, or
// VSML_KERNELS asks for the reference.
const char* fused_name(int64_t state_size, engine::Device device);

// Channels, of each direction, up to which the fused kernels normalise messages; 0 without kernels.
int64_t most_fused_messages(int64_t state_size, engine::Device device);

// `in_place`: the results take the place of h and c, which are N and whose storage nobody else may
// own. There must be fused kernels.
LayerTicksResult run_layer_ticks(const LayerTicks& layer, bool want_over_outputs, bool in_place);

// dresult: gradients of the four results; empty tensors stand for zeros. Those of h and c pass
// through the rounding as they are.
LayerTicksGradients layer_ticks_gradients(const LayerTicks& layer, const LayerTicksResult& dresult);

// Numbers (f32) that the fused ticks of N layers of I x O cells need on a device beside inputs and
// results, and their gradients beside those: partial sums, and what is ticked again.
struct TickScratch {
  double forward = 0, backward = 0;
};
// messages: channels of normalised messages in each direction; 0: none.
TickScratch tick_scratch(int64_t layers, int64_t inputs, int64_t outputs, int64_t state_size,
                         int64_t micro_ticks, int64_t messages, engine::Device device);

}  // namespace vsml::kernels
