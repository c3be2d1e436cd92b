#include "vsml/experiment/report.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "engine/joined.h"
#include "vsml/experiment/report_curves.h"
#include "vsml/experiment/report_page.h"
#include "vsml/experiment/report_runs.h"
#include "vsml/experiment/sweep_summary.h"

namespace vsml {
namespace {

using engine::joined;
using nlohmann::ordered_json;

constexpr size_t kMostMatrices = 200;

std::string runs_section(const std::vector<ReportRun>& runs) {
  HtmlTable table{"Runs", {"run", "variant", "seed", "state"}, {}, {false, false, true}};
  for (const ReportRun& run : runs) {
    const std::string state = (run.results ? "done" : "") +
                              std::string(run.results && !run.notes.empty() ? "; " : "") +
                              joined(run.notes, "; ");
    table.rows.push_back({run.name, run.variant, run.seed, state});
  }
  return section("runs", "Runs", html_of(table));
}

std::string text_of(const Spread& spread) {
  if (std::isnan(spread.sd)) return fmt::format("{:.3f}", spread.mean);
  return fmt::format("{:.3f} \u00b1 {:.3f}", spread.mean, spread.sd);
}

std::string results_section(const std::vector<ReportRun>& runs) {
  std::vector<VariantResults> results;
  for (const ReportRun& run : runs) {
    if (run.results) results.push_back({run.variant, *run.results});
  }
  std::vector<SummaryRow> rows = summarize_runs(results);
  std::vector<HtmlTable> tables;
  std::stable_sort(rows.begin(), rows.end(), [](const SummaryRow& a, const SummaryRow& b) {
    return std::tie(a.task, a.examples, b.accuracy.mean) <
           std::tie(b.task, b.examples, a.accuracy.mean);
  });
  std::string html =
      "<p class=\"faint\">Accuracy is prequential: each example is predicted first and learned "
      "from after. Mean \u00b1 standard deviation over seeds; each seed is a mean over "
      "episodes.</p>\n";
  for (const SummaryRow& row : rows) {
    const std::string caption = fmt::format("{}, {} examples", row.task, row.examples);
    if (tables.empty() || tables.back().caption != caption) {
      tables.push_back({caption,
                        {"learner", "variant", "seeds", "whole episode", "last tenth", "loss"},
                        {},
                        {false, false, true, true, true, true}});
    }
    tables.back().rows.push_back({row.learner, row.variant, fmt::format("{}", row.seeds),
                                  text_of(row.accuracy), text_of(row.accuracy_last),
                                  text_of(row.loss)});
  }
  for (const HtmlTable& table : tables) html += html_of(table);
  if (tables.empty()) html = "<p>No run is done.</p>\n";
  return section("results", "Results", html);
}

std::string panels_html(const std::vector<Panel>& panels, const std::string& what) {
  std::string html = "<div class=\"panels\">\n";
  for (const Panel& panel : panels) {
    std::vector<std::string> names;
    for (const Curve& curve : panel.curves) names.push_back(curve.name);
    html += svg_of({{panel}}, SvgPlace::Page,
                   fmt::format("{}, {}: {}", what, panel.title, joined(names, ", ")));
  }
  return html + "</div>\n";
}

std::string curves_section(const std::vector<ReportRun>& runs) {
  const std::vector<Panel> episodes = episode_panels(runs), training = training_panels(runs);
  std::string html;
  if (!episodes.empty()) {
    html += section("curves", "Learning within an episode",
                    "<p class=\"faint\">Accuracy in windows of an episode; bands are one standard "
                    "deviation over seeds.</p>\n" +
                        panels_html(episodes, "Accuracy within an episode"));
  }
  if (!training.empty()) {
    html += section("training", "Meta-training", panels_html(training, "Meta-training"));
  }
  return html;
}

// One matrix per task, learner and variant, summed over seeds.
std::string confusion_section(const std::vector<ReportRun>& runs) {
  std::map<std::string, int64_t> longest;
  for (const ReportRun& run : runs) {
    if (!run.results) continue;
    for (const Result& result : run.results->results) {
      longest[result.task] = std::max(longest[result.task], result.examples);
    }
  }
  std::string html;
  size_t matrices = 0;
  for (const std::string& variant : variants_of(runs)) {
    std::vector<std::string> order;
    std::map<std::string, std::vector<int64_t>> sums;
    for (const ReportRun& run : runs) {
      if (run.variant != variant || !run.results) continue;
      for (const Result& result : run.results->results) {
        const std::vector<int64_t>& counts = result.score.confusion;
        if (counts.empty() || result.examples != longest[result.task]) continue;
        const std::string caption = result.task + ": " + result.learner;
        std::vector<int64_t>& sum = sums[caption];
        if (sum.empty()) order.push_back(caption);
        sum.resize(std::max(sum.size(), counts.size()));
        if (sum.size() != counts.size()) continue;  // of a task of another size
        for (size_t k = 0; k < sum.size(); ++k) sum[k] += counts[k];
      }
    }
    std::string own;
    for (const std::string& caption : order) {
      if (++matrices <= kMostMatrices) own += confusion_html(caption, sums[caption]);
    }
    if (!own.empty()) {
      html += folded(variant, "<div class=\"matrices\">\n" + own + "</div>\n", html.empty());
    }
  }
  if (html.empty()) return "";
  const std::string left_out =
      matrices <= kMostMatrices
          ? ""
          : fmt::format(" The first {} of {} are shown.", kMostMatrices, matrices);
  return section("confusion", "Confusion",
                 "<p class=\"faint\">In the last tenth of episodes: percent of the row's class "
                 "that was taken for the column's." +
                     left_out + "</p>\n" + html);
}

// The keys in which the specs of the variants differ, with their values.
std::string differences(const std::vector<const ReportRun*>& firsts) {
  std::vector<ordered_json> flat;
  std::vector<std::string> keys;
  std::set<std::string> known;
  for (const ReportRun* run : firsts) {
    flat.push_back(ordered_json::parse(run->spec).flatten());
    for (const auto& [key, value] : flat.back().items()) {
      if (known.insert(key).second) keys.push_back(key);
    }
  }
  HtmlTable table{"Keys in which variants differ", {"key"}, {}, {}};
  for (const ReportRun* run : firsts) table.head.push_back(run->variant);
  for (const std::string& key : keys) {
    std::set<std::string> values;
    std::vector<std::string> row{key.substr(1)};
    std::replace(row[0].begin(), row[0].end(), '/', '.');
    if (row[0] == "name" || row[0] == "seed") continue;
    for (const ordered_json& spec : flat) {
      row.push_back(spec.contains(key)
                        ? spec[key].dump(-1, ' ', false, ordered_json::error_handler_t::replace)
                        : "");
      values.insert(row.back());
    }
    if (values.size() > 1) table.rows.push_back(row);
  }
  return table.rows.empty() ? "" : html_of(table);
}

std::string spec_section(const std::vector<ReportRun>& runs) {
  std::vector<const ReportRun*> firsts;
  for (const std::string& variant : variants_of(runs)) {
    const auto first = std::find_if(runs.begin(), runs.end(), [&](const ReportRun& run) {
      return run.variant == variant && !run.spec.empty();
    });
    if (first != runs.end()) firsts.push_back(&*first);
  }
  if (firsts.empty()) return "";
  std::string html = firsts.size() > 1 ? differences(firsts) : "";
  for (const ReportRun* run : firsts) {
    html += folded("Spec of " + run->name, preformatted(run->spec));
  }
  return section("specs", "Specs", html);
}

std::string environment_section(const std::vector<ReportRun>& runs) {
  std::map<std::string, std::map<std::string, int>> values;  // how many runs have which
  for (const ReportRun& run : runs) {
    for (const auto& [key, value] : run.environment) ++values[key][value];
  }
  if (values.empty()) return "";
  HtmlTable table{
      "Of the processes that worked on the runs", {"", "value", "runs"}, {}, {false, false, true}};
  for (const auto& [key, all] : values) {
    for (const auto& [value, count] : all) {
      table.rows.push_back({key, value, fmt::format("{}", count)});
    }
  }
  return section("environment", "Environment", html_of(table));
}

std::string title_of(const std::vector<std::string>& folders) {
  std::vector<std::string> names;
  for (const std::string& folder : folders) {
    const auto path = std::filesystem::path(folder).lexically_normal();
    names.push_back((path.has_filename() ? path : path.parent_path()).filename().string());
  }
  return joined(names, ", ");
}

}  // namespace

std::string report_html(const std::vector<std::string>& folders) {
  const std::vector<ReportRun> runs = gather_runs(folders);
  const auto done = std::count_if(runs.begin(), runs.end(),
                                  [](const ReportRun& run) { return run.results.has_value(); });
  const std::vector<std::string> parts{results_section(runs),     curves_section(runs),
                                       confusion_section(runs),   spec_section(runs),
                                       environment_section(runs), runs_section(runs)};
  const std::string body = joined(parts, "");
  std::string links;
  for (const auto& [id, text] :
       std::vector<std::pair<std::string, std::string>>{{"results", "Results"},
                                                        {"curves", "Learning"},
                                                        {"training", "Meta-training"},
                                                        {"confusion", "Confusion"},
                                                        {"specs", "Specs"},
                                                        {"environment", "Environment"},
                                                        {"runs", "Runs"}}) {
    if (body.find("<section id=\"" + id + "\"") == std::string::npos) continue;
    links += fmt::format("<a href=\"#{}\">{}</a>\n", id, text);
  }
  const std::string title = title_of(folders);
  std::string head = html_heading(title, fmt::format("{} of {} runs are done.", done, runs.size()));
  return page(title, head + "<nav aria-label=\"Sections\">\n" + links + "</nav>\n<main>\n" + body +
                         "</main>\n");
}

}  // namespace vsml
