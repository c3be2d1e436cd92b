// vsml/experiment/json_document.h: JSON as a tree in which every value knows where it was said.
//
// Specs come from strangers: what is read is bounded in bytes, depth and number of values before
// any tree is built, and anything but plain JSON in UTF-8 is refused (duplicate keys, byte order
// marks, NUL, comments, NaN, numbers that overflow). Errors are SpecError with file and line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vsml/experiment/spec_error.h"

namespace vsml {

constexpr int64_t kMaxJsonBytes = 1 << 20;
constexpr int kMaxJsonDepth = 32;  // lists and objects inside one another
constexpr int64_t kMaxJsonValues = 1 << 16;

struct JsonValue;
struct JsonMember;
using JsonArray = std::vector<JsonValue>;
using JsonObject = std::vector<JsonMember>;  // in the order of the file

struct JsonValue {
  Place place;  // the line a list or an object begins on, and any other value ends on
  // Integers are int64_t, or uint64_t above its range; double are numbers with a point or an
  // exponent, and integers too large for either.
  std::variant<std::nullptr_t, bool, int64_t, uint64_t, double, std::string, JsonArray, JsonObject>
      data;

  const JsonArray* array() const { return std::get_if<JsonArray>(&data); }
  JsonArray* array() { return std::get_if<JsonArray>(&data); }
  const JsonObject* object() const { return std::get_if<JsonObject>(&data); }
  JsonObject* object() { return std::get_if<JsonObject>(&data); }
  const std::string* text() const { return std::get_if<std::string>(&data); }
  bool is_null() const { return std::holds_alternative<std::nullptr_t>(data); }

  // The member of an object; null if there is none, or if this is not an object.
  const JsonMember* find(std::string_view key) const;
  JsonMember* find(std::string_view key);
};

struct JsonMember {
  std::string key;
  Place place;  // of the key
  JsonValue value;
};

// Parses a text. `file` is what places name; without one the text is the value of an override. In
// errors, key paths begin with `path`.
JsonValue parse_json(std::string_view text, std::shared_ptr<const std::string> file,
                     const std::string& path = {});

// Reads and parses a file; throws IoError if it is missing, unreadable, not a regular file or
// larger than kMaxJsonBytes.
JsonValue read_json_file(const std::string& path);

// True for "$comment" and "$schema", which any object may have and which mean nothing.
bool is_annotation(std::string_view key);

// What a value is, for "got ...": `3`, `"text"`, `null`, `a list`, `an object`.
std::string describe(const JsonValue& value);

// Key paths as they are printed: "tasks.train[0].weight".
std::string member_path(const std::string& parent, const std::string& key);
std::string element_path(const std::string& parent, size_t index);

}  // namespace vsml
