// tools/console.h: what all commands do with the outside: signals, stdout.
#pragma once

#include <string>

namespace tools {

// A first SIGINT, SIGTERM, SIGHUP, SIGUSR1 or SIGUSR2 makes stop_requested() true; a second one
// ends the process. Those that were ignored when the program began stay so. SIGPIPE and SIGXFSZ are
// ignored: what they are about is seen as failed writes.
void install_signals();
bool stop_requested();

// Puts something in the place of a closed stdin, stdout or stderr, so that no file that is opened
// later gets its number.
void occupy_standard_files();

// Results, to stdout. Throws IoError if they do not get there.
void print(const std::string& text);

}  // namespace tools
