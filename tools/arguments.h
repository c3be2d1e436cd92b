// tools/arguments.h: what the command line said, for all commands.
#pragma once

#include <string>
#include <vector>

#include "vsml/experiment/run.h"
#include "vsml/experiment/spec_file.h"

namespace tools {

struct Arguments {
  std::string spec;
  std::vector<std::string> overrides;
  std::string out;
  std::string device = "cpu";
  int threads = 0;  // 0: the machine's cores
  bool json = false;
  bool quiet = false;
  // vsml sweep
  bool list = false;
  std::vector<size_t> only;  // runs, counted from 0; empty: all
  int jobs = 1;
  // vsml learn
  std::string algorithm = "improved_backprop";
  std::string data, test, state, label_column;
  uint64_t seed = 1;
  bool in_order = false;
  int64_t examples = -1;
};

// How a run is to be done. Sets the number of threads of this process. Throws DeviceError if the
// device is not there.
vsml::RunOptions run_options(const Arguments& arguments, const std::string& out);

}  // namespace tools
