// bench: speed of the engine and of VSML, one JSON line per measurement (docs/performance.md).
#include <CLI/CLI.hpp>
#include <cstdio>

#include "engine/backend.h"
#include "engine/error.h"
#include "tools/bench_timing.h"

int main(int argc, char** argv) {
  bench::Options options;
  CLI::App app("Measures the engine against OpenBLAS and a plain copy, and VSML networks.");
  app.add_option("--filter", options.filter, "only measurements whose name contains this");
  app.add_option("--repeat", options.repeat, "timed runs of each")->check(CLI::Range(1, 1000));
  app.add_option("--threads", options.threads, "numbers of threads")
      ->check(CLI::Range(1, 1024))
      ->delimiter(',');
  std::string device = "cpu";
  app.add_option("--device", device, "cpu, cuda or cuda:N");
  CLI11_PARSE(app, argc, argv);
  try {
    options.device = engine::parse_device(device);
    (void)engine::backend(options.device);
  } catch (const engine::Error& error) {
    std::fprintf(stderr, "error: %s\nhint: %s\n", error.what(), error.hint().c_str());
    return 2;
  }
  if (options.device != engine::Device{}) {
    bench::run_gpu(options);
    return 0;
  }
  bench::run_engine(options);
  bench::run_vsml(options);
  return 0;
}
