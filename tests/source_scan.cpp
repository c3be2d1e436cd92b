#include "tests/source_scan.h"

#include <cctype>
#include <filesystem>
#include <fstream>

namespace engine::test {
namespace {

// The name in a line "Tensor name(...", or nothing.
std::string declared_in(std::string line) {
  for (const std::string start : {"inline ", "Tensor ", "std::vector<Tensor> "}) {
    if (!line.starts_with(start)) continue;
    line.erase(0, start.size());
    if (start == "inline ") continue;
    size_t end = 0;
    while (end < line.size() && (std::isalnum(line[end]) != 0 || line[end] == '_')) ++end;
    const std::string name = line.substr(0, end);
    return end < line.size() && line[end] == '(' && name != "operator" ? name : "";
  }
  return "";
}

}  // namespace

std::set<std::string> declared_ops() {
  const std::filesystem::path folder = std::filesystem::path(VSML_SOURCE_DIR) / "engine" / "ops";
  std::set<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".h") continue;
    std::ifstream in(file.path());
    for (std::string line; std::getline(in, line);) {
      const std::string name = declared_in(line);
      if (!name.empty()) names.insert(name);
    }
  }
  return names;
}

}  // namespace engine::test
