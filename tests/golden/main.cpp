// golden [--f32] FILE...: runs every case of golden files and compares; exit status 1 if one fails.
#include <cstdio>
#include <cstring>
#include <exception>

#include "tests/golden/golden.h"

int main(int argc, char** argv) {
  const bool single = argc > 1 && std::strcmp(argv[1], "--f32") == 0;
  const int first = single ? 2 : 1;
  if (argc <= first) {
    std::fprintf(stderr, "usage: golden [--f32] FILE...\n");
    return 2;
  }
  const engine::DType dtype = single ? engine::DType::f32 : engine::DType::f64;
  int passed = 0, failed = 0;
  for (int k = first; k < argc; ++k) {
    try {
      for (const golden::CaseErrors& one : golden::run_file(argv[k], dtype)) {
        std::printf("%-4s %-20s outputs %.1e  states %.1e  loss %.1e  gradients %.1e\n",
                    one.passed() ? "ok" : "FAIL", one.name.c_str(), one.outputs, one.states,
                    one.loss, one.gradients);
        ++(one.passed() ? passed : failed);
      }
    } catch (const std::exception& error) {
      std::fprintf(stderr, "error: %s: %s\n", argv[k], error.what());
      ++failed;
    }
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
