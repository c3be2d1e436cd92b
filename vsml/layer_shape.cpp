#include "vsml/layer_shape.h"

#include <algorithm>
#include <fmt/format.h>

#include "engine/error.h"

namespace vsml {
namespace {

ConvShape conv_shape(const LayerOptions& layer, const ImageShape& image) {
  ConvShape shape;
  shape.image = image;
  shape.kernel_y = layer.kernel_size[0];
  shape.kernel_x = layer.kernel_size[1];
  shape.stride = layer.stride;
  shape.padding_y = layer.padding ? (*layer.padding)[0] : shape.kernel_y / 2;
  shape.padding_x = layer.padding ? (*layer.padding)[1] : shape.kernel_x / 2;
  shape.channels = layer.outputs;
  shape.backward = layer.backward;
  return shape;
}

LayerShape checked_conv(const LayerOptions& layer, const std::optional<ImageShape>& below,
                        size_t place) {
  const auto require = [place](bool holds, const std::string& rule) {
    if (!holds) throw engine::Error(fmt::format("network: layer {}: expected {}", place, rule));
  };
  require(below.has_value(), "conv layers before dense ones, got conv after dense");
  const ConvShape conv = conv_shape(layer, *below);
  require(conv.kernel_y >= 1 && conv.kernel_x >= 1 && conv.stride >= 1,
          "kernel_size and stride of 1 or more");
  require(conv.padding_y >= 0 && conv.padding_x >= 0, "padding of 0 or more");
  require(!layer.constant_input, "constant_input in dense layers only");
  require(conv.backward == ConvBackward::Transpose ||
              (layer.kernel_size == std::array<int64_t, 2>{3, 3} && conv.padding_y == 1 &&
               conv.padding_x == 1),
          "kernel_size [3, 3] and padding [1, 1] with backward authors");
  const int64_t y = below->height + 2 * conv.padding_y, x = below->width + 2 * conv.padding_x;
  require(conv.kernel_y <= y && conv.kernel_x <= x,
          fmt::format("a kernel within the image, which with its padding has {} x {} pixels, "
                      "got {} x {}",
                      y, x, conv.kernel_y, conv.kernel_x));
  return {conv.kernel_y * conv.kernel_x * below->channels, conv.channels,
          conv.positions() * conv.channels, conv};
}

}  // namespace

std::vector<LayerShape> layer_shapes(const NetworkOptions& options, const TaskDims& task) {
  std::vector<LayerShape> shapes;
  int64_t below = task.inputs;
  // Empty above a dense layer.
  std::optional<ImageShape> image = task.image.value_or(ImageShape{1, 1, task.inputs});
  if (image->size() != task.inputs) {
    throw engine::Error(fmt::format("network: expected an image of {} numbers, got {} x {} x {}",
                                    task.inputs, image->channels, image->height, image->width));
  }
  for (size_t k = 0; k < options.layers.size(); ++k) {
    const LayerOptions& layer = options.layers[k];
    if (layer.type == LayerType::Conv) {
      shapes.push_back(checked_conv(layer, image, k));
      image = shapes.back().conv->above();
    } else {
      const int64_t outputs = layer.outputs == 0 ? task.classes : layer.outputs;
      shapes.push_back({below + (layer.constant_input ? 1 : 0), outputs, outputs});
      image.reset();
    }
    below = shapes.back().outputs;
  }
  return shapes;
}

bool has_convolutions(const NetworkOptions& options) {
  return std::any_of(options.layers.begin(), options.layers.end(),
                     [](const LayerOptions& layer) { return layer.type == LayerType::Conv; });
}

TaskDims smallest_task(const NetworkOptions& options) {
  ImageShape image;
  for (auto layer = options.layers.rbegin(); layer != options.layers.rend(); ++layer) {
    if (layer->type != LayerType::Conv) continue;
    const ConvShape conv = conv_shape(*layer, image);
    image.height =
        std::max<int64_t>(1, (image.height - 1) * conv.stride + conv.kernel_y - 2 * conv.padding_y);
    image.width =
        std::max<int64_t>(1, (image.width - 1) * conv.stride + conv.kernel_x - 2 * conv.padding_x);
  }
  return {image.size(), 1, image};
}

}  // namespace vsml
