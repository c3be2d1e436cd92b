#include "engine/io/atomic_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "engine/error.h"

namespace engine {
namespace {

const char* kind_of_file(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

void require_name(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    throw IoError(path, "",
                  fmt::format("expected a file name, found {}",
                              path.empty() ? "an empty text" : "a NUL byte in it"));
  }
}

// A new file, open for writing, that removes itself unless it is renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& target)
      : target_(target), path_(fmt::format("{}.tmp.{}", target, getpid())) {
    unlink(path_.c_str());  // left behind by a killed process that had the same number
    descriptor_.value = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_.value < 0) fail("create");
  }
  ~TemporaryFile() {
    if (!renamed_) unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_.value, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("write");
      bytes.remove_prefix(static_cast<size_t>(written));
    }
  }

  void replace_target() {
    if (fsync(descriptor_.value) != 0) fail("write");
    const int descriptor = std::exchange(descriptor_.value, -1);
    if (close(descriptor) != 0 && errno != EINTR) fail("write");
    if (rename(path_.c_str(), target_.c_str()) != 0) fail("rename");
    renamed_ = true;
  }

 private:
  [[noreturn]] void fail(const char* act) const {
    const int reason = errno;
    const std::string problem = fmt::format("expected to {} its temporary file '{}', found: {}",
                                            act, printable(path_), std::strerror(reason));
    if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG) {
      throw ResourceError(fmt::format("{}: {}", printable(target_), problem),
                          "free some space; the file is as it was before");
    }
    throw IoError(target_, "", problem);
  }

  std::string target_, path_;
  Descriptor descriptor_;
  bool renamed_ = false;
};

// The directory that holds a file. It is opened before anything is written, so that a failure to do
// so leaves the old file.
class Directory {
 public:
  explicit Directory(const std::string& path) : path_(path) {
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    descriptor_.value = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor_.value < 0) fail();
  }

  void sync() const {
    // EINVAL: a file system that does not know this, where nothing is left to be done.
    if (fsync(descriptor_.value) != 0 && errno != EINVAL) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw IoError(
        path_, "",
        fmt::format("expected a directory to write into, found: {}", std::strerror(errno)));
  }

  std::string path_;
  Descriptor descriptor_;
};

}  // namespace

Descriptor::~Descriptor() {
  if (value >= 0) close(value);
}

InputFile::InputFile(const std::string& path) : path_(path) {
  require_name(path);
  descriptor_.value = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  struct stat status = {};
  if (descriptor_.value < 0 || fstat(descriptor_.value, &status) != 0) {
    throw IoError(path, "",
                  fmt::format("expected a readable file, found: {}", std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) {
    throw IoError(path, "",
                  fmt::format("expected a regular file, found {}", kind_of_file(status.st_mode)));
  }
  size_ = status.st_size;
}

void InputFile::read(void* out, int64_t num_bytes) {
  const int64_t got = read_some(out, num_bytes);
  if (got < num_bytes) {
    throw IoError(
        path_, fmt::format("{:#x}", position_),
        fmt::format("expected {} more bytes, found the end of the file", num_bytes - got));
  }
}

int64_t InputFile::read_some(void* out, int64_t most) {
  int64_t have = 0;
  while (have < most) {
    const ssize_t got =
        ::read(descriptor_.value, static_cast<char*>(out) + have, static_cast<size_t>(most - have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw IoError(path_, fmt::format("{:#x}", position_),
                    fmt::format("expected a readable file, found: {}", std::strerror(errno)));
    }
    if (got == 0) break;
    have += got;
    position_ += got;
  }
  return have;
}

std::string read_file(const std::string& path, int64_t max_bytes) {
  InputFile file(path);
  if (file.size() > max_bytes) {
    throw IoError(path, "",
                  fmt::format("expected at most {} bytes, found {}", max_bytes, file.size()));
  }
  std::string bytes(static_cast<size_t>(file.size()), '\0');
  file.read(bytes.data(), file.size());
  return bytes;
}

void write_file_atomically(const std::string& path, std::span<const std::string_view> chunks) {
  require_name(path);
  struct stat status = {};
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    throw IoError(
        path, "",
        fmt::format("expected a regular file to replace, found {}", kind_of_file(status.st_mode)));
  }
  const Directory directory(path);
  TemporaryFile file(path);
  for (const std::string_view chunk : chunks) file.write(chunk);
  file.replace_target();
  directory.sync();
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  write_file_atomically(path, std::span(&bytes, 1));
}

}  // namespace engine
