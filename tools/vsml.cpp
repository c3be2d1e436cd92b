// vsml: meta-trains and meta-tests learning algorithms from JSON specs; `vsml --help`.
#include "tools/command.h"

int main(int argc, char** argv) {
  return tools::run_command(argc, argv);
}
