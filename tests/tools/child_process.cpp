#include "tests/tools/child_process.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace tools::test {
namespace {

constexpr std::chrono::microseconds kPoll{300};

int checked(int result, const char* act) {
  if (result < 0) throw std::runtime_error(std::string(act) + ": " + std::strerror(errno));
  return result;
}

struct Ends {
  int ours = -1, theirs = -1;
};

// Neither a limit of the file size nor one of the space on a disk is met by what goes into it.
Ends open_pipe() {
  int ends[2];
  checked(pipe2(ends, O_CLOEXEC), "pipe2");
  return {ends[0], ends[1]};
}

Ends open_stream(Stream stream) {
  Ends ends;
  if (stream == Stream::Captured) {
    const Ends pipe = open_pipe();
    checked(fcntl(pipe.ours, F_SETFL, O_NONBLOCK), "fcntl");
    return pipe;
  } else if (stream == Stream::Full) {
    ends.theirs = checked(open("/dev/full", O_WRONLY | O_CLOEXEC), "/dev/full");
  } else if (stream == Stream::Broken) {
    ends = open_pipe();
    close(std::exchange(ends.ours, -1));
  } else if (stream == Stream::Terminal) {
    ends.ours = checked(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), "posix_openpt");
    checked(grantpt(ends.ours), "grantpt");
    checked(unlockpt(ends.ours), "unlockpt");
    const char* name = ptsname(ends.ours);
    if (name == nullptr) throw std::runtime_error("ptsname");
    ends.theirs = checked(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC), "terminal");
  }
  return ends;
}

std::vector<std::string> environment_of(const Command& command) {
  std::vector<std::string> all;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string text = *one, name = text.substr(0, text.find('='));
    const auto& unset = command.unset;
    if (command.environment.contains(name)) continue;
    if (std::find(unset.begin(), unset.end(), name) == unset.end()) all.push_back(text);
  }
  for (const auto& [name, value] : command.environment) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// In the child, between fork and exec: only what may be called there.
void take_place(int descriptor, int place) {
  if (descriptor < 0) {
    close(place);
  } else {
    dup2(descriptor, place);
  }
}

}  // namespace

ChildProcess::ChildProcess(const Command& command) {
  const Stream streams[2] = {command.out, command.error};
  int theirs[2];
  for (int k = 0; k < 2; ++k) {
    const Ends ends = open_stream(streams[k]);
    captured_[k] = ends.ours;
    theirs[k] = ends.theirs;
  }
  const int input = checked(open("/dev/null", O_RDONLY | O_CLOEXEC), "/dev/null");
  std::vector<std::string> arguments = command.argv, variables = environment_of(command);
  if (command.out == Stream::Terminal || command.error == Stream::Terminal) {
    variables.push_back("TERM=xterm");
  }
  const std::vector<char*> argv = pointers_to(arguments), environment = pointers_to(variables);
  // Closes when the program begins: until then a signal would meet handlers of the test.
  const Ends started = open_pipe();
  deadline_ = std::chrono::steady_clock::now() + command.timeout;
  pid_ = checked(fork(), "fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // no orphan if the test is killed
    take_place(command.close_input ? -1 : input, STDIN_FILENO);
    take_place(theirs[0], STDOUT_FILENO);
    take_place(theirs[1], STDERR_FILENO);
    if (!command.folder.empty() && chdir(command.folder.c_str()) != 0) _exit(126);
    for (const auto& [resource, most] : command.limits) {
      const rlimit limit = {most, most};
      if (setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) _exit(126);
    }
    // Whatever the test itself was started with, as with nohup.
    for (const int one : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ}) {
      signal(one, SIG_DFL);
    }
    for (const int ignored : command.ignored_signals) signal(ignored, SIG_IGN);
    execve(argv[0], argv.data(), environment.data());
    _exit(127);
  }
  close(input);
  for (const int one : theirs) {
    if (one >= 0) close(one);
  }
  close(started.theirs);
  char nothing = 0;
  while (read(started.ours, &nothing, 1) < 0 && errno == EINTR) continue;
  close(started.ours);
}

ChildProcess::~ChildProcess() {
  if (!ended_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  for (const int one : captured_) {
    if (one >= 0) close(one);
  }
}

bool ChildProcess::running() {
  if (ended_) return false;
  read_outputs();
  if (!timed_out_ && std::chrono::steady_clock::now() > deadline_) {
    timed_out_ = true;
    kill(pid_, SIGKILL);
  }
  const pid_t result = wait4(pid_, &wait_status_, WNOHANG, &usage_);
  ended_ = checked(result, "wait4") == pid_;
  if (ended_) read_outputs();
  return !ended_;
}

void ChildProcess::send(int signal) const {
  if (!ended_) kill(pid_, signal);
}

std::string ChildProcess::status(const std::string& key) const {
  std::ifstream in("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key + ":")) continue;
    const size_t first = line.find_first_not_of(" \t", key.size() + 1);
    return first == std::string::npos ? "" : line.substr(first);
  }
  return "";
}

bool ChildProcess::wait_for_status(const std::string& key, const std::string& value) {
  while (running()) {
    if (status(key).starts_with(value)) return true;
    std::this_thread::sleep_for(kPoll);
  }
  return false;
}

// Pipes and terminals hold little: what is not read would block the program.
void ChildProcess::read_outputs() {
  for (int k = 0; k < 2; ++k) {
    char bytes[4096];
    ssize_t got = 0;
    while (captured_[k] >= 0 && (got = read(captured_[k], bytes, sizeof bytes)) > 0) {
      seen_[k].append(bytes, static_cast<size_t>(got));
    }
  }
}

Outcome ChildProcess::wait() {
  while (running()) std::this_thread::sleep_for(kPoll);
  Outcome outcome;
  if (WIFEXITED(wait_status_)) outcome.status = WEXITSTATUS(wait_status_);
  if (WIFSIGNALED(wait_status_)) outcome.signal = WTERMSIG(wait_status_);
  outcome.timed_out = timed_out_;
  outcome.peak_bytes = int64_t{usage_.ru_maxrss} * 1024;
  outcome.out = seen_[0];
  outcome.error = seen_[1];
  return outcome;
}

Outcome run_program(const Command& command) {
  return ChildProcess(command).wait();
}

}  // namespace tools::test
