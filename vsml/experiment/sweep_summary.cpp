#include "vsml/experiment/sweep_summary.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "engine/error.h"

namespace vsml {
namespace {

using nlohmann::ordered_json;

// The values of one row, seed by seed.
struct Values {
  std::vector<double> accuracy, accuracy_last, loss;
};

std::string text_of(const Spread& spread) {
  if (std::isnan(spread.sd)) return fmt::format("{:.3f}         ", spread.mean);
  return fmt::format("{:.3f} +- {:.3f}", spread.mean, spread.sd);
}

ordered_json json_of(const Spread& spread) {
  return {{"mean", spread.mean}, {"sd", spread.sd}};  // null if NaN
}

std::string table_of(const std::vector<const SummaryRow*>& rows) {
  size_t variant = std::string("variant").size(), learner = std::string("learner").size();
  for (const SummaryRow* row : rows) {
    variant = std::max(variant, engine::printable(row->variant).size());
    learner = std::max(learner, engine::printable(row->learner).size());
  }
  std::string table = fmt::format(
      "{}: accuracy over {} examples, mean +- standard deviation over seeds\n"
      "  {:<{}}  {:<{}}  {:>5}  {:>15}  {:>15}  {:>8}\n",
      engine::printable(rows[0]->task), rows[0]->examples, "variant", variant, "learner", learner,
      "seeds", "whole episode", "last tenth", "loss");
  for (const SummaryRow* row : rows) {
    table += fmt::format("  {:<{}}  {:<{}}  {:>5}  {:>15}  {:>15}  {:>8.3f}\n",
                         engine::printable(row->variant), variant, engine::printable(row->learner),
                         learner, row->seeds, text_of(row->accuracy), text_of(row->accuracy_last),
                         row->loss.mean);
  }
  return table;
}

}  // namespace

Spread spread_of(const std::vector<double>& values) {
  Spread spread;
  const auto count = static_cast<double>(values.size());
  for (const double value : values) spread.mean += value / count;
  double squares = 0;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  spread.sd = values.size() < 2 ? std::nan("") : std::sqrt(squares / (count - 1));
  return spread;
}

std::vector<SummaryRow> summarize_runs(const std::vector<VariantResults>& runs) {
  using Key = std::tuple<std::string, std::string, std::string, int64_t>;
  std::vector<SummaryRow> rows;
  std::vector<Values> values;
  std::map<Key, size_t> places;
  for (const VariantResults& run : runs) {
    for (const Result& result : run.results.results) {
      const Key key{run.variant, result.task, result.learner, result.examples};
      const auto [place, is_new] = places.emplace(key, rows.size());
      if (is_new) {
        rows.push_back({run.variant, result.task, result.learner, result.examples, 0, {}, {}, {}});
        values.emplace_back();
      }
      Values& own = values[place->second];
      own.accuracy.push_back(result.score.accuracy);
      own.accuracy_last.push_back(result.score.accuracy_last);
      own.loss.push_back(result.score.loss);
    }
  }
  for (size_t k = 0; k < rows.size(); ++k) {
    rows[k].seeds = static_cast<int64_t>(values[k].accuracy.size());
    rows[k].accuracy = spread_of(values[k].accuracy);
    rows[k].accuracy_last = spread_of(values[k].accuracy_last);
    rows[k].loss = spread_of(values[k].loss);
  }
  return rows;
}

std::string summary_table(const std::vector<SummaryRow>& rows) {
  std::vector<std::vector<const SummaryRow*>> groups;
  for (const SummaryRow& row : rows) {
    const auto same = [&](const std::vector<const SummaryRow*>& group) {
      return group[0]->task == row.task && group[0]->examples == row.examples;
    };
    auto group = std::find_if(groups.begin(), groups.end(), same);
    if (group == groups.end()) group = groups.insert(group, std::vector<const SummaryRow*>());
    group->push_back(&row);
  }
  std::string text;
  for (auto& group : groups) {
    std::stable_sort(group.begin(), group.end(), [](const SummaryRow* a, const SummaryRow* b) {
      return a->accuracy.mean > b->accuracy.mean;
    });
    text += (text.empty() ? "" : "\n") + table_of(group);
  }
  return text;
}

std::string summary_json(const std::string& name, const std::vector<SummaryRow>& rows) {
  ordered_json all{{"name", name}, {"rows", ordered_json::array()}};
  for (const SummaryRow& row : rows) {
    all["rows"].push_back({{"variant", row.variant},
                           {"task", row.task},
                           {"learner", row.learner},
                           {"examples", row.examples},
                           {"seeds", row.seeds},
                           {"accuracy_cumulative", json_of(row.accuracy)},
                           {"accuracy_last", json_of(row.accuracy_last)},
                           {"loss", json_of(row.loss)}});
  }
  return all.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace vsml
