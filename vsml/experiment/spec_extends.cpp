#include "vsml/experiment/spec_extends.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

namespace vsml {
namespace {

namespace fs = std::filesystem;

bool is_path(const std::string& spec) {
  return spec.find('/') != std::string::npos || spec.ends_with(".json");
}

std::vector<std::string> names_of(const ShippedSpecs& shipped) {
  std::vector<std::string> names;
  for (const auto& [name, file] : shipped) names.push_back(name);
  return names;
}

std::string hint_for_name(const std::string& name, const ShippedSpecs& shipped) {
  const std::string guess = did_you_mean(name, names_of(shipped));
  return guess.empty() ? "a path contains '/' or ends in .json" : guess;
}

// Same file, same text: for finding cycles.
std::string identity(const std::string& path) {
  std::error_code error;
  const fs::path canonical = fs::weakly_canonical(path, error);
  return error ? path : canonical.string();
}

// What an object says about its type; null if it does not.
const std::string* type_of(const JsonValue& object) {
  const JsonMember* type = object.find("type");
  return type == nullptr ? nullptr : type->value.text();
}

bool are_different_things(const JsonValue& a, const JsonValue& b) {
  const std::string* type_a = type_of(a);
  const std::string* type_b = type_of(b);
  return type_a != nullptr && type_b != nullptr && *type_a != *type_b;
}

// Puts `above` over `below`.
void merge(JsonValue& below, JsonValue above) {
  JsonObject* members = above.object();
  if (members == nullptr || below.object() == nullptr || are_different_things(below, above)) {
    below = std::move(above);
    return;
  }
  for (JsonMember& member : *members) {
    if (JsonMember* old = below.find(member.key)) {
      old->place = member.place;
      merge(old->value, std::move(member.value));
    } else {
      below.object()->push_back(std::move(member));
    }
  }
  below.place = above.place;
}

class Reader {
 public:
  explicit Reader(const ShippedSpecs& shipped) : shipped_(shipped) {}

  JsonValue read(const std::string& file) {
    JsonValue root = read_json_file(file);
    if (root.object() == nullptr) {
      throw SpecError(root.place, "", "expected an object, got " + describe(root));
    }
    chain_.push_back(file);
    const JsonMember* extends = root.find("extends");
    if (extends != nullptr) {
      JsonValue merged{root.place, JsonObject{}};
      for_each_parent(extends->value, [&](const JsonValue& parent, const std::string& path) {
        merge(merged, read_parent(parent, path, file));
      });
      std::erase_if(*root.object(),
                    [](const JsonMember& member) { return member.key == "extends"; });
      merge(merged, std::move(root));
      root = std::move(merged);
    }
    chain_.pop_back();
    return root;
  }

 private:
  template <class Action>
  static void for_each_parent(const JsonValue& extends, const Action& action) {
    if (const JsonArray* list = extends.array()) {
      for (size_t i = 0; i < list->size(); ++i) action((*list)[i], element_path("extends", i));
    } else {
      action(extends, "extends");
    }
  }

  JsonValue read_parent(const JsonValue& said, const std::string& path, const std::string& child) {
    if (said.text() == nullptr) {
      throw SpecError(said.place, path,
                      "expected the path or name of a spec, got " + describe(said));
    }
    const std::string file = parent_file(*said.text(), said.place, path, child);
    const auto same = [&](const std::string& other) { return identity(other) == identity(file); };
    if (std::any_of(chain_.begin(), chain_.end(), same)) {
      throw SpecError(said.place, path,
                      "expected no cycle, got back to " + engine::printable(file));
    }
    if (chain_.size() > static_cast<size_t>(kMaxExtendsDepth)) {
      throw SpecError(
          said.place, path,
          fmt::format("expected at most {} specs one above the other, got more", kMaxExtendsDepth));
    }
    if (++num_files_ >= kMaxSpecFiles) {
      throw SpecError(said.place, path,
                      fmt::format("expected at most {} files, got more", kMaxSpecFiles));
    }
    return read(file);
  }

  std::string parent_file(const std::string& said, const Place& place, const std::string& path,
                          const std::string& child) const {
    if (!is_path(said)) {
      const auto found = shipped_.find(said);
      if (found != shipped_.end()) return found->second;
      throw SpecError(place, path, "expected the name of a shipped spec, got " + quoted(said),
                      hint_for_name(said, shipped_));
    }
    const std::string file = (fs::path(child).parent_path() / said).lexically_normal().string();
    std::error_code unreadable;
    if (fs::exists(file, unreadable)) return file;
    throw SpecError(place, path, "expected a file, found none at " + shortened(file),
                    "paths count from the folder of the spec that says them");
  }

  const ShippedSpecs& shipped_;
  std::vector<std::string> chain_;  // files being read, each extending the next
  int num_files_ = 0;
};

}  // namespace

JsonValue read_with_parents(const std::string& spec, const ShippedSpecs& shipped) {
  const auto found = shipped.find(spec);
  // Some names have a slash, such as paper/meta_train_es; a file that is there goes first.
  std::error_code error;
  const bool named = found != shipped.end() && !fs::exists(spec, error);
  if (is_path(spec) && !named) return Reader(shipped).read(spec);
  if (found == shipped.end()) {
    throw SpecError({std::make_shared<const std::string>(spec), 0}, "",
                    "expected the name of a shipped spec or a path, got neither",
                    hint_for_name(spec, shipped));
  }
  return Reader(shipped).read(found->second);
}

}  // namespace vsml
