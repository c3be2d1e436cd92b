// vsml/learners/conv_features.h: three small convolutions in front of a learner.
//
// 3 x 3 kernels, stride 2, zeros around the image so that n pixels become ceil(n / 2); 28 x 28
// becomes 4 x 4. Inputs are images row by row, channels fastest. This is the extractor that the
// authors' code puts before the learners that VSML is compared with.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/params.h"
#include "engine/tensor.h"
#include "vsml/fields.h"

namespace vsml {

struct ConvOptions {
  int64_t channels = 0;                         // of each convolution; 0: none
  std::optional<std::array<int64_t, 2>> image;  // height, width; none: a square, one channel

  friend bool operator==(const ConvOptions&, const ConvOptions&) = default;
};

// Keys conv_channels and image_size.
Fields fields_of(ConvOptions& options);

class ConvFeatures {
 public:
  static constexpr int kLayers = 3;

  // For images of `inputs` numbers. Throws Error unless the image's pixels divide them.
  ConvFeatures(const ConvOptions& options, int64_t inputs);

  bool present() const { return channels_ > 0; }
  // Numbers that come out; the inputs themselves without convolutions.
  int64_t size() const;
  // Numbers of one example that a recorded step keeps.
  double kept() const;

  std::string kernel_name(int layer) const;  // [3, 3, in, out]
  std::string bias_name(int layer) const;    // [out]
  engine::Shape kernel_shape(int layer) const;
  engine::Shape image_shape(int layer) const;  // [height, width, channels] that goes into a layer

  // Patches [P, B Y X, 9 C] of a layer's input, [P, B, height width channels], and back (adjoint).
  engine::Tensor patches(int layer, const engine::Tensor& input) const;
  engine::Tensor from_patches(int layer, const engine::Tensor& patches, int64_t batch) const;

  // x [P, B, D]  ->  [P, B, size()], with the kernels in `params`; relu after the first two
  // convolutions, tanh after the last. x itself without convolutions.
  engine::Tensor operator()(const engine::ParamSet& params, const engine::Tensor& x) const;

 private:
  int64_t channels_;
  std::vector<engine::Shape> images_;  // before each layer, and after the last
};

}  // namespace vsml
