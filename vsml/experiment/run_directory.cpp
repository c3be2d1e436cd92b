#include "vsml/experiment/run_directory.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <unistd.h>

#include "engine/error.h"
#include "engine/io/sha256.h"
#include "vsml/experiment/spec_writer.h"

namespace vsml {
namespace {

namespace fs = std::filesystem;
using engine::IoError;
using nlohmann::json;

constexpr int64_t kMaxTextBytes = int64_t{1} << 26;
constexpr const char* kCheckpointPrefix = "step-";
constexpr const char* kCheckpointSuffix = ".safetensors";

[[noreturn]] void fail(const std::string& path, const std::string& what, int error) {
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    throw engine::ResourceError(
        fmt::format("{}: {}: {}", engine::printable(path), what, std::strerror(error)));
  }
  throw IoError(path, "", fmt::format("{}: {}", what, std::strerror(error)));
}

// Path of the first key whose value differs; empty if none does.
std::string first_difference(const json& a, const json& b, const std::string& path = "") {
  if (a == b) return "";
  if (a.is_object() && b.is_object()) {
    for (const auto& [key, value] : a.items()) {
      const std::string here = path.empty() ? key : path + "." + key;
      if (!b.contains(key)) return here;
      const std::string inside = first_difference(value, b[key], here);
      if (!inside.empty()) return inside;
    }
    for (const auto& [key, value] : b.items()) {
      if (!a.contains(key)) return path.empty() ? key : path + "." + key;
    }
  }
  if (a.is_array() && b.is_array() && a.size() == b.size()) {
    for (size_t k = 0; k < a.size(); ++k) {
      const std::string inside = first_difference(a[k], b[k], fmt::format("{}.{}", path, k));
      if (!inside.empty()) return inside;
    }
  }
  return path;
}

}  // namespace

bool RunDirectory::exists(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return false;
  return !fs::is_directory(status) || !fs::is_empty(path, error);
}

bool RunDirectory::in_use(const std::string& path) {
  engine::Descriptor lock;
  lock.value = open((fs::path(path) / "lock").c_str(), O_RDONLY | O_CLOEXEC);
  return lock.value >= 0 && flock(lock.value, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

RunDirectory::RunDirectory(const std::string& path, const Spec& spec) : path_(path) {
  const std::string resolved = spec_to_json(spec);
  spec_digest_ = engine::sha256_hex(resolved);
  std::error_code error;
  const bool has_lock = fs::exists(file("lock"), error);
  if (has_lock) take_lock();
  require_ours(resolved);
  fs::create_directories(fs::path(path) / "checkpoints", error);
  if (error) fail(path, "cannot be made a run directory", error.value());
  if (!has_lock) {
    take_lock();
    require_ours(resolved);  // another process may have been here in between
  }
  if (!fs::exists(file("spec.json"), error)) write("spec.json", resolved);
  remove_leftovers();
}

void RunDirectory::take_lock() {
  lock_.value = open(file("lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_.value < 0) fail(file("lock"), "cannot be opened", errno);
  if (flock(lock_.value, LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) fail(file("lock"), "cannot be locked", errno);
  throw RunDirectoryError(fmt::format("{}: {}", engine::printable(path_), kRunDirectoryInUse),
                          "wait for it, or give another --out");
}

// Before anything is made in it: a folder of somebody else stays as it is.
void RunDirectory::require_ours(const std::string& resolved) const {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (status.type() == fs::file_type::not_found) return;
  if (error) fail(path_, "cannot be looked at", error.value());
  if (!fs::is_directory(status)) {
    throw RunDirectoryError(
        fmt::format("{}: expected a folder for the run, found a file", engine::printable(path_)),
        "give another --out");
  }
  if (fs::exists(file("spec.json"), error)) {
    check_spec(resolved);
    return;
  }
  const auto entries = fs::directory_iterator(path_, error);
  if (error) fail(path_, "cannot be read", error.value());
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename();
    if (name == "lock" || name == "checkpoints" || name.starts_with("spec.json.tmp")) continue;
    throw RunDirectoryError(fmt::format("{}: expected a new folder or one of an earlier run, "
                                        "found files but no spec.json",
                                        engine::printable(path_)),
                            "give another --out");
  }
}

void RunDirectory::check_spec(const std::string& resolved) const {
  const std::optional<std::string> found = read("spec.json");
  if (!found || *found == resolved) return;
  const json theirs = json::parse(*found, nullptr, false);
  const std::string key =
      theirs.is_discarded() ? "" : first_difference(theirs, json::parse(resolved));
  throw RunDirectoryError(
      fmt::format("{}: holds a run of another spec{}", engine::printable(path_),
                  key.empty() ? "" : fmt::format(" ({} differs)", engine::printable(key))),
      "give another --out, or remove the folder");
}

// Temporary files of processes that were killed while they wrote; nobody else works here now.
void RunDirectory::remove_leftovers() const {
  for (const std::string& folder : {path_, file("checkpoints"), file("curves")}) {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      std::error_code ignored;
      if (entry->path().filename().string().find(".tmp.") != std::string::npos) {
        fs::remove(entry->path(), ignored);
      }
    }
  }
}

std::string path_in(const std::string& folder, const std::string& name) {
  return (fs::path(folder) / name).string();
}

std::string RunDirectory::file(const std::string& name) const {
  return path_in(path_, name);
}

void RunDirectory::write(const std::string& name, const std::string& text) const {
  engine::write_file_atomically(file(name), text);
}

std::optional<std::string> RunDirectory::read(const std::string& name) const {
  std::error_code error;
  if (!fs::exists(file(name), error)) return std::nullopt;
  return engine::read_file(file(name), kMaxTextBytes);
}

std::string RunDirectory::checkpoint_file(int64_t step) const {
  return file(fmt::format("checkpoints/{}{:08}{}", kCheckpointPrefix, step, kCheckpointSuffix));
}

std::vector<int64_t> RunDirectory::checkpoint_steps() const {
  std::vector<int64_t> steps;
  for (const auto& entry : fs::directory_iterator(file("checkpoints"))) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kCheckpointPrefix) || !name.ends_with(kCheckpointSuffix)) continue;
    const char* first = name.data() + std::strlen(kCheckpointPrefix);
    const char* last = name.data() + name.size() - std::strlen(kCheckpointSuffix);
    int64_t step = 0;
    const auto [stop, error] = std::from_chars(first, last, step);
    if (error == std::errc() && stop == last) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

void RunDirectory::keep_checkpoints(int64_t keep, int64_t step) const {
  std::vector<int64_t> steps = checkpoint_steps();
  while (!steps.empty() && steps.back() > step) steps.pop_back();
  for (size_t k = 0; k + static_cast<size_t>(keep) < steps.size(); ++k) {
    std::error_code ignored;
    fs::remove(checkpoint_file(steps[k]), ignored);
  }
}

MetricsFile::MetricsFile(const std::string& path, int64_t keep_lines) : path_(path) {
  std::error_code error;
  std::string kept;
  if (fs::exists(path, error)) {
    const std::string text = engine::read_file(path, kMaxTextBytes * 16);
    size_t end = 0;
    while (lines_ < keep_lines) {
      const size_t next = text.find('\n', end);
      if (next == std::string::npos) break;
      end = next + 1;
      ++lines_;
    }
    kept = text.substr(0, end);
  }
  engine::write_file_atomically(path, kept);
  descriptor_.value = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor_.value < 0) fail(path, "cannot be opened", errno);
}

void MetricsFile::append(const std::string& object) {
  const std::string line = object + "\n";
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t written = ::write(descriptor_.value, line.data() + done, line.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path_, "cannot be written", errno);
    done += static_cast<size_t>(written);
  }
  ++lines_;
}

void MetricsFile::sync() {
  if (fsync(descriptor_.value) != 0) fail(path_, "cannot be written", errno);
}

}  // namespace vsml
