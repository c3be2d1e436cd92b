// vsml/experiment/run_directory.h: the folder that holds everything about one run.
//
//   spec.json            the resolved spec: every key, defaults included
//   env.json             versions, processor and kernels of the process that last worked here
//   metrics.jsonl        append-only: a header, then one JSON object per line
//   checkpoints/         step-00001000.safetensors, ...: the newest `keep`
//   algorithm.safetensors  the trained algorithm, when meta-training is done
//   curves/              experiment compare: one table per task and episode
//   results.json, report.txt  when the run is done
//   lock                 held by the process that works here
// A folder belongs to one spec; the same spec resumes, another is refused. Files are replaced by
// rename, so a kill at any moment leaves each either old or new.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/io/atomic_file.h"
#include "vsml/experiment/spec.h"

namespace vsml {

class RunDirectory {
 public:
  // Whether the folder holds anything.
  static bool exists(const std::string& path);
  // Whether a process works in it at the moment.
  static bool in_use(const std::string& path);

  // Creates the folder if need be and takes its lock. Throws RunDirectoryError if it holds another
  // spec (naming the first key that differs), if another process works in it, if it has files but
  // no spec.json, or if it is a file; IoError or ResourceError if it cannot be written.
  RunDirectory(const std::string& path, const Spec& spec);

  const std::string& path() const { return path_; }
  // SHA-256 of the resolved spec.
  const std::string& spec_digest() const { return spec_digest_; }
  std::string file(const std::string& name) const;

  void write(const std::string& name, const std::string& text) const;
  // The text of a file of this folder, if it is there.
  std::optional<std::string> read(const std::string& name) const;

  std::string checkpoint_file(int64_t step) const;
  // Steps of the checkpoints that are there, ascending.
  std::vector<int64_t> checkpoint_steps() const;
  // Of the checkpoints up to `step`, deletes all but the newest `keep`. One of a later step was
  // passed over when it could not be read; a file that cannot be deleted is left.
  void keep_checkpoints(int64_t keep, int64_t step) const;

 private:
  void take_lock();
  void require_ours(const std::string& resolved) const;
  void remove_leftovers() const;
  void check_spec(const std::string& resolved) const;

  std::string path_, spec_digest_;
  engine::Descriptor lock_;
};

// The folder cannot be used for this run: a usage error, unlike a folder that cannot be written.
class RunDirectoryError : public engine::Error {
  using Error::Error;
};

// The path of a file or folder in a folder.
std::string path_in(const std::string& folder, const std::string& name);

// What it says where a process works already; another one that meets it may try again later.
constexpr const char* kRunDirectoryInUse = "another process works in this run directory";

// metrics.jsonl, one line per append.
class MetricsFile {
 public:
  // Keeps the first `keep_lines` lines of the file, if there are as many, and appends after them.
  // Throws IoError or ResourceError.
  MetricsFile(const std::string& path, int64_t keep_lines);

  // `object` is one JSON object without line breaks; written at once.
  void append(const std::string& object);
  // Returns when everything appended is on the disk.
  void sync();
  int64_t lines() const { return lines_; }

 private:
  std::string path_;
  engine::Descriptor descriptor_;
  int64_t lines_ = 0;
};

}  // namespace vsml
