#include "vsml/experiment/spec_override.h"

#include <algorithm>
#include <fmt/format.h>

namespace vsml {
namespace {

constexpr size_t kMostIndexDigits = 6;

[[noreturn]] void fail(const Place& place, const std::string& path, const std::string& problem,
                       std::string hint = {}) {
  throw SpecError(place, shortened(path), problem, std::move(hint));
}

bool is_index(std::string_view text) {
  return !text.empty() && text.size() <= kMostIndexDigits &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "key", "key[0]", "key[0][1]" or "0".
void split_part(const std::string& path, std::string_view part, const Place& place,
                std::vector<PathPart>& parts) {
  const size_t bracket = std::min(part.find('['), part.size());
  const std::string key(part.substr(0, bracket));
  if (key.empty()) fail(place, path, "expected keys with one dot between them, got an empty key");
  if (is_index(key)) {
    parts.emplace_back(static_cast<size_t>(std::stoul(key)));
  } else {
    parts.emplace_back(key);
  }
  part.remove_prefix(bracket);
  while (!part.empty()) {
    const size_t end = part.find(']');
    if (part.front() != '[' || end == std::string_view::npos ||
        !is_index(part.substr(1, end - 1))) {
      fail(place, path, "expected an index like [0], got " + quoted(std::string(part)));
    }
    parts.emplace_back(static_cast<size_t>(std::stoul(std::string(part.substr(1, end - 1)))));
    part.remove_prefix(end + 1);
  }
}

// The words that JSON has, and texts that cannot be meant as bare words, must parse.
JsonValue parse_override(const std::string& path, const std::string& text) {
  const char first = text.front();
  const bool must_be_json = first == '{' || first == '[' || first == '"';
  try {
    return parse_json(text, nullptr, shortened(path));
  } catch (const SpecError&) {
    const bool too_long = static_cast<int64_t>(text.size()) > kMaxJsonBytes;
    if (must_be_json || too_long || text.find('\0') != std::string::npos) throw;
  }
  return {Place{}, text};
}

// The member of an object, made if it is missing.
JsonValue& enter_member(JsonValue& object, const std::string& key, const std::string& path,
                        const Place& place) {
  if (object.object() == nullptr) {
    fail(place, path,
         fmt::format("expected an object or a list around \"{}\", got {}", shortened(key),
                     describe(object)));
  }
  if (JsonMember* member = object.find(key)) return member->value;
  object.object()->push_back({key, place, {place, JsonObject{}}});
  return object.object()->back().value;
}

JsonValue& enter_element(JsonValue& list, size_t index, const std::string& path,
                         const Place& place) {
  JsonArray* elements = list.array();
  if (elements == nullptr) {
    const JsonObject* object = list.object();
    const bool is_missing = object != nullptr && object->empty();
    fail(place, path,
         fmt::format("expected a list at index {}, got {}", index,
                     is_missing ? "none in the spec" : describe(list)),
         "set the whole list");
  }
  if (index >= elements->size()) {
    fail(place, path, fmt::format("expected an index below {}, got {}", elements->size(), index));
  }
  return (*elements)[index];
}

}  // namespace

std::vector<PathPart> split_path(const std::string& path, const Place& place) {
  std::vector<PathPart> parts;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    split_part(path, std::string_view(path).substr(begin, end - begin), place, parts);
    begin = end + 1;
  }
  if (parts.size() > static_cast<size_t>(kMaxJsonDepth)) {
    fail(place, path,
         fmt::format("expected at most {} keys and indices, got {}", kMaxJsonDepth, parts.size()));
  }
  return parts;
}

Found follow(const JsonValue& root, const std::vector<PathPart>& path) {
  Found found{&root, nullptr, 0};
  for (const PathPart& part : path) {
    if (const auto* key = std::get_if<std::string>(&part)) {
      const JsonMember* member = found.value->find(*key);
      if (member == nullptr) break;
      found = {&member->value, member, found.depth + 1};
    } else {
      const JsonArray* list = found.value->array();
      const size_t index = std::get<size_t>(part);
      if (list == nullptr || index >= list->size()) break;
      found = {&(*list)[index], nullptr, found.depth + 1};
    }
  }
  return found;
}

void set_value(JsonValue& root, const std::string& path, JsonValue value, const Place& place) {
  const std::vector<PathPart> parts = split_path(path, place);
  if (parts.front() == PathPart("extends")) {
    fail(place, path, "expected a key that can be set, got extends", "extend in a spec file");
  }
  JsonValue* target = &root;
  JsonMember* member = nullptr;
  for (const PathPart& part : parts) {
    if (const auto* key = std::get_if<std::string>(&part)) {
      JsonValue& inside = enter_member(*target, *key, path, place);
      member = target->find(*key);
      target = &inside;
    } else {
      target = &enter_element(*target, std::get<size_t>(part), path, place);
      member = nullptr;
    }
  }
  if (member != nullptr) member->place = place;
  *target = std::move(value);
}

void apply_override(JsonValue& root, const std::string& override) {
  const size_t equals = override.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw SpecError(Place{}, "", "expected KEY=VALUE, got " + quoted(override),
                    "for example --set meta.steps=100");
  }
  const std::string path = override.substr(0, equals);
  const std::string text = override.substr(equals + 1);
  if (text.empty()) {
    fail(Place{}, path, "expected a value after '=', got none", "an empty text is \"\"");
  }
  split_path(path);  // what is wrong with the path is said first
  set_value(root, path, parse_override(path, text), Place{});
}

}  // namespace vsml
