#include "tools/shipped.h"

#include <algorithm>
#include <filesystem>

#include "engine/error.h"
#include "vsml/experiment/spec_error.h"

namespace tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSpecs = "specs";
constexpr const char* kExtension = ".json";
constexpr const char* kAlgorithm = ".safetensors";

}  // namespace

std::string project_data_folder() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
  // PREFIX/bin/vsml -> PREFIX/share/vsml; a build in the source tree or elsewhere -> SOURCE/data
  for (const fs::path& candidate : {program / ".." / "share" / "vsml",
                                    program / ".." / ".." / "data", fs::path(VSML_SOURCE_DATA)}) {
    if (fs::is_directory(candidate / kSpecs, error)) return candidate.lexically_normal().string();
  }
  return "";
}

vsml::ShippedSpecs shipped_specs() {
  vsml::ShippedSpecs specs;
  std::error_code error;
  const fs::path folder = fs::path(project_data_folder()) / kSpecs;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() != kExtension) continue;
    const fs::path name = entry->path().lexically_relative(folder).replace_extension();
    specs[name.generic_string()] = entry->path().string();
  }
  return specs;
}

std::string algorithm_file(const std::string& algorithm) {
  if (algorithm.find('/') != std::string::npos || algorithm.ends_with(kAlgorithm)) return algorithm;
  std::error_code error;
  const fs::path folder = fs::path(project_data_folder()) / "learned";
  const fs::path file = folder / (algorithm + kAlgorithm);
  if (fs::exists(file, error)) return file.string();
  std::vector<std::string> names;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == kAlgorithm) names.push_back(entry->path().stem().string());
  }
  std::sort(names.begin(), names.end());
  throw engine::IoError(algorithm, "", "expected a file or the name of a shipped algorithm",
                        "shipped are: " + vsml::alternatives(names));
}

}  // namespace tools
