#include "vsml/experiment/spec_reader.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>

namespace vsml {
namespace {

constexpr double kExactIntegers = 9007199254740992;  // 2^53: below it a double is exact

[[noreturn]] void fail(const JsonValue& value, const std::string& path, const std::string& expected,
                       std::string hint = {}) {
  throw SpecError(value.place, path, fmt::format("expected {}, got {}", expected, describe(value)),
                  std::move(hint));
}

std::string describe_range(const IntegerRange& range) {
  return fmt::format("an integer from {} to {}", range.least, range.most);
}

std::string describe_range(const RealRange& range) {
  return fmt::format("a number {} {} and {} {}", range.without_least ? "above" : "of at least",
                     range.least, range.without_most ? "below" : "at most", range.most);
}

std::optional<double> as_real(const JsonValue& value) {
  if (const auto* real = std::get_if<double>(&value.data)) return *real;
  if (const auto* integer = std::get_if<int64_t>(&value.data)) return static_cast<double>(*integer);
  if (const auto* large = std::get_if<uint64_t>(&value.data)) return static_cast<double>(*large);
  return std::nullopt;
}

std::optional<int64_t> as_integer(const JsonValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value.data)) return *integer;
  const auto* real = std::get_if<double>(&value.data);
  if (real == nullptr || std::abs(*real) > kExactIntegers || std::trunc(*real) != *real) {
    return std::nullopt;
  }
  return static_cast<int64_t>(*real);
}

int64_t read_integer(const JsonValue& value, const std::string& path, const IntegerRange& range,
                     const std::string& otherwise = {}) {
  const std::optional<int64_t> integer = as_integer(value);
  if (!integer || *integer < range.least || *integer > range.most) {
    fail(value, path, describe_range(range) + otherwise);
  }
  return *integer;
}

double read_real(const JsonValue& value, const std::string& path, const RealRange& range,
                 const std::string& otherwise = {}) {
  const std::optional<double> real = as_real(value);
  const bool inside = real && (range.without_least ? *real > range.least : *real >= range.least) &&
                      (range.without_most ? *real < range.most : *real <= range.most);
  if (!inside) fail(value, path, describe_range(range) + otherwise);
  return *real;
}

// The elements of a list, after checking that it is one and not too long.
const JsonArray& read_list(const JsonValue& value, const std::string& path, size_t fewest,
                           const char* of_what) {
  const JsonArray* list = value.array();
  if (list == nullptr) fail(value, path, std::string("a list of ") + of_what);
  if (list->size() < fewest || list->size() > kMaxListSize) {
    throw SpecError(value.place, path,
                    fmt::format("expected from {} to {} {}, got {}", fewest, kMaxListSize, of_what,
                                list->size()));
  }
  return *list;
}

std::array<int64_t, 2> read_pair(const JsonValue& value, const std::string& path,
                                 const IntegerRange& range, const char* expected) {
  const JsonArray* list = value.array();
  if (list == nullptr) fail(value, path, expected);
  if (list->size() != 2) {
    throw SpecError(value.place, path,
                    fmt::format("expected [height, width], got {} numbers", list->size()));
  }
  return {read_integer((*list)[0], element_path(path, 0), range),
          read_integer((*list)[1], element_path(path, 1), range)};
}

const std::string& read_text(const JsonValue& value, const std::string& path,
                             const char* what = "text") {
  const std::string* text = value.text();
  if (text == nullptr) fail(value, path, fmt::format("{} in quotes", what));
  return *text;
}

std::string absolute_path(const std::string& path, const Place& place) {
  if (path.empty()) return path;
  namespace fs = std::filesystem;
  const fs::path folder = place.file == nullptr ? fs::path() : fs::path(*place.file).parent_path();
  std::error_code no_working_directory;
  const fs::path absolute = fs::absolute(folder / path, no_working_directory);
  return (no_working_directory ? folder / path : absolute).lexically_normal().string();
}

// Reads a value into the field it is visited with.
struct ValueReader {
  const JsonValue& value;
  const std::string& path;

  void operator()(const IntegerField& field) const {
    *field.value = read_integer(value, path, field.range);
  }
  void operator()(const SeedField& field) const {
    if (const auto* large = std::get_if<uint64_t>(&value.data)) {
      *field.value = *large;
      return;
    }
    const std::optional<int64_t> integer = as_integer(value);
    if (!integer || *integer < 0) fail(value, path, "an integer from 0 to 18446744073709551615");
    *field.value = static_cast<uint64_t>(*integer);
  }
  void operator()(const RealField& field) const {
    *field.value = read_real(value, path, field.range);
  }
  void operator()(const OptionalRealField& field) const {
    field.value->reset();
    if (!value.is_null()) *field.value = read_real(value, path, field.range, ", or null");
  }
  void operator()(const FlagField& field) const {
    const auto* flag = std::get_if<bool>(&value.data);
    if (flag == nullptr) fail(value, path, "true or false");
    *field.value = *flag;
  }
  void operator()(const TextField& field) const { *field.value = read_text(value, path); }
  void operator()(const PathField& field) const {
    *field.value = absolute_path(read_text(value, path, "a path"), value.place);
  }
  void operator()(const ChoiceField& field) const {
    const std::string expected =
        (field.names.size() > 1 ? "one of " : "") + alternatives(field.names);
    const std::string* text = value.text();
    if (text == nullptr) fail(value, path, expected);
    if (std::find(field.names.begin(), field.names.end(), *text) == field.names.end()) {
      fail(value, path, expected, did_you_mean(*text, field.names));
    }
    field.set(*text);
  }
  void operator()(const IntegerListField& field) const {
    field.value->clear();
    for (const JsonValue& element : read_list(value, path, 0, "integers")) {
      field.value->push_back(
          read_integer(element, element_path(path, field.value->size()), field.range));
    }
  }
  void operator()(const SizeField& field) const {
    field.value->reset();
    if (value.is_null()) return;
    *field.value = read_pair(value, path, field.range, "[height, width] or null");
  }
  void operator()(const ExtentField& field) const {
    *field.value = read_pair(value, path, field.range, "[height, width]");
  }
  void operator()(const RealListField& field) const {
    if (value.array() == nullptr) {
      *field.value = {read_real(value, path, field.range, ", or a list of such numbers")};
      return;
    }
    field.value->clear();
    for (const JsonValue& element : read_list(value, path, 1, "numbers")) {
      field.value->push_back(
          read_real(element, element_path(path, field.value->size()), field.range));
    }
  }
  void operator()(const RecordField& field) const { read_fields(value, field.fields, path); }
  void operator()(const RecordListField& field) const {
    const JsonArray& list = read_list(value, path, field.fewest, "objects");
    field.resize(list.size());
    for (size_t i = 0; i < list.size(); ++i) {
      read_fields(list[i], field.at(i), element_path(path, i));
    }
  }
  void operator()(const SweepField& field) const {
    if (field.part == SweepPart::Grid) {
      if (value.object() == nullptr) fail(value, path, "an object of key paths and lists");
      for (const JsonMember& axis : *value.object()) {
        if (!is_annotation(axis.key)) {
          read_list(axis.value, member_path(path, axis.key), 1, "values");
        }
      }
    } else if (field.part == SweepPart::List) {
      const JsonArray& list = read_list(value, path, 1, "objects");
      for (size_t i = 0; i < list.size(); ++i) {
        if (list[i].object() == nullptr) {
          fail(list[i], element_path(path, i), "an object of key paths and values");
        }
      }
    } else if (!value.is_null()) {
      read_seeds();
    }
  }
  void read_seeds() const {
    if (value.array() == nullptr) {
      read_integer(value, path, {1, kMaxListSize}, ", or a list of seeds");
      return;
    }
    uint64_t seed = 0;
    const JsonArray& list = read_list(value, path, 1, "seeds");
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string here = element_path(path, i);
      ValueReader{list[i], here}(SeedField{&seed});
    }
  }
};

void read_value(const Field& field, const JsonValue& value, const std::string& path) {
  std::visit(ValueReader{value, path}, field.value);
}

// Where in a spec a key of that name would be right: "meta.unroll"; empty if nowhere.
std::string place_of_key(const std::string& key, const Fields& fields, const std::string& path) {
  if (find_field(fields, key) != nullptr) return member_path(path, key);
  for (const Field& field : fields) {
    std::string found;
    if (const auto* record = std::get_if<RecordField>(&field.value)) {
      found = place_of_key(key, record->fields, member_path(path, field.key));
    } else if (const auto* list = std::get_if<RecordListField>(&field.value)) {
      found = place_of_key(key, list->defaults(), member_path(path, field.key) + "[]");
    }
    if (!found.empty()) return found;
  }
  return {};
}

[[noreturn]] void fail_unknown(const JsonMember& member, const Fields& fields,
                               const std::string& path) {
  std::vector<std::string> near, known;
  for (const Field& field : fields) {
    known.push_back(field.key);
    if (applies(field, fields)) near.push_back(field.key);
  }
  std::string hint = did_you_mean(member.key, near);
  if (hint.empty()) hint = did_you_mean(member.key, known);
  if (hint.empty()) {
    Spec spec;
    const std::string elsewhere = place_of_key(member.key, fields_of(spec), "");
    hint = elsewhere.empty() ? fmt::format("known keys: {}", fmt::join(near, ", "))
                             : fmt::format("\"{}\" is a key at {}", member.key, elsewhere);
  }
  throw SpecError(member.place, member_path(path, member.key),
                  "expected a known key, got " + quoted(member.key), hint);
}

void require_applicable(const JsonMember& member, const Field& field, const Fields& fields,
                        const JsonValue& object, const std::string& path) {
  if (applies(field, fields)) return;
  const Field& selector = *selector_of(fields);
  throw SpecError(member.place, member_path(path, member.key),
                  fmt::format("expected {} {} with this key, got {}{}", selector.key,
                              alternatives(cases_of(field.key, fields)),
                              std::get<ChoiceField>(selector.value).get(),
                              object.find(selector.key) == nullptr ? " (the default)" : ""),
                  fmt::format("remove the key, or change {}", selector.key));
}

}  // namespace

void read_fields(const JsonValue& object, const Fields& fields, const std::string& path) {
  const JsonObject* members = object.object();
  if (members == nullptr) fail(object, path, "an object");
  for (const JsonMember& member : *members) {
    if (!is_annotation(member.key) && find_field(fields, member.key) == nullptr) {
      fail_unknown(member, fields, path);
    }
  }
  for (const Field& field : fields) {
    if (field.required && object.find(field.key) == nullptr) {
      throw SpecError(object.place, member_path(path, field.key), "expected this key, got none");
    }
  }
  const Field* selector = selector_of(fields);
  if (selector != nullptr) {
    const JsonMember* selected = object.find(selector->key);
    if (selected != nullptr) {
      read_value(*selector, selected->value, member_path(path, selector->key));
    }
  }
  for (const JsonMember& member : *members) {
    if (is_annotation(member.key)) continue;
    const Field& field = *find_field(fields, member.key);
    require_applicable(member, field, fields, object, path);
    read_value(field, member.value, member_path(path, member.key));
  }
}

}  // namespace vsml
