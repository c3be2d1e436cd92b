#include "tests/vsml/naive_conv.h"

#include <algorithm>

namespace vsml::test {
namespace {

void add(Numbers& to, int64_t at, const Numbers& from, int64_t from_at, int64_t count,
         double factor) {
  for (int64_t k = 0; k < count; ++k) {
    to[static_cast<size_t>(at + k)] += factor * from[static_cast<size_t>(from_at + k)];
  }
}

// Whether a position sends to a pixel of its kernel, along one side of the image. The authors'
// code goes from the pixel i: tap a of k points at i + a - 1 in the image above, stretched by the
// stride, and there at entry k - 1 - a of the kernel.
bool sends(int64_t pixel, int64_t position, int64_t entry, int64_t extent, int64_t kernel,
           const NaiveConv& conv, int64_t padding) {
  if (!conv.as_authors) return position * conv.stride + entry - padding == pixel;
  const int64_t stretched = pixel + (kernel - 1 - entry) - 1;
  return stretched >= 0 && stretched % conv.stride == 0 && stretched < extent / conv.stride &&
         stretched / conv.stride == position;
}

}  // namespace

int64_t NaiveConv::places(int64_t extent, int64_t kernel, int64_t padding) const {
  int64_t count = 0;
  while (count * stride + kernel <= extent + 2 * padding) ++count;
  return count;
}

NaiveMessages naive_conv_tick(const NaiveCell& cell, NaiveLayer& layer, const NaiveConv& conv,
                              int64_t micro_ticks, Reduce reduce) {
  const int64_t message = cell.message, inputs = conv.kernel_y * conv.kernel_x * conv.channels;
  const double positions = static_cast<double>(conv.rows() * conv.columns());
  const double back =
      reduce == Reduce::Mean ? 1 / static_cast<double>(conv.kernel_y * conv.kernel_x) : 1;
  NaiveMessages out;
  for (int64_t tick = 0; tick < micro_ticks; ++tick) {
    const Numbers h = layer.h, c = layer.c;
    std::fill(layer.h.begin(), layer.h.end(), 0);
    std::fill(layer.c.begin(), layer.c.end(), 0);
    out.forward.assign(layer.reverse.size(), 0);
    out.reverse.assign(layer.forward.size(), 0);
    for (int64_t py = 0; py < conv.rows(); ++py) {
      for (int64_t px = 0; px < conv.columns(); ++px) {
        NaiveLayer here{inputs, conv.outputs, h, c, {}, {}};
        here.forward.assign(static_cast<size_t>(inputs * message), 0);
        here.reverse.assign(static_cast<size_t>(conv.outputs * message), 0);
        const int64_t above = (py * conv.columns() + px) * conv.outputs * message;
        add(here.reverse, 0, layer.reverse, above, conv.outputs * message, 1);
        for (int64_t a = 0; a < conv.kernel_y; ++a) {
          for (int64_t b = 0; b < conv.kernel_x; ++b) {
            const int64_t y = py * conv.stride + a - conv.padding_y;
            const int64_t x = px * conv.stride + b - conv.padding_x;
            if (y < 0 || y >= conv.height || x < 0 || x >= conv.width) continue;
            const int64_t pixel = conv.channels * message;
            add(here.forward, (a * conv.kernel_x + b) * pixel, layer.forward,
                (y * conv.width + x) * pixel, pixel, 1);
          }
        }
        const NaiveMessages said = naive_tick(cell, here, 1, reduce);
        add(out.forward, above, said.forward, 0, conv.outputs * message, 1);
        add(layer.h, 0, here.h, 0, static_cast<int64_t>(h.size()), 1 / positions);
        add(layer.c, 0, here.c, 0, static_cast<int64_t>(c.size()), 1 / positions);
        for (int64_t y = 0; y < conv.height; ++y) {
          for (int64_t x = 0; x < conv.width; ++x) {
            for (int64_t a = 0; a < conv.kernel_y; ++a) {
              for (int64_t b = 0; b < conv.kernel_x; ++b) {
                if (!sends(y, py, a, conv.height, conv.kernel_y, conv, conv.padding_y) ||
                    !sends(x, px, b, conv.width, conv.kernel_x, conv, conv.padding_x)) {
                  continue;
                }
                const int64_t pixel = conv.channels * message;
                add(out.reverse, (y * conv.width + x) * pixel, said.reverse,
                    (a * conv.kernel_x + b) * pixel, pixel, back);
              }
            }
          }
        }
      }
    }
  }
  return out;
}

}  // namespace vsml::test
