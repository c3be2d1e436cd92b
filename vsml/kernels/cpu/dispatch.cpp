#include <cstdlib>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "engine/error.h"
#include "vsml/kernels/cpu/isa.h"
#include "vsml/kernels/cpu/layer_ticks.h"

namespace vsml::kernels {
namespace {

struct Choice {
  const char* name;
  TileKernels (*kernels)(int64_t state_size);
};

TileKernels no_kernels(int64_t) {
  return {};
}

// What this processor can run, the best first.
std::vector<Choice> available() {
  std::vector<Choice> choices;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    choices.push_back({"avx512", avx512_kernels});
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    choices.push_back({"avx2", avx2_kernels});
  }
#endif
  choices.push_back({"portable", portable_kernels});
  choices.push_back({"reference", no_kernels});
  return choices;
}

Choice choose() {
  const std::vector<Choice> choices = available();
  const char* wanted = std::getenv("VSML_KERNELS");
  if (wanted == nullptr || *wanted == '\0') return choices.front();
  std::string names;
  for (const Choice& choice : choices) {
    if (std::string(wanted) == choice.name) return choice;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", choice.name);
  }
  throw engine::Error(fmt::format("VSML_KERNELS: expected one of {}, got \"{}\"", names,
                                  engine::printable(wanted)));
}

const Choice& chosen() {
  static const Choice choice = choose();
  return choice;
}

}  // namespace

TileKernels tile_kernels(int64_t state_size) {
  return chosen().kernels(state_size);
}

namespace cpu {

const char* fused_isa(int64_t state_size) {
  return tile_kernels(state_size).single.forward == nullptr ? nullptr : chosen().name;
}

}  // namespace cpu
}  // namespace vsml::kernels
