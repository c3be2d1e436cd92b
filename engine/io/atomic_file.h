// engine/io/atomic_file.h: whole files, read with care and replaced as a whole.
//
// Files may come from strangers: only regular files are opened (a FIFO would block, a device might
// never end), and what is read is bounded by the size of the file. Errors are IoError, or
// ResourceError where space is missing, and name the file. Nothing here is shared between threads;
// of two writers of one file at the same time, only one may be in this process.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace engine {

// Owns an open file, if `value` is not negative.
struct Descriptor {
  int value = -1;

  Descriptor() = default;
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

// A regular file, read from front to back.
class InputFile {
 public:
  // Throws IoError if the file is missing, cannot be read or is not a regular file.
  explicit InputFile(const std::string& path);

  const std::string& path() const { return path_; }
  // Bytes in the file when it was opened.
  int64_t size() const { return size_; }
  // Where the next byte to be read stands.
  int64_t position() const { return position_; }
  // The next bytes, exactly that many. Throws IoError if the file ends before.
  void read(void* out, int64_t num_bytes);
  // The next bytes, fewer where the file ends; returns how many. Throws IoError if it cannot be
  // read.
  int64_t read_some(void* out, int64_t most);

 private:
  std::string path_;
  Descriptor descriptor_;
  int64_t size_ = 0;
  int64_t position_ = 0;
};

// All bytes of a regular file. Throws IoError, before memory is allocated, if there are more than
// max_bytes.
std::string read_file(const std::string& path, int64_t max_bytes);

// Replaces the file by the chunks, one after the other, so that a reader, a crash or a power loss
// finds either all of the old file or all of the new: the bytes go to PATH.tmp.PID, are forced to
// the disk, and that file is renamed. A symbolic link is replaced, not followed; anything but a
// regular file is refused.
// Throws ResourceError if space runs out (disk, quota, limit of the file size) and IoError for any
// other failure. Then the temporary is gone and the old file is as it was; only if the directory
// cannot be forced to the disk, the last act, is the new file in place. A limit of the file size
// (RLIMIT_FSIZE) is seen as an error only by a process that ignores SIGXFSZ.
void write_file_atomically(const std::string& path, std::span<const std::string_view> chunks);
void write_file_atomically(const std::string& path, std::string_view bytes);

}  // namespace engine
