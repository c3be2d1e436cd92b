#include "vsml/experiment/environment.h"

#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/cpu_info.h"
#include "engine/parallel.h"
#include "vsml/kernels/layer_ticks.h"
#include "vsml/kernels/tick_cells.h"

namespace vsml {
namespace {

// The text after "key ... :" in the first line of a file that begins with `key`.
std::string field(const char* path, const std::string& key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const size_t colon = line.find(':');
    const size_t first = line.find_first_not_of(" \t", colon + 1);
    return colon == std::string::npos || first == std::string::npos ? "" : line.substr(first);
  }
  return "";
}

}  // namespace

std::string version() {
  return VSML_VERSION;
}

std::string environment_json(const engine::Device& device) {
  const engine::CpuInfo cpu = engine::cpu_info();
  nlohmann::ordered_json env{{"version", version()},
                             {"compiler", __VERSION__},
                             {"processor", field("/proc/cpuinfo", "model name")},
                             {"kernels", cpu.kernels},
                             {"ticks", kernels::fused_kernels(16, engine::DType::f32, device)},
                             {"openblas", cpu.blas},
                             {"device", engine::to_string(device)},
                             {"threads", engine::num_threads()}};
  return env.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string tick_path(const LearnerOptions& learner, const engine::Device& device) {
  if (learner.type != LearnerType::Vsml) return "none: not a VSML network";
  const NetworkOptions& network = learner.network;
  const std::string fused = kernels::fused_kernels(network.cell.state, engine::DType::f32, device);
  if (fused.empty()) {
    return fmt::format("engine ops: no fused kernels for state_size {}", network.cell.state);
  }
  const bool by_ops = network.layer_norm && network.cell.message > kernels::most_fused_messages(
                                                                       network.cell.state, device);
  return fmt::format("fused ({}){}", fused, by_ops ? ", messages by engine ops (layer_norm)" : "");
}

}  // namespace vsml
