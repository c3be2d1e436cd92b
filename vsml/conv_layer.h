// vsml/conv_layer.h: a convolution of cells.
//
// The cells of one kernel, [kernel_y, kernel_x, channels below] x [channels above], are at every
// position of the image at once: there they hear the messages of that position's neurons and tick
// as a dense layer does. They have one state. After each tick it becomes the average of what the
// positions made of it.
#pragma once

#include "vsml/layer.h"
#include "vsml/layer_shape.h"

namespace vsml {

// `micro_ticks` ticks. Neurons of an image are row by row, channels fastest:
//   in.forward [P, B, Y X C, F], in.reverse [P, B, Q O, R], state [P, B, I, O, H] with
//   I = kernel_y kernel_x C  ->  out.forward [P, B, Q O, F], out.reverse [P, B, Y X C, R]
// A neuron above hears its kernel's I cells. A neuron below hears, from each position and each
// pixel of the kernel that saw it, the O cells there; with Reduce::Mean the sum of these is divided
// by kernel_y kernel_x wherever the neuron is. Messages are of the last tick, of the positions' own
// h. A state in bf16 is rounded once, when its last average is taken. Throws ShapeError if the
// shapes do not fit.
LayerTick conv_tick(const CellParams& cell, CellState state, const Messages& in,
                    const ConvShape& shape, const TickOptions& options);

}  // namespace vsml
