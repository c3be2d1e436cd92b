// engine/io/safetensors_header.h: the JSON header of a safetensors file. Only safetensors.cpp uses
// it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/dtype.h"
#include "engine/shape.h"

namespace engine {

inline constexpr int64_t kMaxHeaderBytes = int64_t{16} << 20;
inline constexpr const char* kMetadataKey = "__metadata__";
inline constexpr const char* kVersionKey = "format_version";
inline constexpr const char* kVersion = "1";
inline constexpr const char* kDigestKey = "sha256";

struct TensorEntry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  int64_t begin = 0, end = 0;  // bytes of the data section

  int64_t num_bytes() const { return end - begin; }
};

struct SafetensorsHeader {
  std::vector<TensorEntry> entries;
  std::map<std::string, std::string> metadata;
};

// Reads a header, with the spaces it may end with. Others write the keys in any order; the entries
// returned are in that of their data. Of an entry alone everything is checked; how the entries lie
// to each other and in the file is not. Throws IoError with `path` and a place, which is the name
// of a tensor and key, or a byte offset in a file whose header starts at byte 8.
SafetensorsHeader parse_header(const std::string& path, const std::string& text);

// The header as it is written, without spaces: the metadata by key, then the entries in order.
std::string header_text(const SafetensorsHeader& header);

}  // namespace engine
