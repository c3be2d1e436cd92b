// vsml/tasks/png.h: grey PNG images in memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vsml {

struct GreyImage {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> pixels;  // [height, width], 0 is black and 255 white
};

constexpr int64_t kMostPngSide = 1024;

// Decodes a whole file of up to 8 bits per pixel. `path` and `place` are where it is from, for
// errors. Throws IoError if it is not a PNG, is damaged or cut short, has colours, an alpha channel
// or 16 bits, or declares sides above kMostPngSide or more pixels than its bytes can hold; all of
// that but damage before memory is allocated for the pixels.
GreyImage decode_png(const std::string& file, const std::string& path, const std::string& place);

}  // namespace vsml
