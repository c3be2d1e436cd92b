#include "tools/console.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>

#include "engine/error.h"

namespace tools {
namespace {

volatile std::sig_atomic_t stop_signals = 0;

constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

void handle_stop_signals(void (*handler)(int)) {
  for (const int signal : kStopSignals) {
    struct sigaction action = {}, before = {};
    if (sigaction(signal, nullptr, &before) != 0 || before.sa_handler == SIG_IGN) continue;
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigaction(signal, &action, nullptr);
  }
}

void request_stop(int) {
  stop_signals = 1;
  handle_stop_signals(SIG_DFL);
}

}  // namespace

void install_signals() {
  handle_stop_signals(request_stop);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

bool stop_requested() {
  return stop_signals != 0;
}

void occupy_standard_files() {
  for (int number = 0; number <= 2; ++number) {
    if (fcntl(number, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0) return;
  }
}

void print(const std::string& text) {
  errno = 0;
  if (std::fputs(text.c_str(), stdout) == EOF || std::fflush(stdout) != 0) {
    throw engine::IoError("stdout", "",
                          fmt::format("expected to write to it, found: {}", std::strerror(errno)));
  }
}

}  // namespace tools
