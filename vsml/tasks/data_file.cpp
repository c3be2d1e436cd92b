#include "vsml/tasks/data_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "engine/error.h"

namespace vsml {
namespace {

constexpr int64_t kMostInflation = 1032;  // zlib's documentation: the limit of the deflate format
constexpr int64_t kReadStep = 1 << 20;
constexpr int kGzipOnly = 16 + MAX_WBITS;

const char* kind_of_file(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

DataFile::Descriptor::~Descriptor() {
  if (value >= 0) close(value);
}

struct DataFile::Inflater {
  z_stream stream = {};
  std::array<uint8_t, 1 << 16> input = {};
  bool ended = false;

  Inflater() {
    if (inflateInit2(&stream, kGzipOnly) != Z_OK) {
      throw engine::ResourceError("gzip: expected memory to inflate with, found none");
    }
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

DataFile::DataFile(const std::string& path) : path_(path) {
  if (path.find('\0') != std::string::npos) {
    throw engine::IoError(path, "", "expected a file name, found a NUL byte in it");
  }
  descriptor_.value = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  struct stat status = {};
  if (descriptor_.value < 0 || fstat(descriptor_.value, &status) != 0) {
    throw engine::IoError(path, "",
                          fmt::format("expected a readable file, found: {}", std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) {
    throw engine::IoError(
        path, "", fmt::format("expected a regular file, found {}", kind_of_file(status.st_mode)));
  }
  size_ = status.st_size;
  uint8_t start[2] = {};
  const ssize_t seen = pread(descriptor_.value, start, sizeof start, 0);
  if (seen == 2 && start[0] == 0x1f && start[1] == 0x8b) inflater_ = std::make_unique<Inflater>();
}

DataFile::~DataFile() = default;

size_t DataFile::read(uint8_t* out, size_t wanted) {
  const size_t got = compressed() ? read_inflated(out, wanted) : read_raw(out, wanted);
  position_ += static_cast<int64_t>(got);
  return got;
}

std::vector<uint8_t> DataFile::read_bytes(int64_t wanted) {
  wanted = std::min(wanted, most_bytes_left());
  std::vector<uint8_t> bytes;
  int64_t have = 0;
  while (have < wanted) {
    const int64_t left = wanted - have;
    const int64_t step = compressed() ? std::min(left, std::max(have, kReadStep)) : left;
    bytes.reserve(static_cast<size_t>(have + step));
    bytes.resize(static_cast<size_t>(have + step));
    const size_t got = read(bytes.data() + have, static_cast<size_t>(step));
    have += static_cast<int64_t>(got);
    if (static_cast<int64_t>(got) < step) break;
  }
  bytes.resize(static_cast<size_t>(have));
  return bytes;
}

int64_t DataFile::most_bytes_left() const {
  if (!compressed()) return size_ - position_;
  if (size_ > std::numeric_limits<int64_t>::max() / kMostInflation) {
    return std::numeric_limits<int64_t>::max();
  }
  return size_ * kMostInflation - position_;
}

size_t DataFile::read_raw(uint8_t* out, size_t wanted) {
  size_t have = 0;
  while (have < wanted) {
    const ssize_t got = ::read(descriptor_.value, out + have, wanted - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw engine::IoError(
          path_, fmt::format("{:#x}", raw_position_),
          fmt::format("expected a readable file, found: {}", std::strerror(errno)));
    }
    if (got == 0) break;
    have += static_cast<size_t>(got);
    raw_position_ += got;
  }
  return have;
}

void DataFile::refill() {
  z_stream& stream = inflater_->stream;
  if (stream.avail_in > 0) return;
  stream.next_in = inflater_->input.data();
  stream.avail_in = static_cast<uInt>(read_raw(inflater_->input.data(), inflater_->input.size()));
}

size_t DataFile::read_inflated(uint8_t* out, size_t wanted) {
  z_stream& stream = inflater_->stream;
  size_t have = 0;
  while (have < wanted && !inflater_->ended) {
    refill();
    if (stream.avail_in == 0) fail_gzip("the end of the stream", "the end of the file");
    const size_t step = std::min<size_t>(wanted - have, kReadStep);
    stream.next_out = out + have;
    stream.avail_out = static_cast<uInt>(step);
    const int status = inflate(&stream, Z_NO_FLUSH);
    have += step - stream.avail_out;
    if (status == Z_STREAM_END) {
      inflater_->ended = true;
      refill();
      if (stream.avail_in > 0) fail_gzip("the end of the file", "more bytes behind the stream");
    } else if (status == Z_MEM_ERROR) {
      throw engine::ResourceError("gzip: expected memory to inflate with, found none");
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      fail_gzip("a valid stream", stream.msg != nullptr ? stream.msg : "damaged data");
    }
  }
  return have;
}

void DataFile::fail_gzip(const std::string& expected, const std::string& found) const {
  const int64_t place = raw_position_ - static_cast<int64_t>(inflater_->stream.avail_in);
  throw engine::IoError(path_, fmt::format("{:#x}", place),
                        fmt::format("gzip: expected {}, found {}", expected, found),
                        "the file may be damaged or cut short; fetch it again");
}

}  // namespace vsml
