#include "vsml/experiment/progress.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

namespace vsml {
namespace {

constexpr std::chrono::milliseconds kTerminalInterval{100};
constexpr std::chrono::seconds kLogInterval{30};
constexpr int kBarWidth = 24;

bool stderr_is_terminal() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
}

}  // namespace

void tell(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

std::string duration_text(double seconds) {
  const auto s = static_cast<int64_t>(std::llround(std::max(0.0, seconds)));
  if (s >= 3600) return fmt::format("{} h {:02} min", s / 3600, s % 3600 / 60);
  if (s >= 60) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} s", s);
}

Progress::Progress(bool quiet) : quiet_(quiet), terminal_(stderr_is_terminal()) {}

Progress::~Progress() {
  end();
}

void Progress::begin(const std::string& phase, int64_t done, int64_t total) {
  end();
  phase_ = phase;
  first_ = last_ = done;
  total_ = total;
  last_detail_.clear();
  start_ = printed_ = Clock::now();
  running_ = true;
}

void Progress::update(int64_t done, const std::string& detail) {
  last_ = done;
  last_detail_ = detail;
  if (quiet_ || !running_) return;
  const Clock::time_point now = Clock::now();
  if (terminal_ ? now - printed_ < kTerminalInterval : now - printed_ < kLogInterval) return;
  printed_ = now;
  print(done, detail);
}

void Progress::end() {
  if (!running_) return;
  running_ = false;
  if (quiet_ || !terminal_) return;
  print(last_, last_detail_);
  tell("\n");
}

std::string Progress::time_left(int64_t done) const {
  if (done <= first_ || total_ <= 0) return "";
  const std::chrono::duration<double> taken = Clock::now() - start_;
  const double each = taken.count() / static_cast<double>(done - first_);
  if (done >= total_) return "done in " + duration_text(taken.count());
  return duration_text(each * static_cast<double>(total_ - done)) + " left";
}

void Progress::print(int64_t done, const std::string& detail) {
  const std::string left = time_left(done);
  const std::string tail =
      (left.empty() ? "" : "  " + left) + (detail.empty() ? "" : "  " + detail);
  if (!terminal_) {
    tell(fmt::format("{}: {}/{}{}\n", phase_, done, total_, tail));
    return;
  }
  const int64_t filled = total_ > 0 ? done * kBarWidth / total_ : 0;
  std::string bar(static_cast<size_t>(filled), '#');
  bar.resize(kBarWidth, '.');
  tell(fmt::format("\r\x1b[K{} [{}] {}/{}{}", phase_, bar, done, total_, tail));
}

}  // namespace vsml
