#include "vsml/experiment/results.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "vsml/experiment/introspection_results.h"

namespace vsml {
namespace {

using nlohmann::ordered_json;

ordered_json json_of(const Result& result) {
  ordered_json object{{"task", result.task}, {"learner", result.learner}};
  if (result.chosen) object[result.chosen->key] = result.chosen->value;
  object["episodes"] = result.episodes;
  object["examples"] = result.examples;
  object["accuracy_cumulative"] = result.score.accuracy;
  object["accuracy_cumulative_sd"] = result.score.accuracy_sd;
  object["accuracy_last"] = result.score.accuracy_last;
  object["loss"] = result.score.loss;
  object["accuracies"] = result.accuracies;
  if (!result.score.curve.empty()) object["curve"] = result.score.curve;
  if (!result.score.confusion.empty()) object["confusion"] = result.score.confusion;
  if (result.introspection) object["introspection"] = introspection_json(*result.introspection);
  if (!result.likeness) return object;
  object["same_predictions"] = result.likeness->same_predictions;
  object["layers"] = ordered_json::array();
  for (const LayerLikeness& layer : result.likeness->layers) {
    object["layers"].push_back({{"correlation", layer.correlation},
                                {"change_correlation", layer.change_correlation},
                                {"distance", layer.distance}});
  }
  return object;
}

// JSON has no word for what is not finite: null.
double number(const ordered_json& object, const char* key) {
  const ordered_json& value = object.at(key);
  return value.is_null() ? std::nan("") : value.get<double>();
}

Result result_of(const ordered_json& object) {
  Result result;
  result.task = object.at("task");
  result.learner = object.at("learner");
  for (const char* key : {"learning_rate", "ridge"}) {
    if (object.contains(key)) result.chosen = Choice{key, object.at(key)};
  }
  result.episodes = object.at("episodes");
  result.examples = object.at("examples");
  result.accuracies = object.at("accuracies").get<std::vector<double>>();
  if (result.accuracies.size() != static_cast<size_t>(result.episodes)) {
    throw ordered_json::other_error::create(500, "accuracies", nullptr);
  }
  result.score.accuracy = number(object, "accuracy_cumulative");
  result.score.accuracy_sd = number(object, "accuracy_cumulative_sd");
  result.score.accuracy_last = number(object, "accuracy_last");
  result.score.loss = number(object, "loss");
  if (object.contains("curve")) {
    result.score.curve = object.at("curve").get<std::vector<double>>();
  }
  if (object.contains("confusion")) {
    result.score.confusion = object.at("confusion").get<std::vector<int64_t>>();
  }
  if (object.contains("introspection")) {
    result.introspection = introspection_of(object.at("introspection"), result.examples);
  }
  if (!object.contains("layers")) return result;
  result.likeness.emplace();
  result.likeness->same_predictions = number(object, "same_predictions");
  for (const ordered_json& layer : object.at("layers")) {
    result.likeness->layers.push_back({number(layer, "correlation"),
                                       number(layer, "change_correlation"),
                                       number(layer, "distance")});
  }
  return result;
}

// What `read` makes of a JSON text.
template <class Read>
auto parsed(const std::string& file, const std::string& text, Read&& read) {
  try {
    return read(ordered_json::parse(text));
  } catch (const ordered_json::exception&) {
    throw engine::IoError(file, "",
                          fmt::format("expected results as a run writes them, found \"{}\"",
                                      engine::printable(text.substr(0, 60))));
  }
}

// The result that others of the same task and length are compared with: the first.
const Result& compared_with(const RunResults& results, const Result& result) {
  return *std::find_if(results.results.begin(), results.results.end(), [&](const Result& one) {
    return one.task == result.task && one.examples == result.examples;
  });
}

PairedDifference difference(const RunResults& results, const Result& result) {
  return paired_difference(compared_with(results, result).accuracies, result.accuracies);
}

std::string difference_text(const RunResults& results, const Result& result) {
  if (&compared_with(results, result) == &result) return "";
  const PairedDifference d = difference(results, result);
  if (result.accuracies.size() < 2) return fmt::format("{:+.3f}", d.mean);
  return fmt::format("{:+.3f} [{:+.3f}, {:+.3f}]", d.mean, d.low, d.high);
}

std::string learner_text(const Result& result) {
  const std::string name = engine::printable(result.learner);
  if (!result.chosen) return name;
  const std::string what = result.chosen->key == "learning_rate" ? "rate" : result.chosen->key;
  return fmt::format("{} (best {} {:g})", name, what, result.chosen->value);
}

std::string likeness_table(const std::vector<const Result*>& rows, size_t width) {
  std::string table;
  for (const Result* row : rows) {
    if (!row->likeness) continue;
    if (table.empty()) {
      table = fmt::format("  {:<{}}  {:>5}  {:>12}  {:>12}  {:>10}  (weights beside sgd's)\n", "",
                          width, "layer", "correlation", "of changes", "distance");
    }
    for (size_t k = 0; k < row->likeness->layers.size(); ++k) {
      const LayerLikeness& layer = row->likeness->layers[k];
      table += fmt::format("  {:<{}}  {:>5}  {:>12.7f}  {:>12.7f}  {:>10.2g}\n",
                           k == 0 ? learner_text(*row) : "", width, k, layer.correlation,
                           layer.change_correlation, layer.distance);
    }
    table += fmt::format("  {:<{}}  same predictions {:.3f} %\n", "", width,
                         100 * row->likeness->same_predictions);
  }
  return table;
}

}  // namespace

std::string results_to_json(const RunResults& results) {
  ordered_json all{{"experiment", results.experiment}, {"name", results.name}};
  all["results"] = ordered_json::array();
  for (const Result& result : results.results) {
    ordered_json object = json_of(result);
    if (&compared_with(results, result) != &result) {
      const PairedDifference d = difference(results, result);
      object["difference"] = {{"mean", d.mean}};
      if (result.accuracies.size() > 1)
        object["difference"].update({{"low", d.low}, {"high", d.high}});
    }
    all["results"].push_back(std::move(object));
  }
  return all.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string result_to_line(const Result& result) {
  return json_of(result).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Result result_from_line(const std::string& file, const std::string& line) {
  return parsed(file, line, [](const ordered_json& object) { return result_of(object); });
}

RunResults results_from_json(const std::string& file, const std::string& text) {
  return parsed(file, text, [](const ordered_json& object) {
    RunResults results{object.at("experiment"), object.at("name"), {}};
    for (const ordered_json& one : object.at("results")) results.results.push_back(result_of(one));
    return results;
  });
}

std::string results_table(const RunResults& results) {
  size_t width = std::string("learner").size();
  std::vector<const Result*> heads;  // the first result of each task and length
  for (const Result& result : results.results) {
    width = std::max(width, learner_text(result).size());
    if (&compared_with(results, result) == &result) heads.push_back(&result);
  }
  std::string table;
  for (const Result* head : heads) {
    std::vector<const Result*> rows;
    for (const Result& result : results.results) {
      if (&compared_with(results, result) == head) rows.push_back(&result);
    }
    std::stable_sort(rows.begin(), rows.end(), [](const Result* a, const Result* b) {
      return a->score.accuracy > b->score.accuracy;
    });
    table += fmt::format(
        "{}{}: accuracy over {} episodes of {} examples, mean +- standard deviation\n",
        table.empty() ? "" : "\n", engine::printable(head->task), head->episodes, head->examples);
    const std::string compared =
        rows.size() < 2 ? "" : fmt::format("  {} minus it", engine::printable(head->learner));
    table += fmt::format("  {:<{}}  {:>15}  {:>10}  {:>8}{}\n", "learner", width, "whole episode",
                         "last tenth", "loss", compared);
    for (const Result* row : rows) {
      const std::string difference = difference_text(results, *row);
      table +=
          fmt::format("  {:<{}}  {:.3f} +- {:.3f}  {:>10.3f}  {:>8.3f}{}{}\n", learner_text(*row),
                      width, row->score.accuracy, row->score.accuracy_sd, row->score.accuracy_last,
                      row->score.loss, difference.empty() ? "" : "  ", difference);
    }
    table += likeness_table(rows, width) + introspection_table(rows, width, learner_text);
  }
  return table;
}

}  // namespace vsml
