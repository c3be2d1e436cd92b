// vsml/dims.h: the letters used for dimensions everywhere in vsml/. Read this first.
//
//   P  members of a population: learners that run side by side and never exchange anything
//   B  batch: examples that one learner sees at the same moment
//   T  examples of an episode, one after another
//   D  inputs of the whole network (pixels), C its classes
//   I  inputs of a layer,  O  outputs of a layer: a dense layer has I x O cells
//   Y, X  height and width of an image,  Q  positions of a convolution's kernel on one
//   H  state size of a cell: its LSTM has h [H] and c [H]
//   F  size of a forward message,  R  size of a reverse message
//
// Shapes in comments are written with these letters: forward [P, B, I, F].
//
// parameters  what meta-training changes: the learning algorithm
// state       what learning changes: what one learner has learned so far
// tick        one pass of messages through a layer's cells
// step        one example
// episode     T examples of one task;  lifetime: all the examples a carried learner sees
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

namespace vsml {

// Cells' sizes, shared by all layers of a network.
struct CellDims {
  int64_t state = 16;   // H
  int64_t message = 8;  // F and R: both directions have the same size

  friend bool operator==(const CellDims&, const CellDims&) = default;
};

// Inputs that are an image.
struct ImageShape {
  int64_t channels = 1, height = 1, width = 1;

  int64_t size() const { return channels * height * width; }

  friend auto operator<=>(const ImageShape&, const ImageShape&) = default;
};

// What a learner must know of a task before it starts.
struct TaskDims {
  int64_t inputs = 0;   // D
  int64_t classes = 0;  // C
  // Of inputs that are images, channel by channel, row by row; none for other inputs.
  std::optional<ImageShape> image = {};
  // Widths of the hidden layers that learners with hidden layers have on this task; empty: those of
  // their own options.
  std::vector<int64_t> hidden = {};

  friend auto operator<=>(const TaskDims&, const TaskDims&) = default;
};

}  // namespace vsml
