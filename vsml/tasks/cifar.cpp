#include "vsml/tasks/cifar.h"

#include <algorithm>
#include <fmt/format.h>

#include "engine/error.h"
#include "vsml/tasks/data_file.h"

namespace vsml {
namespace {

constexpr int64_t kSide = 32, kChannels = 3, kClasses = 10;
constexpr int64_t kImage = kChannels * kSide * kSide;
constexpr int64_t kRecord = 1 + kImage;
constexpr int64_t kRecord100 = 2 + kImage;  // of CIFAR-100: a coarse and a fine label
constexpr int64_t kMostRecords = 1 << 16;

[[noreturn]] void fail(const DataFile& file, int64_t offset, const std::string& field,
                       const std::string& expected, const std::string& found,
                       const std::string& hint) {
  throw engine::IoError(file.path(), fmt::format("0x{:x}", offset),
                        fmt::format("cifar10 {}: expected {}, found {}", field, expected, found),
                        hint);
}

void check_size(const DataFile& file, const std::vector<uint8_t>& bytes) {
  const int64_t size = std::ssize(bytes);
  constexpr int64_t kTarMark = 257;
  const std::string tar = "ustar";
  if (size > kTarMark + std::ssize(tar) &&
      std::equal(tar.begin(), tar.end(), bytes.begin() + kTarMark)) {
    fail(file, 0, "file", fmt::format("records of {} bytes", kRecord), "a tar archive",
         "unpack it: tar -xf");
  }
  if (size > 0 && size % kRecord == 0) return;
  const bool hundred = size > 0 && size % kRecord100 == 0;
  fail(file, size - size % kRecord, "size", fmt::format("a multiple of {} bytes", kRecord),
       fmt::format("{}{}", size, hundred ? ": that of CIFAR-100" : ""),
       hundred ? "" : "the file may be cut short, or not of the binary version");
}

void append(const std::string& path, Dataset& set) {
  DataFile file(path);
  const int64_t most = (kMostRecords - set.count) * kRecord;
  const std::vector<uint8_t> bytes = file.read_bytes(most + 1);
  if (std::ssize(bytes) > most) {
    fail(file, most, "size", fmt::format("at most {} records in all", kMostRecords), "more", "");
  }
  check_size(file, bytes);
  const int64_t count = std::ssize(bytes) / kRecord;
  for (int64_t i = 0; i < count; ++i) {
    const auto record = bytes.begin() + i * kRecord;
    if (*record >= kClasses) {
      fail(file, i * kRecord, fmt::format("label[{}]", i), fmt::format("below {}", kClasses),
           fmt::format("{}", *record), "the file may not be one of CIFAR-10's binary version");
    }
    set.labels.push_back(*record);
    set.pixels.insert(set.pixels.end(), record + 1, record + kRecord);
  }
  set.count += count;
}

}  // namespace

Dataset read_cifar10(const std::vector<std::string>& paths) {
  Dataset set;
  set.name = "cifar10";
  set.height = set.width = kSide;
  set.channels = kChannels;
  set.num_classes = kClasses;
  for (const std::string& path : paths) append(path, set);
  return set;
}

}  // namespace vsml
