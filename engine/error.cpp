#include "engine/error.h"

#include <fmt/format.h>

namespace engine {
namespace {

// Length of the well-formed UTF-8 sequence that starts at text[i], or 0.
size_t utf8_length(const std::string& text, size_t i) {
  const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char lead = byte(i);
  const size_t length = lead < 0x80                    ? 1
                        : lead >> 5 == 0x6             ? 2
                        : lead >> 4 == 0xe             ? 3
                        : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                       : 0;
  if (length == 0 || i + length > text.size()) return 0;
  for (size_t k = 1; k < length; ++k) {
    if (byte(i + k) >> 6 != 0x2) return 0;
  }
  if (length == 2 && (lead < 0xc2 || (lead == 0xc2 && byte(i + 1) < 0xa0)))
    return 0;  // C1 controls
  return length;
}

}  // namespace

IoError::IoError(const std::string& path, const std::string& place, const std::string& problem,
                 std::string hint)
    : Error(printable(path) + ":" + (place.empty() ? "" : printable(place) + ":") + " " + problem,
            std::move(hint)) {}

std::string printable(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const size_t length = utf8_length(text, i);
    if (length == 0 || byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
      ++i;
    } else {
      out.append(text, i, length);
      i += length;
    }
  }
  return out;
}

int64_t checked_mul(int64_t a, int64_t b) {
  int64_t product = 0;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product)) {
    throw ShapeError(fmt::format("size: {} x {} does not fit", a, b));
  }
  return product;
}

int64_t checked_add(int64_t a, int64_t b) {
  int64_t total = 0;
  if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &total)) {
    throw ShapeError(fmt::format("size: {} + {} does not fit", a, b));
  }
  return total;
}

}  // namespace engine
