#include "vsml/experiment/sweep_directory.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/io/atomic_file.h"
#include "vsml/experiment/run_directory.h"
#include "vsml/experiment/spec_writer.h"

namespace vsml {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kIndex = "sweep.json";
constexpr int64_t kMaxBytes = int64_t{1} << 26;

// A process that does the same as another writes the same: no file is touched without need.
void write_if_new(const std::string& path, const std::string& text) {
  std::error_code error;
  if (fs::is_regular_file(path, error) && engine::read_file(path, kMaxBytes) == text) return;
  engine::write_file_atomically(path, text);
}

}  // namespace

const char* to_string(RunState state) {
  switch (state) {
    case RunState::New:
      return "new";
    case RunState::Begun:
      return "begun";
    case RunState::InUse:
      return "in use";
    case RunState::Done:
      return "done";
    case RunState::Foreign:
      return "another spec";
  }
  return "";
}

SweepDirectory::SweepDirectory(std::string path, const Sweep& sweep)
    : path_(std::move(path)), sweep_(sweep) {}

void SweepDirectory::require_ours() const {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (status.type() == fs::file_type::not_found) return;
  if (!fs::is_directory(status)) {
    throw RunDirectoryError(
        fmt::format("{}: expected a folder for the sweep, found a file", engine::printable(path_)),
        "give another --out");
  }
  if (fs::exists(path_in(path_, kIndex), error)) return;
  for (fs::directory_iterator entry(path_, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().starts_with("sweep.json.tmp")) continue;
    throw RunDirectoryError(
        fmt::format("{}: expected a new folder or one of a sweep, found files but no {}",
                    engine::printable(path_), kIndex),
        "give another --out");
  }
}

void SweepDirectory::prepare() const {
  require_ours();
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) {
    throw engine::IoError(path_, "", "cannot be made a folder for the sweep: " + error.message());
  }
  ordered_json index{{"sweep", sweep_.name}, {"runs", ordered_json::array()}};
  for (const SweepRun& run : sweep_.runs) {
    const Spec& spec = run.loaded.spec;
    index["runs"].push_back({{"name", spec.name}, {"variant", run.variant}, {"seed", spec.seed}});
  }
  // First: it says whose folder this is.
  write_if_new(path_in(path_, kIndex),
               index.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
  fs::create_directories(path_in(path_, "specs"), error);
  if (error) throw engine::IoError(path_in(path_, "specs"), "", error.message());
  for (const SweepRun& run : sweep_.runs) {
    write_if_new(spec_file_of(run), spec_to_json(run.loaded.spec));
  }
}

std::string SweepDirectory::folder_of(const SweepRun& run) const {
  return path_in(path_, run.loaded.spec.name);
}

std::string SweepDirectory::spec_file_of(const SweepRun& run) const {
  return path_in(path_in(path_, "specs"), run.loaded.spec.name + ".json");
}

RunState SweepDirectory::state_of(const SweepRun& run) const {
  const std::string folder = folder_of(run);
  if (!RunDirectory::exists(folder)) return RunState::New;
  if (RunDirectory::in_use(folder)) return RunState::InUse;
  std::error_code error;
  const std::string spec = path_in(folder, "spec.json");
  if (!fs::is_regular_file(spec, error)) return RunState::Begun;
  if (engine::read_file(spec, kMaxBytes) != spec_to_json(run.loaded.spec)) return RunState::Foreign;
  return fs::exists(path_in(folder, "results.json"), error) ? RunState::Done : RunState::Begun;
}

RunResults SweepDirectory::results_of(const SweepRun& run) const {
  const std::string file = path_in(folder_of(run), "results.json");
  return results_from_json(file, engine::read_file(file, kMaxBytes));
}

std::optional<std::vector<SweepEntry>> sweep_in(const std::string& folder) {
  const std::string file = path_in(folder, kIndex);
  std::error_code error;
  if (!fs::exists(file, error)) return std::nullopt;
  const std::string text = engine::read_file(file, kMaxBytes);
  std::vector<SweepEntry> entries;
  try {
    const ordered_json index = ordered_json::parse(text);
    for (const ordered_json& run : index.at("runs")) {
      entries.push_back({run.at("name"), run.at("variant")});
    }
  } catch (const ordered_json::exception&) {
    throw engine::IoError(file, "", "expected the runs of a sweep, found something else");
  }
  for (const SweepEntry& entry : entries) {
    const bool is_name = !entry.name.empty() && entry.name.front() != '.' &&
                         entry.name.find('/') == std::string::npos;
    if (!is_name) {
      throw engine::IoError(
          file, "runs",
          "expected names of folders in this one, found \"" + engine::printable(entry.name) + "\"");
    }
  }
  return entries;
}

}  // namespace vsml
