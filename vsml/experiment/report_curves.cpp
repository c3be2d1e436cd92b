#include "vsml/experiment/report_curves.h"

#include <algorithm>
#include <cmath>

#include "vsml/experiment/sweep_summary.h"

namespace vsml {
namespace {

constexpr size_t kMostPoints = 200;

// Curves of several seeds at the same places.
using Seeds = std::vector<std::vector<double>>;

Curve with_band(const std::string& name, const std::vector<double>& x, const Seeds& seeds) {
  Curve curve{name, x, {}, {}, {}};
  for (size_t k = 0; k < x.size(); ++k) {
    std::vector<double> values;
    for (const auto& seed : seeds) {
      if (k < seed.size()) values.push_back(seed[k]);
    }
    const Spread spread = spread_of(values);
    curve.y.push_back(spread.mean);
    if (seeds.size() < 2) continue;
    const double sd = std::isnan(spread.sd) ? 0 : spread.sd;
    curve.low.push_back(spread.mean - sd);
    curve.high.push_back(spread.mean + sd);
  }
  return curve;
}

bool has_curve(const Result& result, const std::string& task, int64_t examples) {
  return result.task == task && result.examples == examples && !result.score.curve.empty();
}

// A learner of a variant on a task; false if there is none.
bool add_episode_curve(const std::vector<ReportRun>& runs, const std::string& variant,
                       const std::string& learner, int64_t examples, const std::string& name,
                       Panel& panel) {
  Seeds seeds;
  for (const ReportRun& run : runs) {
    if (run.variant != variant || !run.results) continue;
    for (const Result& result : run.results->results) {
      if (result.learner != learner || !has_curve(result, panel.title, examples)) continue;
      seeds.push_back(result.score.curve);
    }
  }
  if (seeds.empty() || panel.curves.size() == kMostCurves) return false;
  panel.curves.push_back(with_band(name, window_ends(examples), seeds));
  return true;
}

// The learners that a variant has on a task, in order.
std::vector<std::string> learners_of(const std::vector<ReportRun>& runs, const std::string& variant,
                                     const std::string& task, int64_t examples) {
  std::vector<std::string> names;
  for (const ReportRun& run : runs) {
    if (run.variant != variant || !run.results) continue;
    for (const Result& result : run.results->results) {
      const bool is_new = std::find(names.begin(), names.end(), result.learner) == names.end();
      if (is_new && has_curve(result, task, examples)) names.push_back(result.learner);
    }
  }
  return names;
}

Panel episode_panel(const std::vector<ReportRun>& runs, const std::string& task, int64_t examples) {
  Panel panel{task, "examples", {}, false};
  const std::vector<std::string> variants = variants_of(runs);
  std::vector<std::string> others;  // learners of the first variant that has this task
  for (const std::string& variant : variants) {
    std::vector<std::string> learners = learners_of(runs, variant, task, examples);
    if (learners.empty()) continue;
    add_episode_curve(runs, variant, learners[0], examples,
                      variants.size() == 1 ? learners[0] : variant, panel);
    if (panel.curves.size() > 1 || !others.empty()) continue;
    others.assign(learners.begin() + 1, learners.end());
    for (std::string& other : others) other = variant + "\n" + other;
  }
  for (const std::string& other : others) {
    const size_t cut = other.find('\n');
    const std::string learner = other.substr(cut + 1);
    add_episode_curve(runs, other.substr(0, cut), learner, examples, learner, panel);
  }
  return panel;
}

// Means of stretches of `stride` points, so that those of runs that went on longer begin alike.
Series thinned(const Series& series, size_t stride) {
  Series result;
  for (size_t first = 0; first < series.step.size(); first += stride) {
    const size_t last = std::min(first + stride, series.step.size());
    double sum = 0;
    for (size_t i = first; i < last; ++i) sum += series.value[i];
    result.step.push_back(series.step[last - 1]);
    result.value.push_back(sum / static_cast<double>(last - first));
  }
  return result;
}

Panel training_panel(const std::vector<ReportRun>& runs, const std::string& key) {
  Panel panel{key, "meta-training steps", {}, false};
  size_t longest = 0;
  for (const ReportRun& run : runs) {
    const auto found = run.metrics.find(key);
    if (found != run.metrics.end()) longest = std::max(longest, found->second.step.size());
  }
  for (const std::string& variant : variants_of(runs)) {
    Seeds seeds;
    std::vector<double> x;
    for (const ReportRun& run : runs) {
      const auto found = run.metrics.find(key);
      if (run.variant != variant || found == run.metrics.end()) continue;
      const Series series = thinned(found->second, (longest + kMostPoints - 1) / kMostPoints);
      if (series.step.size() > x.size()) x = series.step;  // of the run that is furthest
      seeds.push_back(series.value);
    }
    if (!seeds.empty() && panel.curves.size() < kMostCurves) {
      panel.curves.push_back(with_band(variant, x, seeds));
    }
  }
  return panel;
}

}  // namespace

std::vector<std::string> variants_of(const std::vector<ReportRun>& runs) {
  std::vector<std::string> variants;
  for (const ReportRun& run : runs) {
    if (std::find(variants.begin(), variants.end(), run.variant) == variants.end()) {
      variants.push_back(run.variant);
    }
  }
  return variants;
}

std::vector<Panel> episode_panels(const std::vector<ReportRun>& runs) {
  std::vector<std::string> tasks;
  std::map<std::string, int64_t> longest;
  for (const ReportRun& run : runs) {
    if (!run.results) continue;
    for (const Result& result : run.results->results) {
      if (result.score.curve.empty()) continue;
      if (!longest.contains(result.task)) tasks.push_back(result.task);
      longest[result.task] = std::max(longest[result.task], result.examples);
    }
  }
  std::vector<Panel> panels;
  for (const std::string& task : tasks) {
    panels.push_back(episode_panel(runs, task, longest[task]));
  }
  return panels;
}

std::vector<Panel> training_panels(const std::vector<ReportRun>& runs) {
  std::vector<std::string> keys;
  for (const ReportRun& run : runs) {
    for (const auto& [key, series] : run.metrics) {
      const bool shown = key == "train/loss" || key == "train/accuracy" ||
                         key.ends_with(": test/accuracy_cumulative");
      const bool is_new = std::find(keys.begin(), keys.end(), key) == keys.end();
      if (shown && is_new) keys.push_back(key);
    }
  }
  std::vector<Panel> panels;
  for (const std::string& key : keys) panels.push_back(training_panel(runs, key));
  return panels;
}

}  // namespace vsml
