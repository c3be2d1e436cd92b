#include "vsml/experiment/introspection_results.h"

#include <algorithm>
#include <fmt/format.h>

namespace vsml {
namespace {

using nlohmann::ordered_json;

// The windows of an episode that end before the swap; all of them if there is none.
size_t windows_before_swap(const Introspection& found, int64_t examples) {
  const auto windows = static_cast<int64_t>(found.before.size());
  if (found.swap_at == 0) return found.before.size();
  int64_t count = 0;
  while (count < windows && window_end(count, examples) <= found.swap_at) ++count;
  return static_cast<size_t>(count);
}

double mean_of(const std::vector<double>& values, size_t count) {
  double sum = 0;
  for (size_t k = 0; k < count; ++k) sum += values[k] / static_cast<double>(count);
  return sum;
}

// Empty without a swap.
std::string recovery(const Introspection& found, int64_t examples) {
  if (found.swap_at == 0) return "";
  const auto windows = static_cast<int64_t>(found.before.size());
  for (auto w = static_cast<int64_t>(windows_before_swap(found, examples)); w < windows; ++w) {
    if (found.before[static_cast<size_t>(w)] > found.old[static_cast<size_t>(w)]) {
      return fmt::format("  {:>10}", window_end(w, examples) - found.swap_at);
    }
  }
  return "       never";
}

}  // namespace

ordered_json introspection_json(const Introspection& found) {
  return {{"swap_at", found.swap_at},
          {"before", found.before},
          {"after", found.after},
          {"false_before", found.false_before},
          {"false_after", found.false_after},
          {"old", found.old}};
}

Introspection introspection_of(const ordered_json& object, int64_t examples) {
  Introspection found;
  found.swap_at = object.at("swap_at");
  for (const auto& [key, part] : {std::pair{"before", &found.before},
                                  {"after", &found.after},
                                  {"false_before", &found.false_before},
                                  {"false_after", &found.false_after},
                                  {"old", &found.old}}) {
    *part = object.at(key).get<std::vector<double>>();
    if (examples < 1 || part->size() != static_cast<size_t>(num_windows(examples))) {
      throw ordered_json::other_error::create(500, "introspection", nullptr);
    }
  }
  return found;
}

std::string introspection_table(const std::vector<const Result*>& results, size_t width,
                                std::string (*name)(const Result&)) {
  std::string table;
  for (const Result* result : results) {
    if (!result->introspection) continue;
    const Introspection& found = *result->introspection;
    if (table.empty()) {
      table = fmt::format(
          "  probability of the label before and after it was learned, and of a false label{}\n"
          "  {:<{}}  {:>7}  {:>6}  {:>6}  {:>12}  {:>6}  {:>6}{}\n",
          found.swap_at > 0 ? "; examples from the swap of labels until the new ones win" : "",
          "learner", width, "before", "after", "gain", "false before", "after", "gain",
          found.swap_at > 0 ? "  after swap" : "");
    }
    const size_t count = std::max<size_t>(1, windows_before_swap(found, result->examples));
    const double before = mean_of(found.before, count), after = mean_of(found.after, count);
    const double false_before = mean_of(found.false_before, count),
                 false_after = mean_of(found.false_after, count);
    table +=
        fmt::format("  {:<{}}  {:>7.3f}  {:>6.3f}  {:>+6.3f}  {:>12.3f}  {:>6.3f}  {:>+6.3f}{}\n",
                    name(*result), width, before, after, after - before, false_before, false_after,
                    false_after - false_before, recovery(found, result->examples));
  }
  return table;
}

}  // namespace vsml
