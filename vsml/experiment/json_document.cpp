#include "vsml/experiment/json_document.h"

#include <algorithm>
#include <cstddef>
#include <fmt/format.h>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "engine/io/atomic_file.h"

namespace vsml {
namespace {

// Where the lexer is in the text. It holds the iterators by value, so they share this.
struct Cursor {
  std::string_view text;
  size_t consumed = 0;  // characters the lexer has taken
};

// Gives the lexer the characters of a text and keeps count of them.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(Cursor* cursor, size_t position) : cursor_(cursor), position_(position) {}

  reference operator*() const { return cursor_->text[position_]; }
  CountingIterator& operator++() {
    cursor_->consumed = ++position_;
    return *this;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) {
    return a.position_ == b.position_;
  }
  friend bool operator!=(const CountingIterator& a, const CountingIterator& b) { return !(a == b); }

 private:
  Cursor* cursor_;
  size_t position_;
};

// Turns the lexer's events into a tree.
class TreeBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  TreeBuilder(const Cursor& cursor, std::shared_ptr<const std::string> file, std::string path)
      : cursor_(cursor), file_(std::move(file)), path_(std::move(path)) {}

  JsonValue take_root() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return add(value);
    return add(static_cast<int64_t>(value));
  }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override {
    refuse_nul(value);
    return add(std::move(value));
  }
  bool binary(binary_t&) override { return false; }  // not in JSON text

  bool start_object(size_t) override { return open(JsonObject{}); }
  bool start_array(size_t) override { return open(JsonArray{}); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& key) override;
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception& error) override;

 private:
  // A list or object that has begun and not ended, and the member that is being read.
  struct Open {
    JsonValue value;
    std::string key;
    Place key_place;
    std::unordered_map<std::string, int64_t> lines;  // of the keys so far
  };

  Place here();
  size_t last_character() const { return std::max<size_t>(cursor_.consumed, 1) - 1; }
  std::string path_here() const;
  void refuse_nul(const std::string& text);
  void count_value();
  template <class T>
  bool add(T&& data);
  template <class T>
  bool open(T&& data);
  bool close();
  void attach(JsonValue value);

  const Cursor& cursor_;
  std::shared_ptr<const std::string> file_;
  std::string path_;
  JsonValue root_;
  std::vector<Open> open_;
  int64_t num_values_ = 0;
  int64_t line_ = 1;    // of the character at counted_
  size_t counted_ = 0;  // newlines before this one are in line_
};

// The line of the last character taken; a newline belongs to the line it ends.
Place TreeBuilder::here() {
  if (file_ == nullptr) return {};
  const size_t last = last_character();
  for (; counted_ < last; ++counted_) line_ += cursor_.text[counted_] == '\n';
  return {file_, line_};
}

std::string TreeBuilder::path_here() const {
  std::string path = path_;
  for (const Open& level : open_) {
    if (const JsonArray* array = level.value.array()) {
      path = element_path(path, array->size());
    } else if (!level.key.empty()) {
      path = member_path(path, level.key);
    }
  }
  return path;
}

void TreeBuilder::refuse_nul(const std::string& text) {
  if (text.find('\0') == std::string::npos) return;
  throw SpecError(here(), path_here(), "expected text without NUL, got " + quoted(text));
}

void TreeBuilder::count_value() {
  if (++num_values_ > kMaxJsonValues) {
    throw SpecError(here(), path_,
                    fmt::format("expected at most {} values, got more", kMaxJsonValues));
  }
}

template <class T>
bool TreeBuilder::add(T&& data) {
  count_value();
  attach({here(), std::forward<T>(data)});
  return true;
}

template <class T>
bool TreeBuilder::open(T&& data) {
  count_value();
  if (open_.size() == static_cast<size_t>(kMaxJsonDepth)) {
    throw SpecError(
        here(), path_,
        fmt::format("expected lists and objects at most {} deep, got more", kMaxJsonDepth));
  }
  open_.push_back({{here(), std::forward<T>(data)}, {}, {}, {}});
  return true;
}

bool TreeBuilder::close() {
  JsonValue value = std::move(open_.back().value);
  open_.pop_back();
  attach(std::move(value));
  return true;
}

void TreeBuilder::attach(JsonValue value) {
  if (open_.empty()) {
    root_ = std::move(value);
    return;
  }
  Open& level = open_.back();
  if (JsonArray* array = level.value.array()) {
    array->push_back(std::move(value));
  } else {
    level.value.object()->push_back({std::move(level.key), level.key_place, std::move(value)});
    level.key.clear();
  }
}

bool TreeBuilder::key(std::string& key) {
  refuse_nul(key);
  Open& level = open_.back();
  level.key = key;
  level.key_place = here();
  const auto [first, is_new] = level.lines.emplace(key, level.key_place.line);
  if (!is_new) {
    throw SpecError(
        level.key_place, path_here(),
        file_ == nullptr
            ? "expected each key once, got it twice"
            : fmt::format("expected each key once, got it on line {} before", first->second),
        "remove one of the two");
  }
  return true;
}

// What to do about a character that JSON does not have there.
std::string syntax_hint(std::string_view text, size_t at) {
  const char found = at < text.size() ? text[at] : '\0';
  const size_t before = at == 0 ? std::string_view::npos : text.find_last_not_of(" \t\r\n", at - 1);
  if ((found == '}' || found == ']') && before != std::string_view::npos && text[before] == ',') {
    return "JSON has no comma after the last member";
  }
  if (found == '/' || found == '#') return "JSON has no comments; write a \"$comment\" key";
  if (found == '\'') return "JSON strings and keys are in double quotes";
  if (found == 'N' || found == 'I') return "JSON has no NaN and no Infinity";
  return {};
}

bool TreeBuilder::parse_error(size_t, const std::string&, const nlohmann::json::exception& error) {
  // The library's text is "[id] where: syntax error while parsing ... - problem".
  const std::string text = error.what();
  const size_t dash = text.find(" - ");
  const size_t bracket = text.find("] ");
  const std::string problem = dash != std::string::npos      ? text.substr(dash + 3)
                              : bracket != std::string::npos ? text.substr(bracket + 2)
                                                             : text;
  const size_t last = last_character();
  const size_t newline = last == 0 ? std::string_view::npos : cursor_.text.rfind('\n', last - 1);
  const size_t column = newline == std::string_view::npos ? last + 1 : last - newline;
  throw SpecError(here(), path_here(),
                  fmt::format("column {}: expected JSON, got {}", column, shortened(problem)),
                  syntax_hint(cursor_.text, last));
}

// Things the lexer would skip or take for the end.
void refuse_encoding(std::string_view text, const Place& start, const std::string& path) {
  const auto begins = [&](std::string_view mark) { return text.substr(0, mark.size()) == mark; };
  if (begins("\xef\xbb\xbf")) {
    throw SpecError(start, path, "expected JSON, got a byte order mark",
                    "save the file as UTF-8 without it");
  }
  if (begins("\xff\xfe") || begins("\xfe\xff")) {
    throw SpecError(start, path, "expected UTF-8, got UTF-16", "save the file as UTF-8");
  }
  const size_t nul = text.find('\0');
  if (nul == std::string_view::npos) return;
  Place place = start;
  if (place.file != nullptr) place.line += std::count(text.begin(), text.begin() + nul, '\n');
  throw SpecError(place, path, fmt::format("expected text, got NUL at byte {}", nul));
}

template <class Value>
auto* find_member(Value& value, std::string_view key) {
  auto* object = value.object();
  if (object != nullptr) {
    for (auto& member : *object) {
      if (member.key == key) return &member;
    }
  }
  return static_cast<decltype(object->data())>(nullptr);
}

}  // namespace

const JsonMember* JsonValue::find(std::string_view key) const {
  return find_member(*this, key);
}

JsonMember* JsonValue::find(std::string_view key) {
  return find_member(*this, key);
}

JsonValue parse_json(std::string_view text, std::shared_ptr<const std::string> file,
                     const std::string& path) {
  const Place start{file, file == nullptr ? 0 : 1};
  if (static_cast<int64_t>(text.size()) > kMaxJsonBytes) {
    throw SpecError(start, path,
                    fmt::format("expected at most {} bytes, got {}", kMaxJsonBytes, text.size()));
  }
  refuse_encoding(text, start, path);
  Cursor cursor{text};
  TreeBuilder builder(cursor, std::move(file), path);
  nlohmann::json::sax_parse(CountingIterator(&cursor, 0), CountingIterator(&cursor, text.size()),
                            &builder);
  return builder.take_root();
}

JsonValue read_json_file(const std::string& path) {
  return parse_json(engine::read_file(path, kMaxJsonBytes),
                    std::make_shared<const std::string>(path));
}

bool is_annotation(std::string_view key) {
  return key == "$comment" || key == "$schema";
}

std::string describe(const JsonValue& value) {
  struct Describer {
    std::string operator()(std::nullptr_t) const { return "null"; }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(int64_t value) const { return fmt::format("{}", value); }
    std::string operator()(uint64_t value) const { return fmt::format("{}", value); }
    std::string operator()(double value) const { return fmt::format("{}", value); }
    std::string operator()(const std::string& value) const { return quoted(value); }
    std::string operator()(const JsonArray&) const { return "a list"; }
    std::string operator()(const JsonObject&) const { return "an object"; }
  };
  return std::visit(Describer{}, value.data);
}

std::string member_path(const std::string& parent, const std::string& key) {
  return parent.empty() ? shortened(key) : parent + "." + shortened(key);
}

std::string element_path(const std::string& parent, size_t index) {
  return fmt::format("{}[{}]", parent, index);
}

}  // namespace vsml
