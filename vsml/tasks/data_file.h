// vsml/tasks/data_file.h: the bytes of a data file, plain or compressed with gzip.
//
// Data files come from strangers. Only regular files are opened (a FIFO would block, a device might
// never end), compression is detected by content and never by name, and nothing is inflated or
// allocated beyond what the caller asks for. Not for sharing between threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/io/atomic_file.h"

namespace vsml {

class DataFile {
 public:
  // Throws IoError if the file is missing, cannot be read or is not a regular file.
  explicit DataFile(const std::string& path);
  ~DataFile();
  DataFile(const DataFile&) = delete;
  DataFile& operator=(const DataFile&) = delete;

  const std::string& path() const { return file_.path(); }
  bool compressed() const { return inflater_ != nullptr; }

  // The next bytes: `wanted` of them, or fewer where the contents end. Throws IoError if the file
  // cannot be read, or if its gzip stream is damaged, cut short, or followed by anything (a second
  // stream, garbage): what follows is seen when a read reaches the end of the contents.
  size_t read(uint8_t* out, size_t wanted);

  // The next `wanted` bytes; fewer where the contents end. Memory grows with the bytes that are
  // really there, not with `wanted`.
  std::vector<uint8_t> read_bytes(int64_t wanted);

  // Number of bytes still to come: exact for a plain file; for a compressed one the most that its
  // size can hold, as deflate makes no more than 1032 bytes of one.
  int64_t most_bytes_left() const;

 private:
  struct Inflater;

  size_t read_raw(uint8_t* out, size_t wanted);
  size_t read_inflated(uint8_t* out, size_t wanted);
  void refill();
  [[noreturn]] void fail_gzip(const std::string& expected, const std::string& found) const;

  engine::InputFile file_;
  int64_t position_ = 0;                // bytes of the contents handed out
  std::vector<uint8_t> start_;          // the first bytes, read to see whether it is gzip
  std::unique_ptr<Inflater> inflater_;  // null: plain
};

// FOLDER/NAME, with .gz if only that exists; empty if neither does. Of two the plain one.
std::string existing_data_file(const std::string& folder, const std::string& name);

}  // namespace vsml
