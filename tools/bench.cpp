// bench: speed of the engine and of VSML, one JSON line per measurement (docs/performance.md).
#include <CLI/CLI.hpp>

#include "tools/bench_timing.h"

int main(int argc, char** argv) {
  bench::Options options;
  CLI::App app("Measures the engine against OpenBLAS and a plain copy, and VSML networks.");
  app.add_option("--filter", options.filter, "only measurements whose name contains this");
  app.add_option("--repeat", options.repeat, "timed runs of each")->check(CLI::Range(1, 1000));
  app.add_option("--threads", options.threads, "numbers of threads")
      ->check(CLI::Range(1, 1024))
      ->delimiter(',');
  CLI11_PARSE(app, argc, argv);
  bench::run_engine(options);
  bench::run_vsml(options);
  return 0;
}
