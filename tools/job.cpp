#include "tools/job.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/error.h"

namespace tools {
namespace {

constexpr const char* kProgram = "/proc/self/exe";
constexpr int kCannotExec = 127, kSignal = 128;
constexpr size_t kMostSaid = 1 << 16;  // bytes of stderr that are looked at

}  // namespace

Job::Job(const std::vector<std::string>& arguments) {
  std::vector<std::string> texts = arguments;
  texts.insert(texts.begin(), "vsml");
  std::vector<char*> argv;
  for (std::string& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);
  stderr_ = memfd_create("stderr", MFD_CLOEXEC);
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  const pid_t parent = getpid();
  pid_ = stderr_ < 0 || nowhere < 0 ? -1 : fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(kCannotExec);  // it died before that
    setpgid(0, 0);
    dup2(nowhere, STDIN_FILENO);
    dup2(nowhere, STDOUT_FILENO);
    dup2(stderr_, STDERR_FILENO);
    execv(kProgram, argv.data());
    _exit(kCannotExec);
  }
  const int error = errno;
  if (nowhere >= 0) close(nowhere);
  if (pid_ > 0) return;
  if (stderr_ >= 0) close(stderr_);
  throw engine::ResourceError(
      fmt::format("a process for a run: cannot be made: {}", std::strerror(error)));
}

Job::~Job() {
  stop();
  while (!ended_ && waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
  close(stderr_);
}

bool Job::running() {
  if (ended_) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  ended_ = true;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : kSignal + WTERMSIG(status);
  return false;
}

void Job::stop() {
  if (ended_ || stopped_) return;
  stopped_ = true;  // a second signal would end it at once
  kill(pid_, SIGTERM);
}

std::string Job::error() const {
  std::string text(kMostSaid, '\0');
  const ssize_t size = pread(stderr_, text.data(), text.size(), 0);
  text.resize(size < 0 ? 0 : static_cast<size_t>(size));
  const std::string mark = "error: ";
  const size_t at = text.find(mark);
  if (at == std::string::npos) return "";
  return text.substr(at + mark.size(), text.find('\n', at) - at - mark.size());
}

}  // namespace tools
