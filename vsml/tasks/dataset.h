// vsml/tasks/dataset.h: examples in memory: as they are on disk, and as a learner is given them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vsml/dims.h"

namespace vsml {

// Images as bytes, a quarter of the size of floats, and their labels.
struct Dataset {
  std::string name;    // dataset/split, for messages
  int64_t count = 0;   // examples
  int64_t height = 0;  // pixels
  int64_t width = 0;
  int64_t channels = 1;
  std::vector<uint8_t> pixels;  // [count, channels, height, width], 0 is black and 255 white
  std::vector<int32_t> labels;  // [count], each in [0, num_classes)
  int64_t num_classes = 0;

  int64_t image_size() const { return channels * height * width; }
};

// Inputs of any kind, flat, and their labels.
struct ExampleSet {
  int64_t count = 0;       // examples
  int64_t num_inputs = 0;  // per example
  int64_t num_classes = 0;
  std::vector<float> inputs;             // [count, num_inputs]
  std::vector<int32_t> labels;           // [count], each in [0, num_classes)
  std::optional<ImageShape> image = {};  // of the inputs, if they are images
};

}  // namespace vsml
