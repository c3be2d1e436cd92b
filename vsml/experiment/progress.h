// vsml/experiment/progress.h: how far a run is, on stderr.
//
// On a terminal: one line that is rewritten, with a bar and the time that is left. Elsewhere (a
// file, a batch system's log): a plain line now and then, no control characters. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace vsml {

class Progress {
 public:
  // `quiet`: say nothing at all.
  explicit Progress(bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Begins a phase of `total` steps, of which `done` were done by an earlier process.
  void begin(const std::string& phase, int64_t done, int64_t total);
  // `done` steps are done; `detail` is a short text like "loss 1.23".
  void update(int64_t done, const std::string& detail);
  // Ends the phase and leaves its last line standing.
  void end();

 private:
  using Clock = std::chrono::steady_clock;
  void print(int64_t done, const std::string& detail);
  std::string time_left(int64_t done) const;

  bool quiet_, terminal_;
  std::string phase_, last_detail_;
  int64_t first_ = 0, last_ = 0, total_ = 0;
  bool running_ = false;
  Clock::time_point start_, printed_;
};

// Writes a text to stderr. What cannot be written is lost: there is nobody left to tell.
void tell(const std::string& text);

// "1 h 02 min", "3 min 05 s", "12 s".
std::string duration_text(double seconds);

}  // namespace vsml
