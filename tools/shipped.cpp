#include "tools/shipped.h"

#include <filesystem>

namespace tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSpecs = "specs";
constexpr const char* kExtension = ".json";

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

}  // namespace tools
