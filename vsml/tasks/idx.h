// vsml/tasks/idx.h: the IDX format of the MNIST family of data sets, plain or gzip.
//
// A file is: two zero bytes, one byte for the element type, one for the rank, one big-endian uint32
// per dimension, then the elements, and nothing else. Read here: unsigned bytes (type 0x08) of rank
// 3 (images) and rank 1 (labels).
//
// Errors are IoErrors of the form "PATH:0x4: idx dim[0]: expected ..., found ...", where the place
// is an offset into the (inflated) contents; one inside a gzip stream is an offset into the file.
// Refused are: another type or rank; contents shorter or longer than the dimensions say, which is
// known before memory is allocated for them; gzip streams that are damaged, followed by anything,
// or nested; whatever DataFile refuses. Of a compressed file at most one byte more is inflated than
// the dimensions say.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vsml {

struct IdxImages {
  int64_t count = 0, height = 0, width = 0;  // each may be 0
  std::vector<uint8_t> pixels;               // [count, height, width]
};

IdxImages read_idx_images(const std::string& path);

// [count]
std::vector<uint8_t> read_idx_labels(const std::string& path);

}  // namespace vsml
