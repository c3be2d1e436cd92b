// tests/tools/child_process.h: runs a program as its user does, and sees how it ends.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <map>
#include <string>
#include <sys/resource.h>
#include <sys/types.h>
#include <vector>

namespace tools::test {

// What an output of the program leads to.
enum class Stream {
  Captured,
  Terminal,  // captured too, but the program sees a terminal of type xterm
  Closed,
  Full,    // a device without space
  Broken,  // a pipe that nobody reads
};

struct Command {
  std::vector<std::string> argv;
  std::string folder;                              // working directory; empty: that of the test
  std::map<std::string, std::string> environment;  // on top of that of the test
  std::vector<std::string> unset;                  // variables that are taken away
  std::map<int, rlim_t> limits;                    // RLIMIT_...
  std::vector<int> ignored_signals;
  bool close_input = false;
  Stream out = Stream::Captured, error = Stream::Captured;
  std::chrono::seconds timeout{120};  // then it is killed; counted from the start
};

struct Outcome {
  int status = -1;  // exit status; -1 if a signal ended it
  int signal = 0;   // that ended it
  bool timed_out = false;
  int64_t peak_bytes = 0;  // of memory
  std::string out, error;
};

class ChildProcess {
 public:
  explicit ChildProcess(const Command& command);
  ~ChildProcess();  // kills it if it still runs
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Also takes in what it has printed: to be asked again and again while it runs.
  bool running();
  void send(int signal) const;
  // Waits until `key` in /proc/PID/status begins with `value`; false if the program ended before.
  bool wait_for_status(const std::string& key, const std::string& value);
  // The value of `key` in /proc/PID/status.
  std::string status(const std::string& key) const;
  Outcome wait();

 private:
  void read_outputs();

  pid_t pid_ = -1;
  int captured_[2] = {-1, -1};  // our ends of stdout and stderr
  std::string seen_[2];
  std::chrono::steady_clock::time_point deadline_;
  bool ended_ = false, timed_out_ = false;
  int wait_status_ = 0;
  rusage usage_ = {};
};

Outcome run_program(const Command& command);

}  // namespace tools::test
