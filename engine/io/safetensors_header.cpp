#include "engine/io/safetensors_header.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "engine/error.h"
#include "engine/joined.h"

namespace engine {
namespace {

constexpr int64_t kMaxNumber = int64_t{1} << 40;
constexpr size_t kMaxEntries = 4096;
constexpr size_t kMaxNameBytes = 256;
constexpr size_t kMaxQuotedBytes = 64;

// Text from a file, fit for a message.
std::string excerpt(const std::string& text) {
  const bool cut = text.size() > kMaxQuotedBytes;
  return fmt::format("'{}{}'", printable(text.substr(0, kMaxQuotedBytes)), cut ? "..." : "");
}

const char* stored_name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "F32";
    case DType::f64:
      return "F64";
    case DType::i32:
      return "I32";
    case DType::bf16:
      return "BF16";
  }
  return "";
}

// Takes the events of the JSON parser and lets nothing pass but the headers of the format. The
// levels are those of the format, so nesting is bounded by it.
class HeaderParser : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderParser(const std::string& path, SafetensorsHeader& header) : path_(path), header_(header) {}

  bool start_object(std::size_t) override {
    if (level_ == Level::Start) {
      level_ = Level::Names;
    } else if (level_ == Level::Names && name_ == kMetadataKey) {
      level_ = Level::Metadata;
    } else if (level_ == Level::Names) {
      level_ = Level::Fields;
      fields_.clear();
      header_.entries.emplace_back().name = name_;
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool key(std::string& text) override {
    if (level_ == Level::Names) {
      name_ = text;
      require_name();
    } else if (level_ == Level::Metadata) {
      field_ = text;
      if (header_.metadata.contains(field_)) fail("expected each key once, found it twice");
      if (header_.metadata.size() == kMaxEntries) {
        fail(fmt::format("expected at most {} keys, found more", kMaxEntries));
      }
    } else {
      field_ = text;
      if (text != "dtype" && text != "shape" && text != "data_offsets") {
        fail("expected only dtype, shape and data_offsets, found another key");
      }
      if (!fields_.insert(text).second) fail("expected each key once, found it twice");
    }
    return true;
  }

  bool end_object() override {
    if (level_ == Level::Fields) check_entry();
    if (level_ == Level::Metadata) check_metadata();
    level_ = Level::Names;
    return true;
  }

  bool start_array(std::size_t) override {
    if (level_ != Level::Fields || field_ == "dtype") unexpected("an array");
    level_ = Level::Numbers;
    num_numbers_ = 0;
    return true;
  }

  bool end_array() override {
    level_ = Level::Fields;
    if (field_ == "data_offsets" && num_numbers_ != 2) {
      fail(fmt::format("expected 2 numbers, found {}", num_numbers_));
    }
    return true;
  }

  bool string(std::string& text) override {
    if (level_ == Level::Metadata) {
      header_.metadata[field_] = text;
    } else if (level_ == Level::Fields && field_ == "dtype") {
      header_.entries.back().dtype = parse_dtype(text);
    } else {
      unexpected("a text");
    }
    return true;
  }

  bool number_unsigned(uint64_t value) override {
    if (level_ != Level::Numbers || value > kMaxNumber) unexpected(fmt::to_string(value));
    TensorEntry& entry = header_.entries.back();
    if (field_ == "data_offsets") {
      if (num_numbers_ < 2) (num_numbers_ == 0 ? entry.begin : entry.end) = int64_t(value);
    } else {
      if (num_numbers_ == kMaxRank) {
        fail(fmt::format("expected at most {} axes, found more", kMaxRank));
      }
      entry.shape.push_back(static_cast<int64_t>(value));
    }
    ++num_numbers_;
    return true;
  }

  bool number_integer(int64_t value) override { unexpected(fmt::to_string(value)); }
  bool number_float(double, const std::string& text) override { unexpected(excerpt(text)); }
  bool null() override { unexpected("null"); }
  bool boolean(bool value) override { unexpected(value ? "true" : "false"); }
  bool binary(nlohmann::json::binary_t&) override { unexpected("binary data"); }

  bool parse_error(std::size_t position, const std::string& last,
                   const nlohmann::json::exception&) override {
    throw IoError(path_, fmt::format("{:#x}", sizeof(uint64_t) + std::max<size_t>(position, 1) - 1),
                  fmt::format("expected a header in JSON, found an error at {}", excerpt(last)));
  }

 private:
  enum class Level { Start, Names, Metadata, Fields, Numbers };

  std::string place() const {
    const std::string field = field_.substr(0, kMaxQuotedBytes);
    switch (level_) {
      case Level::Start:
        return "";
      case Level::Names:
        return name_;
      case Level::Metadata:
        return fmt::format("{}.{}", kMetadataKey, field);
      case Level::Fields:
        return fmt::format("{}.{}", name_, field);
      case Level::Numbers:
        return fmt::format("{}.{}[{}]", name_, field, num_numbers_);
    }
    return "";
  }

  [[noreturn]] void fail(const std::string& problem, std::string hint = {}) const {
    throw IoError(path_, place(), problem, std::move(hint));
  }

  [[noreturn]] void unexpected(const std::string& found) const {
    const char* expected = "an object";
    if (level_ == Level::Metadata || (level_ == Level::Fields && field_ == "dtype")) {
      expected = "a text";
    } else if (level_ == Level::Fields) {
      expected = "an array";
    } else if (level_ == Level::Numbers) {
      expected = "a whole number from 0 to 2^40";
    }
    fail(fmt::format("expected {}, found {}", expected, found));
  }

  void require_name() {
    const auto allowed = [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
             c == '.' || c == '_' || c == '/' || c == '-';
    };
    if (name_.empty() || name_.size() > kMaxNameBytes ||
        !std::all_of(name_.begin(), name_.end(), allowed)) {
      throw IoError(path_, "",
                    fmt::format("expected tensor names of 1 to {} characters of [A-Za-z0-9._/-], "
                                "found {}",
                                kMaxNameBytes, excerpt(name_)));
    }
    if (!names_.insert(name_).second) fail("expected each name once, found it twice");
    if (names_.size() - names_.count(kMetadataKey) > kMaxEntries) {
      fail(fmt::format("expected at most {} tensors, found more", kMaxEntries));
    }
  }

  DType parse_dtype(const std::string& text) const {
    for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::bf16}) {
      if (text == stored_name(dtype)) return dtype;
    }
    fail(fmt::format("expected F32, F64, I32 or BF16, found {}", excerpt(text)));
  }

  void check_entry() {
    for (const char* needed : {"dtype", "shape", "data_offsets"}) {
      field_ = needed;
      if (!fields_.contains(needed)) fail("expected the key, found none");
    }
    const TensorEntry& entry = header_.entries.back();
    int64_t num_bytes = size_of(entry.dtype);
    bool empty = false;
    try {
      for (const int64_t extent : entry.shape) {
        empty = empty || extent == 0;
        num_bytes = checked_mul(num_bytes, std::max<int64_t>(extent, 1));
      }
    } catch (const ShapeError& error) {
      field_ = "shape";
      fail(fmt::format("expected a size below 2^63 bytes, found {}", to_string(entry.shape)));
    }
    if (empty) num_bytes = 0;
    if (entry.begin > entry.end || entry.num_bytes() != num_bytes) {
      fail(fmt::format("expected {} bytes for {} {}, found [{}, {}]", num_bytes,
                       stored_name(entry.dtype), to_string(entry.shape), entry.begin, entry.end));
    }
  }

  // Before the tensors are looked at where it comes first, so that a newer format, which may differ
  // in anything else, is refused by name.
  void check_metadata() {
    const auto version = header_.metadata.find(kVersionKey);
    if (version == header_.metadata.end()) return;
    field_ = kVersionKey;
    if (version->second != kVersion) {
      fail(fmt::format("expected format version {}, found {}", kVersion, excerpt(version->second)),
           "the file was written by a newer version, or changed; read it with the newer version");
    }
    field_ = kDigestKey;
    if (!header_.metadata.contains(kDigestKey)) fail("expected the key, found none");
  }

  const std::string& path_;
  SafetensorsHeader& header_;
  Level level_ = Level::Start;
  std::string name_, field_;
  std::set<std::string> names_, fields_;
  int num_numbers_ = 0;
};

}  // namespace

// Text written by others may have its keys in any order; the entries are in that of their data.
SafetensorsHeader parse_header(const std::string& path, const std::string& text) {
  if (!text.starts_with('{')) {
    throw IoError(path, fmt::format("{:#x}", sizeof(uint64_t)),
                  fmt::format("expected a header that starts with a brace, found {}",
                              excerpt(text.substr(0, 1))));
  }
  const size_t last = text.find_last_not_of(' ');
  if (text[last] != '}') {
    throw IoError(path, fmt::format("{:#x}", sizeof(uint64_t) + last),
                  fmt::format("expected a header that ends with a brace and spaces, found {}",
                              excerpt(text.substr(last, 1))));
  }
  SafetensorsHeader header;
  HeaderParser parser(path, header);
  nlohmann::json::sax_parse(text, &parser);
  std::stable_sort(header.entries.begin(), header.entries.end(),
                   [](const TensorEntry& a, const TensorEntry& b) {
                     return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
                   });
  return header;
}

std::string header_text(const SafetensorsHeader& header) {
  std::string text =
      fmt::format("{{\"{}\":{}", kMetadataKey, nlohmann::json(header.metadata).dump());
  for (const TensorEntry& entry : header.entries) {
    text += fmt::format(R"(,{}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                        nlohmann::json(entry.name).dump(), stored_name(entry.dtype),
                        joined(entry.shape, ","), entry.begin, entry.end);
  }
  return text + "}";
}

}  // namespace engine
