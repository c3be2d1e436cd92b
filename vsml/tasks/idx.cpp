#include "vsml/tasks/idx.h"

#include <fmt/format.h>

#include "engine/error.h"
#include "engine/joined.h"
#include "vsml/tasks/data_file.h"

namespace vsml {
namespace {

constexpr uint8_t kUnsignedByte = 0x08;
constexpr int64_t kDimsOffset = 4;
// Far above any data set; keeps every product of sizes far below 2^63.
constexpr int64_t kMostElements = int64_t{1} << 40;

struct Contents {
  std::vector<int64_t> dims;
  std::vector<uint8_t> elements;
};

[[noreturn]] void fail(const DataFile& file, int64_t offset, const std::string& field,
                       const std::string& expected, const std::string& found,
                       const std::string& hint = {}) {
  throw engine::IoError(file.path(), fmt::format("0x{:x}", offset),
                        fmt::format("idx {}: expected {}, found {}", field, expected, found), hint);
}

void check_magic(DataFile& file, int rank, const std::string& kind) {
  uint8_t magic[4] = {};
  const size_t got = file.read(magic, sizeof magic);
  if (got >= 2 && magic[0] == 0x1f && magic[1] == 0x8b) {
    fail(file, 0, "magic", "0x0000", "0x1f8b: gzip inside gzip", "decompress the file once");
  }
  if (got < sizeof magic) {
    fail(file, 0, "magic", "4 bytes", fmt::format("{}", got), "the file is not an IDX file");
  }
  if (magic[0] != 0 || magic[1] != 0) {
    fail(file, 0, "magic", "0x0000", fmt::format("0x{:02x}{:02x}", magic[0], magic[1]),
         "the file is not an IDX file");
  }
  if (magic[2] != kUnsignedByte) {
    fail(file, 2, "type", fmt::format("0x{:02x} (unsigned byte)", kUnsignedByte),
         fmt::format("0x{:02x}", magic[2]));
  }
  if (magic[3] != rank) {
    const bool swapped = magic[3] == (rank == 3 ? 1 : 3);
    fail(file, 3, "rank", fmt::format("{} ({})", rank, kind), fmt::format("{}", magic[3]),
         swapped ? "the files of images and labels may be swapped" : "");
  }
}

std::vector<int64_t> read_dims(DataFile& file, int rank) {
  std::vector<int64_t> dims;
  for (int i = 0; i < rank; ++i) {
    uint8_t bytes[4] = {};
    const size_t got = file.read(bytes, sizeof bytes);
    if (got < sizeof bytes) {
      fail(file, kDimsOffset + 4 * i, fmt::format("dim[{}]", i), "4 bytes", fmt::format("{}", got),
           "the file is cut short");
    }
    dims.push_back(int64_t{bytes[0]} << 24 | int64_t{bytes[1]} << 16 | int64_t{bytes[2]} << 8 |
                   int64_t{bytes[3]});
  }
  return dims;
}

int64_t num_elements(const DataFile& file, const std::vector<int64_t>& dims) {
  int64_t total = 1;
  for (const int64_t dim : dims) {
    if (dim == 0) return 0;
  }
  for (const int64_t dim : dims) {
    if (total > kMostElements / dim) {
      fail(file, kDimsOffset, "dim[0]", fmt::format("at most {} bytes of elements", kMostElements),
           engine::joined(dims, " x "));
    }
    total *= dim;
  }
  return total;
}

Contents read_idx(const std::string& path, int rank, const std::string& kind) {
  DataFile file(path);
  check_magic(file, rank, kind);
  Contents contents;
  contents.dims = read_dims(file, rank);
  const int64_t wanted = num_elements(file, contents.dims);
  const std::string declared =
      rank == 1
          ? fmt::format("{} bytes of elements", wanted)
          : fmt::format("{} = {} bytes of elements", engine::joined(contents.dims, " x "), wanted);
  const std::string short_hint = "the file is cut short, or its header is wrong";
  const std::string long_hint = "the header is wrong, or something was appended to the file";

  const int64_t most = file.most_bytes_left();
  if (most < wanted) {
    fail(file, kDimsOffset, "dim[0]", declared,
         fmt::format("{}{}", file.compressed() ? "at most " : "", most), short_hint);
  }
  if (!file.compressed() && most > wanted) {
    fail(file, kDimsOffset, "dim[0]", declared, fmt::format("{}", most), long_hint);
  }
  contents.elements = file.read_bytes(wanted);
  const auto got = static_cast<int64_t>(contents.elements.size());
  if (got < wanted) {
    fail(file, kDimsOffset, "dim[0]", declared, fmt::format("{}", got), short_hint);
  }
  uint8_t extra = 0;
  if (file.read(&extra, 1) != 0) {
    fail(file, kDimsOffset, "dim[0]", declared, fmt::format("{} or more", wanted + 1), long_hint);
  }
  return contents;
}

}  // namespace

IdxImages read_idx_images(const std::string& path) {
  Contents contents = read_idx(path, 3, "images");
  return {contents.dims[0], contents.dims[1], contents.dims[2], std::move(contents.elements)};
}

std::vector<uint8_t> read_idx_labels(const std::string& path) {
  return read_idx(path, 1, "labels").elements;
}

}  // namespace vsml
