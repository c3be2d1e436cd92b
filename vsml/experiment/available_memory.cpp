#include "vsml/experiment/available_memory.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <sys/resource.h>

namespace vsml {
namespace {

constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();
// Addresses that a thread reserves: its buffer of OpenBLAS, an arena of malloc (which asks for
// twice its size), its stack, and something to spare.
constexpr int64_t kReservedPerThread = int64_t{320} << 20;

// The number after `key` at the beginning of a line of a file; `otherwise` if there is none.
int64_t number_in(const std::string& path, const std::string& key, int64_t otherwise) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    std::istringstream text(line.substr(key.size()));
    int64_t number = 0;
    return text >> number ? number : otherwise;
  }
  return otherwise;
}

int64_t left_on_machine() {
  const int64_t kibibytes = number_in("/proc/meminfo", "MemAvailable:", -1);
  return kibibytes < 0 ? kUnknown : kibibytes * 1024;
}

// Version 2 of control groups: each group from ours up to the root may have a limit.
int64_t left_in_groups() {
  std::string group;
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("0::/")) group = line.substr(4);
  }
  int64_t left = kUnknown;
  std::filesystem::path folder = std::filesystem::path("/sys/fs/cgroup") / group;
  for (; folder.has_relative_path() && folder != "/sys/fs"; folder = folder.parent_path()) {
    const int64_t limit = number_in(folder / "memory.max", "", -1);
    const int64_t used = number_in(folder / "memory.current", "", -1);
    if (limit < 0 || used < 0) continue;
    // Files that were read are counted as used, but make room.
    const int64_t cached = number_in(folder / "memory.stat", "inactive_file ", 0);
    left = std::min(left, std::max<int64_t>(0, limit - used + cached));
  }
  return left;
}

int64_t left_of_addresses(int threads) {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnknown;
  const int64_t used = number_in("/proc/self/status", "VmSize:", 0) * 1024;
  return std::max<int64_t>(
      0, static_cast<int64_t>(limit.rlim_cur) - used - threads * kReservedPerThread);
}

}  // namespace

int64_t available_memory(int threads) {
  return std::min({left_on_machine(), left_in_groups(), left_of_addresses(threads)});
}

int64_t resident_memory() {
  return number_in("/proc/self/status", "VmRSS:", 0) * 1024;
}

}  // namespace vsml
