// tests/vsml/naive_conv.h: a convolution of cells in plain loops: at each position a small dense
// layer of its own.
#pragma once

#include "tests/vsml/naive_network.h"

namespace vsml::test {

// Neurons below lie row by row, channels fastest; those above likewise.
struct NaiveConv {
  int64_t height = 0, width = 0, channels = 0;  // below
  int64_t kernel_y = 0, kernel_x = 0, stride = 1, padding_y = 0, padding_x = 0;
  int64_t outputs = 0;  // channels above
  bool as_authors = false;

  // Positions of the kernel along a side, counted by trying.
  int64_t rows() const { return places(height, kernel_y, padding_y); }
  int64_t columns() const { return places(width, kernel_x, padding_x); }

 private:
  int64_t places(int64_t extent, int64_t kernel, int64_t padding) const;
};

// `layer` has forward [Y X C, F], reverse [Yp Xp O, R] and h, c [Ky, Kx, C, O, H].
NaiveMessages naive_conv_tick(const NaiveCell& cell, NaiveLayer& layer, const NaiveConv& conv,
                              int64_t micro_ticks, Reduce reduce);

}  // namespace vsml::test
