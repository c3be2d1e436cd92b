// tools/job.h: one `vsml run` as a child process of `vsml sweep`.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

namespace tools {

// Nothing of it reaches the terminal: stdout goes nowhere, stderr is kept. It is in a process group
// of its own, so that a Ctrl-C reaches its parent only, who decides; when the parent dies it gets
// SIGTERM, saves and ends.
class Job {
 public:
  // Begins this program anew with these arguments. Throws ResourceError if no process can be made.
  explicit Job(const std::vector<std::string>& arguments);
  ~Job();  // if it still runs, it is asked to stop, and waited for
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  bool running();
  // Asks it to save and end.
  void stop();
  // Of a job that has ended: its exit status, or 128 + the signal that ended it.
  int status() const { return status_; }
  // What it said on stderr, after "error: "; empty if it said nothing of the kind.
  std::string error() const;

 private:
  pid_t pid_ = -1;
  int stderr_ = -1;
  int status_ = 0;
  bool ended_ = false, stopped_ = false;
};

}  // namespace tools
