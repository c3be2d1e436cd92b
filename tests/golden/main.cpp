// golden [--f32] [--device NAME] FILE...: runs every case of golden files and compares; exit status
// 1 if one fails, 77 if there is no such device.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "engine/device.h"
#include "tests/golden/golden.h"

int main(int argc, char** argv) {
  engine::DType dtype = engine::DType::f64;
  engine::Device device;
  std::vector<std::string> files;
  for (int k = 1; k < argc; ++k) {
    const std::string argument = argv[k];
    if (argument == "--f32") {
      dtype = engine::DType::f32;
    } else if (argument == "--device" && k + 1 < argc) {
      device = engine::parse_device(argv[++k]);
    } else {
      files.push_back(argument);
    }
  }
  if (files.empty()) {
    std::fprintf(stderr, "usage: golden [--f32] [--device NAME] FILE...\n");
    return 2;
  }
  if (!engine::available(device)) {
    std::printf("skipped: %s\n", engine::absence_hint(device).c_str());
    return 77;
  }
  int passed = 0, failed = 0;
  for (const std::string& file : files) {
    try {
      for (const golden::CaseErrors& one : golden::run_file(file, dtype, device)) {
        std::printf("%-4s %-20s outputs %.1e  states %.1e  loss %.1e  gradients %.1e\n",
                    one.passed() ? "ok" : "FAIL", one.name.c_str(), one.outputs, one.states,
                    one.loss, one.gradients);
        ++(one.passed() ? passed : failed);
      }
    } catch (const std::exception& error) {
      std::fprintf(stderr, "error: %s: %s\n", file.c_str(), error.what());
      ++failed;
    }
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
