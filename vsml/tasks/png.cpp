#include "vsml/tasks/png.h"

#include <algorithm>
#include <fmt/format.h>
#include <png.h>

#include "engine/error.h"

namespace vsml {
namespace {

constexpr int64_t kMostInflation = 1032;  // the limit of the deflate format
constexpr int64_t kPixelsOfByte = 8;      // at one bit per pixel

// libpng's record of one image, freed in any case.
struct Decoder {
  png_image image = {};

  Decoder() { image.version = PNG_IMAGE_VERSION; }
  ~Decoder() { png_image_free(&image); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
};

}  // namespace

GreyImage decode_png(const std::string& file, const std::string& path, const std::string& place) {
  const auto fail = [&](const std::string& expected, const std::string& found) {
    throw engine::IoError(path, place, fmt::format("png: expected {}, found {}", expected, found));
  };
  Decoder decoder;
  png_image& image = decoder.image;
  if (png_image_begin_read_from_memory(&image, file.data(), file.size()) == 0) {
    fail("an image", engine::printable(image.message));
  }
  if ((image.format & PNG_FORMAT_FLAG_COLOR) != 0) fail("grey pixels", "colours");
  if ((image.format & PNG_FORMAT_FLAG_ALPHA) != 0) fail("opaque pixels", "an alpha channel");
  if ((image.format & PNG_FORMAT_FLAG_LINEAR) != 0) fail("at most 8 bits per pixel", "16");
  const int64_t height = image.height, width = image.width;
  if (std::max(height, width) > kMostPngSide) {
    fail(fmt::format("sides of at most {} pixels", kMostPngSide),
         fmt::format("{} x {}", height, width));
  }
  const int64_t most = std::ssize(file) * kMostInflation * kPixelsOfByte;
  if (height * width > most) {
    fail(fmt::format("at most {} pixels in {} bytes", most, file.size()),
         fmt::format("{} x {}", height, width));
  }
  GreyImage grey{height, width, std::vector<uint8_t>(static_cast<size_t>(height * width))};
  image.format = PNG_FORMAT_GRAY;
  if (png_image_finish_read(&image, nullptr, grey.pixels.data(), static_cast<int>(width),
                            nullptr) == 0) {
    fail("an undamaged image", engine::printable(image.message));
  }
  return grey;
}

}  // namespace vsml
