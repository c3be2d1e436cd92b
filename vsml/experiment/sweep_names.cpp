#include "vsml/experiment/sweep_names.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <set>

namespace vsml {
namespace {

constexpr size_t kLongestVariant = 160;  // bytes: a folder's name has at most 255
constexpr size_t kMostNumbers = 4;       // of a list that is written out

// What the folder of a sweep holds besides its runs (sweep_directory.h).
const std::vector<std::string> kReserved{"specs", "sweep.json", "summary.json", "summary.txt"};

std::string safe(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._+=,").find(c) != std::string_view::npos;
    if (plain) {
      result += c;
    } else if (!result.empty() && result.back() != '-') {
      result += '-';
    }
  }
  while (!result.empty() && (result.front() == '.' || result.front() == '-')) result.erase(0, 1);
  while (!result.empty() && result.back() == '-') result.pop_back();
  return result;
}

std::vector<std::string> words_of(const std::string& key) {
  std::vector<std::string> words(1);
  for (const char c : key) {
    if (c == '.' || c == '[') {
      words.emplace_back();
    } else if (c != ']') {
      words.back() += c;
    }
  }
  return words;
}

// So many last words of a path.
std::string ending(const std::vector<std::string>& words, size_t count) {
  std::string text;
  for (size_t k = words.size() - std::min(count, words.size()); k < words.size(); ++k) {
    text += (text.empty() ? "" : ".") + words[k];
  }
  return text;
}

// The shortest ending of each key that no other has.
std::map<std::string, std::string> short_keys(const std::set<std::string>& keys) {
  std::map<std::string, std::string> result;
  for (const std::string& key : keys) {
    const std::vector<std::string> words = words_of(key);
    size_t count = 1;
    const auto is_shared = [&](const std::string& other) {
      return other != key && ending(words_of(other), count) == ending(words, count);
    };
    while (count < words.size() && std::any_of(keys.begin(), keys.end(), is_shared)) ++count;
    result[key] = safe(ending(words, count));
  }
  return result;
}

bool is_plain(const JsonValue& value) {
  return value.array() == nullptr && value.object() == nullptr;
}

std::string plain_text(const JsonValue& value) {
  const std::string* text = value.text();
  if (text == nullptr) return describe(value);
  const bool is_file = text->find('/') != std::string::npos;
  return is_file ? std::filesystem::path(*text).stem().string() : *text;
}

// Empty if there is nothing short to say.
std::string value_text(const JsonValue& value) {
  if (is_plain(value)) return safe(plain_text(value));
  if (const JsonArray* list = value.array()) {
    if (list->size() == 1) return value_text(list->front());
    if (list->empty() || list->size() > kMostNumbers) return "";
    std::string text;
    for (const JsonValue& one : *list) {
      if (!is_plain(one)) return "";
      text += (text.empty() ? "" : "x") + safe(plain_text(one));
    }
    return text;
  }
  for (const char* key : {"name", "type", "dataset"}) {
    const JsonMember* member = value.find(key);
    if (member != nullptr && member->value.text() != nullptr) return safe(*member->value.text());
  }
  return "";
}

}  // namespace

std::vector<std::string> variant_names(const std::vector<std::vector<SweepSetting>>& variants,
                                       const std::vector<std::string>& said,
                                       const std::string& otherwise) {
  std::set<std::string> keys;
  for (const auto& variant : variants) {
    for (const SweepSetting& one : variant) keys.insert(one.key);
  }
  const std::map<std::string, std::string> key_names = short_keys(keys);
  std::vector<std::string> names;
  std::set<std::string> taken(kReserved.begin(), kReserved.end());
  for (size_t v = 0; v < variants.size(); ++v) {
    std::string name = safe(said[v]);
    for (const SweepSetting& one : variants[v]) {
      // What a list entry sets is not spelt out beside its name.
      if (!said[v].empty() && one.of_list) continue;
      const std::string value = value_text(*one.value);
      name += fmt::format("{}{}={}", name.empty() ? "" : ",", key_names.at(one.key),
                          value.empty() ? fmt::format("{}", one.index + 1) : value);
    }
    if (name.empty()) name = safe(otherwise);
    if (name.empty()) name = "run";
    name.resize(std::min(name.size(), kLongestVariant));
    std::string unique = name;
    for (int k = 2; !taken.insert(unique).second; ++k) unique = fmt::format("{}+{}", name, k);
    names.push_back(unique);
  }
  return names;
}

std::string with_seed(const std::string& variant, const std::string& seed) {
  return variant + ",seed=" + seed;
}

}  // namespace vsml
