#include "vsml/learners/conv_features.h"

#include <cmath>
#include <fmt/format.h>

#include "engine/error.h"
#include "engine/ops/conv.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "vsml/cell.h"

namespace vsml {

using engine::Shape;
using engine::Tensor;

namespace {

constexpr int64_t kExtent = 3, kStride = 2;
constexpr int64_t kTaps = kExtent * kExtent;

int64_t halved(int64_t n) {
  return (n + kStride - 1) / kStride;
}

Shape image_of(const ConvOptions& options, int64_t inputs) {
  if (options.image) {
    const auto [height, width] = *options.image;
    if (height >= 1 && width >= 1 && inputs % (height * width) == 0) {
      return {height, width, inputs / (height * width)};
    }
    throw engine::Error(fmt::format("image_size: expected images of {} x {} pixels, got {} inputs",
                                    height, width, inputs));
  }
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(inputs))));
  if (side * side == inputs) return {side, side, 1};
  throw engine::Error(fmt::format("conv_channels: expected square images, got {} inputs", inputs),
                      "say image_size: [height, width]");
}

}  // namespace

Fields fields_of(ConvOptions& o) {
  return {
      {"conv_channels", "channels of three 3 x 3 convolutions of stride 2 on the inputs; 0: none",
       IntegerField{&o.channels, {0, 65536}}},
      {"image_size", "conv_channels: [height, width] of the inputs; null: a square, one channel",
       SizeField{&o.image, {1, 65536}}},
  };
}

ConvFeatures::ConvFeatures(const ConvOptions& options, int64_t inputs)
    : channels_(options.channels) {
  images_.push_back(present() ? image_of(options, inputs) : Shape{inputs, 1, 1});
  for (int layer = 0; layer < kLayers && present(); ++layer) {
    const Shape& image = images_.back();
    images_.push_back({halved(image[0]), halved(image[1]), channels_});
  }
}

int64_t ConvFeatures::size() const {
  return images_.back().size();
}

// Patches, and what comes out before and after the activation.
double ConvFeatures::kept() const {
  int64_t numbers = 0;
  for (size_t k = 1; k < images_.size(); ++k) {
    numbers += images_[k][0] * images_[k][1] * (kTaps * images_[k - 1][2] + 2 * channels_);
  }
  return static_cast<double>(numbers);
}

std::string ConvFeatures::kernel_name(int layer) const {
  return fmt::format("conv.{}.w", layer);
}

std::string ConvFeatures::bias_name(int layer) const {
  return fmt::format("conv.{}.bias", layer);
}

Shape ConvFeatures::kernel_shape(int layer) const {
  return {kExtent, kExtent, image_shape(layer)[2], channels_};
}

Shape ConvFeatures::image_shape(int layer) const {
  return images_.at(static_cast<size_t>(layer));
}

Tensor ConvFeatures::patches(int layer, const Tensor& input) const {
  const int64_t members = input.dim(0), batch = input.dim(1);
  const Shape to = image_shape(layer + 1);
  const Tensor images = reshape(input, Shape{members * batch} + image_shape(layer));
  return reshape(unfold(images, kExtent, kExtent, kStride, engine::Padding::Same),
                 {members, batch * to[0] * to[1], kTaps * image_shape(layer)[2]});
}

Tensor ConvFeatures::from_patches(int layer, const Tensor& patches, int64_t batch) const {
  const int64_t members = patches.dim(0);
  const Shape from = image_shape(layer), to = image_shape(layer + 1);
  const Tensor apart = reshape(patches, {members * batch, to[0], to[1], kExtent, kExtent, from[2]});
  return reshape(fold(apart, from[0], from[1], kStride, engine::Padding::Same),
                 {members, batch, from.size()});
}

Tensor ConvFeatures::operator()(const engine::ParamSet& params, const Tensor& x) const {
  if (!present()) return x;
  Tensor a = x;
  for (int layer = 0; layer < kLayers; ++layer) {
    const Tensor kernel = params[kernel_name(layer)];
    const Shape rows{kTaps * image_shape(layer)[2], channels_};
    const Tensor matrix = reshape(kernel, params.per_member() ? Shape{kernel.dim(0)} + rows : rows);
    const Tensor y = project(patches(layer, a), matrix) + spread(params[bias_name(layer)], 3);
    a = reshape(layer + 1 < kLayers ? relu(y) : tanh(y),
                {x.dim(0), x.dim(1), image_shape(layer + 1).size()});
  }
  return a;
}

}  // namespace vsml
