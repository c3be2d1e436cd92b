// vsml: meta-trains and meta-tests learning algorithms from JSON specs; `vsml --help`.
#include <cstdlib>

#include "tools/command.h"

int main(int argc, char** argv) {
  const int status = tools::run_command(argc, argv);
#if !defined(__SANITIZE_ADDRESS__)  // which looks for leaks at a normal end
  // At a normal end OpenBLAS waits for its threads, and where addresses are short (ulimit -v) one
  // of them never ends. Everything has been written and closed by now.
  std::_Exit(status);
#endif
  return status;
}
