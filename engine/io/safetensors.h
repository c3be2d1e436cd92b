// engine/io/safetensors.h: named tensors in a file, in the safetensors format.
//
// A file is 8 bytes with the length of the header (little endian), the header in JSON, and the
// tensors' bytes one after the other. Files written here carry two keys of their own in the
// header's metadata: format_version, and sha256, the digest of the header and the data, so that
// any changed byte is noticed. Files of other writers have neither and are read as well.
//
// Files come from strangers: everything the header says is checked against the bytes that are
// there before memory is allocated for it. Values are not looked at; see require_finite().
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace engine {

struct NamedTensor {
  std::string name;  // 1 to 256 characters of [A-Za-z0-9._/-], unlike every other in the file
  Tensor tensor;
};

struct TensorFile {
  std::vector<NamedTensor> tensors;             // at most 4096
  std::map<std::string, std::string> metadata;  // without format_version and sha256
  std::string path;                             // where it was read from, for messages

  // Throws IoError if there is no tensor of that name.
  const Tensor& at(const std::string& name) const;
};

// Replaces the file (see write_file_atomically, also for what is thrown). Tensors may be views and
// on any device. The same names, values and metadata give the same bytes, whatever the order of the
// tensors: they are stored by falling element size, then by name, so each is aligned.
// Throws IoError if read_safetensors would refuse the file.
void write_safetensors(const std::string& path, const TensorFile& file);

// Reads all tensors, in the order of their data, to the CPU. Supported are F32, F64, I32 and BF16
// of up to 8 axes, in a header of at most 16 MiB. Throws IoError for any other file: malformed, cut
// short, followed by more bytes, changed since it was written, or of a newer format_version.
TensorFile read_safetensors(const std::string& path);

// Throws IoError, naming path, tensor and index, at the first NaN or infinity.
void require_finite(const std::string& path, const TensorFile& file);

}  // namespace engine
