#include "engine/io/safetensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string_view>
#include <tuple>

#include "engine/error.h"
#include "engine/io/atomic_file.h"
#include "engine/io/safetensors_header.h"
#include "engine/io/sha256.h"
#include "engine/ops/elementwise.h"

namespace engine {
namespace {

static_assert(std::endian::native == std::endian::little, "the format stores little endian");

constexpr size_t kAlignment = 8;

// The digest covers the header too, in the form header_text() gives it and with zeros in the place
// of the digest itself: else a changed name or a float read as an integer would not be noticed.
Sha256 digest_of_header(SafetensorsHeader header) {
  header.metadata[kDigestKey] = std::string(64, '0');
  Sha256 digest;
  digest.update(header_text(header));
  return digest;
}

// Why a file that does not start like one of ours may have been given.
void refuse_foreign(const std::string& path, std::string_view start) {
  struct Kind {
    std::string_view start;
    const char* name;
    const char* hint;
  };
  static constexpr const char* kPickleHint =
      "pickles can run code and are never read; convert the file to safetensors";
  static constexpr const char* kPageHint = "the download may have failed; fetch the file again";
  static constexpr Kind kKinds[] = {
      {"PK\x03\x04", "a zip archive, as torch.save writes it", kPickleHint},
      {"\x80\x02", "a Python pickle", kPickleHint},
      {"\x80\x03", "a Python pickle", kPickleHint},
      {"\x80\x04", "a Python pickle", kPickleHint},
      {"\x80\x05", "a Python pickle", kPickleHint},
      {"version ", "a Git LFS pointer", "fetch the file itself with git lfs pull"},
      {"\x1f\x8b", "gzip data", "decompress the file first"},
      {"<", "an HTML or XML page", kPageHint},
      {"\n<", "an HTML or XML page", kPageHint},
  };
  for (const Kind& kind : kKinds) {
    if (start.starts_with(kind.start)) {
      throw IoError(path, "", fmt::format("expected a safetensors file, found {}", kind.name),
                    kind.hint);
    }
  }
}

SafetensorsHeader read_header(InputFile& file, int64_t& data_bytes) {
  const auto num_start = static_cast<int64_t>(sizeof(uint64_t));
  std::string start(static_cast<size_t>(std::min(file.size(), num_start)), '\0');
  file.read(start.data(), static_cast<int64_t>(start.size()));
  if (file.size() < num_start + 2) {
    refuse_foreign(file.path(), start);
    throw IoError(file.path(), "",
                  fmt::format("expected at least {} bytes, found {}", num_start + 2, file.size()),
                  "the file may have been cut short");
  }
  uint64_t length = 0;
  std::memcpy(&length, start.data(), sizeof length);
  const int64_t max_length = std::min(kMaxHeaderBytes, file.size() - num_start);
  if (length < 2 || length > static_cast<uint64_t>(max_length)) {
    refuse_foreign(file.path(), start);
    throw IoError(file.path(), "0x0",
                  fmt::format("expected a header of 2 to {} bytes, found {}", max_length, length),
                  "the file may have been cut short, or is no safetensors file");
  }
  std::string text(length, '\0');
  file.read(text.data(), static_cast<int64_t>(length));
  if (text[0] != '{') refuse_foreign(file.path(), start);
  data_bytes = file.size() - num_start - static_cast<int64_t>(length);
  return parse_header(file.path(), text);
}

void check_layout(const std::string& path, const SafetensorsHeader& header, int64_t data_bytes) {
  int64_t position = 0;
  for (const TensorEntry& entry : header.entries) {
    if (entry.begin != position) {
      throw IoError(path, entry.name + ".data_offsets",
                    fmt::format("expected data from byte {}, found {}: {}", position, entry.begin,
                                entry.begin < position ? "an overlap" : "a gap"));
    }
    position = entry.end;
  }
  if (position != data_bytes) {
    throw IoError(path, "",
                  fmt::format("expected {} bytes of data, found {}", position, data_bytes),
                  data_bytes < position ? "the file may have been cut short" : "");
  }
}

Tensor host_tensor(const std::string& path, const NamedTensor& named) {
  if (!named.tensor.defined()) {
    throw IoError(path, named.name, "expected a tensor with values, found an empty handle");
  }
  return named.tensor.to(Device{}).contiguous();
}

// The tensors in the order of the file, on the host.
std::vector<NamedTensor> in_file_order(const std::string& path, const TensorFile& file) {
  std::vector<NamedTensor> tensors;
  for (const NamedTensor& named : file.tensors) {
    tensors.push_back({named.name, host_tensor(path, named)});
  }
  std::sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) {
    const int64_t item_a = size_of(a.tensor.dtype()), item_b = size_of(b.tensor.dtype());
    return std::tie(item_b, a.name) < std::tie(item_a, b.name);
  });
  return tensors;
}

SafetensorsHeader describe(const std::vector<NamedTensor>& tensors) {
  SafetensorsHeader header;
  int64_t position = 0;
  for (const auto& [name, tensor] : tensors) {
    const int64_t end = position + tensor.size() * size_of(tensor.dtype());
    header.entries.push_back({name, tensor.dtype(), tensor.shape(), position, end});
    position = end;
  }
  return header;
}

// The header's text, padded so that the data after it is aligned. Reading it again shows whether
// the names, sizes and numbers are such as the format allows.
std::string text_for_file(const std::string& path, const SafetensorsHeader& header) {
  std::string text = header_text(header);
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  if (text.size() > kMaxHeaderBytes) {
    throw IoError(path, "",
                  fmt::format("expected a header of at most {} bytes, found {}", kMaxHeaderBytes,
                              text.size()));
  }
  parse_header(path, text);
  return text;
}

template <class T>
void require_finite_values(const std::string& path, const std::string& name, const T* values,
                           int64_t count) {
  for (int64_t k = 0; k < count; ++k) {
    if (!std::isfinite(values[k])) {
      throw IoError(path, fmt::format("{}[{}]", name, k),
                    fmt::format("expected finite values, found {}", values[k]));
    }
  }
}

}  // namespace

const Tensor& TensorFile::at(const std::string& name) const {
  for (const NamedTensor& named : tensors) {
    if (named.name == name) return named.tensor;
  }
  throw IoError(path, name,
                fmt::format("expected a tensor of this name, found none among {}", tensors.size()));
}

void write_safetensors(const std::string& path, const TensorFile& file) {
  for (const char* key : {kVersionKey, kDigestKey}) {
    if (file.metadata.contains(key)) {
      throw IoError(path, key, "expected metadata without the format's own keys, found this one");
    }
  }
  const std::vector<NamedTensor> tensors = in_file_order(path, file);
  SafetensorsHeader header = describe(tensors);
  header.metadata = file.metadata;
  header.metadata[kVersionKey] = kVersion;

  std::vector<std::string_view> data;
  for (const NamedTensor& named : tensors) {
    const auto num_bytes = static_cast<size_t>(named.tensor.size() * size_of(named.tensor.dtype()));
    data.emplace_back(static_cast<const char*>(named.tensor.view().data), num_bytes);
  }
  std::string text;
  try {
    Sha256 digest = digest_of_header(header);
    for (const std::string_view bytes : data) digest.update(bytes);
    header.metadata[kDigestKey] = digest.hex();
    text = text_for_file(path, header);
  } catch (const nlohmann::json::exception&) {
    throw IoError(path, "", "expected names and metadata in UTF-8, found other bytes");
  }
  const uint64_t length = text.size();
  std::vector<std::string_view> chunks = {{reinterpret_cast<const char*>(&length), sizeof length},
                                          text};
  chunks.insert(chunks.end(), data.begin(), data.end());
  write_file_atomically(path, chunks);
}

TensorFile read_safetensors(const std::string& path) {
  InputFile input(path);
  int64_t data_bytes = 0;
  const SafetensorsHeader header = read_header(input, data_bytes);
  check_layout(path, header, data_bytes);

  TensorFile file{{}, header.metadata, path};
  const auto declared = header.metadata.find(kDigestKey);
  const bool has_digest = declared != header.metadata.end();
  Sha256 digest = digest_of_header(header);
  for (const TensorEntry& entry : header.entries) {
    const Tensor tensor = Tensor::empty(entry.shape, entry.dtype);
    input.read(tensor.view().data, entry.num_bytes());
    if (has_digest) digest.update(tensor.view().data, static_cast<size_t>(entry.num_bytes()));
    file.tensors.push_back({entry.name, tensor});
  }
  if (has_digest && declared->second != digest.hex()) {
    throw IoError(path, fmt::format("{}.{}", kMetadataKey, kDigestKey),
                  fmt::format("expected the digest {}, found {}",
                              printable(declared->second.substr(0, 64)), digest.hex()),
                  "the file was damaged or changed after it was written; fetch it again");
  }
  file.metadata.erase(kVersionKey);
  file.metadata.erase(kDigestKey);
  return file;
}

void require_finite(const std::string& path, const TensorFile& file) {
  for (const NamedTensor& named : file.tensors) {
    Tensor host = host_tensor(path, named);
    if (host.dtype() == DType::bf16) host = cast(host, DType::f32);
    if (host.dtype() == DType::f32) {
      require_finite_values(path, named.name, host.data<float>(), host.size());
    } else if (host.dtype() == DType::f64) {
      require_finite_values(path, named.name, host.data<double>(), host.size());
    }
  }
}

}  // namespace engine
