#include "vsml/experiment/results.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/error.h"

namespace vsml {
namespace {

using nlohmann::ordered_json;

ordered_json json_of(const Result& result) {
  ordered_json object{{"task", result.task}, {"learner", result.learner}};
  if (result.chosen) object[result.chosen->key] = result.chosen->value;
  object["episodes"] = result.episodes;
  object["accuracy_cumulative"] = result.score.accuracy;
  object["accuracy_cumulative_sd"] = result.score.accuracy_sd;
  object["accuracy_last"] = result.score.accuracy_last;
  object["loss"] = result.score.loss;
  return object;
}

Result result_of(const ordered_json& object) {
  Result result;
  result.task = object.at("task");
  result.learner = object.at("learner");
  for (const char* key : {"learning_rate", "ridge"}) {
    if (object.contains(key)) result.chosen = Choice{key, object.at(key)};
  }
  result.episodes = object.at("episodes");
  result.score.accuracy = object.at("accuracy_cumulative");
  result.score.accuracy_sd = object.at("accuracy_cumulative_sd");
  result.score.accuracy_last = object.at("accuracy_last");
  result.score.loss = object.at("loss");
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

std::string learner_text(const Result& result) {
  const std::string name = engine::printable(result.learner);
  if (!result.chosen) return name;
  const std::string what = result.chosen->key == "learning_rate" ? "rate" : result.chosen->key;
  return fmt::format("{} (best {} {:g})", name, what, result.chosen->value);
}

}  // namespace

std::string results_to_json(const RunResults& results) {
  ordered_json all{{"experiment", results.experiment}, {"name", results.name}};
  all["results"] = ordered_json::array();
  for (const Result& result : results.results) all["results"].push_back(json_of(result));
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
  std::vector<std::string> tasks;
  for (const Result& result : results.results) {
    width = std::max(width, learner_text(result).size());
    if (std::find(tasks.begin(), tasks.end(), result.task) == tasks.end()) {
      tasks.push_back(result.task);
    }
  }
  std::string table;
  for (const std::string& task : tasks) {
    std::vector<const Result*> rows;
    for (const Result& result : results.results) {
      if (result.task == task) rows.push_back(&result);
    }
    std::stable_sort(rows.begin(), rows.end(), [](const Result* a, const Result* b) {
      return a->score.accuracy > b->score.accuracy;
    });
    table += fmt::format("{}{}: accuracy over {} episodes, mean +- standard deviation\n",
                         table.empty() ? "" : "\n", engine::printable(task), rows[0]->episodes);
    table += fmt::format("  {:<{}}  {:>15}  {:>10}  {:>8}\n", "learner", width, "whole episode",
                         "last tenth", "loss");
    for (const Result* row : rows) {
      table += fmt::format("  {:<{}}  {:.3f} +- {:.3f}  {:>10.3f}  {:>8.3f}\n", learner_text(*row),
                           width, row->score.accuracy, row->score.accuracy_sd,
                           row->score.accuracy_last, row->score.loss);
    }
  }
  return table;
}

}  // namespace vsml
