// tools/command.h: the `vsml` command, from arguments to exit status.
#pragma once

namespace tools {

// Exit statuses; part of the interface (README).
enum ExitStatus {
  kOk = 0,
  kInternal = 1,   // a fault of the program
  kUsage = 2,      // arguments, spec, run directory of another spec
  kData = 3,       // a data set or another file
  kDiverged = 4,   // a number is not finite; the last checkpoint stands
  kResources = 5,  // memory or disk space
  kStopped = 75,   // stopped by a signal; the same command goes on
};

// Runs the command. Results go to stdout, everything else to stderr; an error is one line
// "error: ...", and a line "hint: ..." where there is something to do about it.
int run_command(int argc, char** argv);

}  // namespace tools
