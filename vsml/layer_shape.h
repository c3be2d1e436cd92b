// vsml/layer_shape.h: the sizes of a network's layers, which follow from its options and the task.
#pragma once

#include <optional>
#include <vector>

#include "vsml/dims.h"
#include "vsml/network_options.h"

namespace vsml {

// A convolution on one size of image. Position (y, x) of the kernel sees the pixels
// (y stride + a - padding_y, x stride + b - padding_x), a < kernel_y, b < kernel_x, in all
// channels; a pixel outside the image is a neuron that says 0 and is never spoken to.
struct ConvShape {
  ImageShape image;  // below
  int64_t kernel_y = 1, kernel_x = 1, stride = 1;
  int64_t padding_y = 0, padding_x = 0;
  int64_t channels = 1;  // above
  ConvBackward backward = ConvBackward::Transpose;

  int64_t height() const { return (image.height + 2 * padding_y - kernel_y) / stride + 1; }
  int64_t width() const { return (image.width + 2 * padding_x - kernel_x) / stride + 1; }
  int64_t positions() const { return height() * width(); }  // Q
  ImageShape above() const { return {channels, height(), width()}; }
};

struct LayerShape {
  // Cells: from each neuron below (the constant input included) to each above; of a convolution,
  // from each pixel of the kernel, in each channel, to each channel above.
  int64_t rows = 0, columns = 0;
  // Neurons above: those that wait for a reverse message.
  int64_t outputs = 0;
  std::optional<ConvShape> conv = {};
};

// The layers from the input on. An image is taken as it is by a convolution; inputs that are no
// image are one row of D pixels. Between layers an image is row by row, its channels fastest, and a
// dense layer takes it flat. Throws Error naming the layer if a kernel is larger than its image
// with padding, if a convolution comes after a dense layer, or if a size is below 1.
std::vector<LayerShape> layer_shapes(const NetworkOptions& options, const TaskDims& task);

bool has_convolutions(const NetworkOptions& options);

// The smallest task that a network of these options fits: one class, and an image of one channel if
// it begins with a convolution.
TaskDims smallest_task(const NetworkOptions& options);

}  // namespace vsml
