// vsml: meta-trains and meta-tests learning algorithms from JSON specs; `vsml --help`.
#include <cstdlib>

#include "tools/command.h"

int main(int argc, char** argv) {
  const int status = tools::run_command(argc, argv);
  // Where memory is short, OpenBLAS may wait at exit for threads that never get their buffers.
  if (status == tools::kResources) std::_Exit(status);
  return status;
}
