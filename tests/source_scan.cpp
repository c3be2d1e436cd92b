#include "tests/source_scan.h"

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace engine::test {

std::set<std::string> declared_ops() {
  static const std::regex kDeclaration(
      R"(^(?:inline )?(?:Tensor|std::vector<Tensor>) (?!operator)(\w+)\()");
  const std::filesystem::path folder = std::filesystem::path(VSML_SOURCE_DIR) / "engine" / "ops";
  std::set<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".h") continue;
    std::ifstream in(file.path());
    for (std::string line; std::getline(in, line);) {
      std::smatch match;
      if (std::regex_search(line, match, kDeclaration)) names.insert(match[1]);
    }
  }
  return names;
}

}  // namespace engine::test
