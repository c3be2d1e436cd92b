#include "tools/bench_timing.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

namespace bench {

std::vector<Timing> alternate(const std::vector<std::function<void()>>& runs, int repeat) {
  std::vector<std::vector<double>> seconds(runs.size());
  for (int round = -1; round < repeat; ++round) {
    for (size_t k = 0; k < runs.size(); ++k) {
      const auto start = std::chrono::steady_clock::now();
      runs[k]();
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      if (round >= 0) seconds[k].push_back(taken.count());
    }
  }
  std::vector<Timing> result;
  for (std::vector<double>& each : seconds) {
    std::sort(each.begin(), each.end());
    result.push_back({each[each.size() / 2], each.back() / each.front()});
  }
  return result;
}

void print_line(const std::string& name, int threads,
                const std::vector<std::pair<std::string, double>>& numbers) {
  std::string line = fmt::format("{{\"name\": \"{}\", \"threads\": {}", name, threads);
  for (const auto& [key, value] : numbers) line += fmt::format(", \"{}\": {:.4g}", key, value);
  fmt::print("{}}}\n", line);
  std::fflush(stdout);
}

bool wanted(const Options& options, const std::string& name) {
  return name.find(options.filter) != std::string::npos;
}

}  // namespace bench
