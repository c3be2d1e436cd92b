#include "vsml/tasks/data_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fmt/format.h>
#include <limits>
#include <zlib.h>

#include "engine/error.h"

namespace vsml {
namespace {

constexpr int64_t kMostInflation = 1032;  // zlib's documentation: the limit of the deflate format
constexpr int64_t kReadStep = 1 << 20;
constexpr int kGzipOnly = 16 + MAX_WBITS;
constexpr std::array<uint8_t, 2> kGzipMark = {0x1f, 0x8b};

}  // namespace

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

DataFile::DataFile(const std::string& path) : file_(path), start_(kGzipMark.size()) {
  start_.resize(static_cast<size_t>(file_.read_some(start_.data(), std::ssize(start_))));
  if (std::equal(start_.begin(), start_.end(), kGzipMark.begin(), kGzipMark.end())) {
    inflater_ = std::make_unique<Inflater>();
  }
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
  if (!compressed()) return file_.size() - position_;
  if (file_.size() > std::numeric_limits<int64_t>::max() / kMostInflation) {
    return std::numeric_limits<int64_t>::max();
  }
  return file_.size() * kMostInflation - position_;
}

size_t DataFile::read_raw(uint8_t* out, size_t wanted) {
  const size_t from_start = std::min(wanted, start_.size());
  std::copy_n(start_.begin(), from_start, out);
  start_.erase(start_.begin(), start_.begin() + static_cast<ptrdiff_t>(from_start));
  const auto left = static_cast<int64_t>(wanted - from_start);
  return from_start + static_cast<size_t>(file_.read_some(out + from_start, left));
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
  const int64_t place = file_.position() - static_cast<int64_t>(inflater_->stream.avail_in);
  throw engine::IoError(path(), fmt::format("{:#x}", place),
                        fmt::format("gzip: expected {}, found {}", expected, found),
                        "the file may be damaged or cut short; fetch it again");
}

std::string existing_data_file(const std::string& folder, const std::string& name) {
  for (const char* ending : {"", ".gz"}) {
    const std::filesystem::path path = std::filesystem::path(folder) / (name + ending);
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path.string();
  }
  return {};
}

}  // namespace vsml
