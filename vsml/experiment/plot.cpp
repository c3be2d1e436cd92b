#include "vsml/experiment/plot.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <sstream>

#include "engine/error.h"
#include "engine/io/atomic_file.h"
#include "vsml/experiment/results.h"
#include "vsml/experiment/run_directory.h"
#include "vsml/experiment/svg.h"

namespace vsml {
namespace {

constexpr int64_t kMaxTableBytes = int64_t{1} << 32;
constexpr int64_t kMaxResultBytes = int64_t{1} << 26;
constexpr size_t kWindows = 40;  // points of a curve

// A table of numbers with named columns; an empty field is NaN.
struct Table {
  std::vector<std::string> names;
  std::vector<std::vector<double>> columns;
};

std::vector<std::string> fields_of_line(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t k = 0; k < line.size(); ++k) {
    if (line[k] == '"') {
      const bool doubled = quoted && k + 1 < line.size() && line[k + 1] == '"';
      if (doubled)
        fields.back() += line[k++];
      else
        quoted = !quoted;
    } else if (line[k] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += line[k];
    }
  }
  return fields;
}

double number_in(const std::string& field, const std::string& file, size_t line) {
  if (field.empty()) return std::nan("");
  double value = 0;
  const char* end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, value);
  if (error == std::errc() && stop == end) return value;
  throw engine::IoError(file, fmt::format("line {}", line),
                        fmt::format("expected a number, found \"{}\"", engine::printable(field)));
}

Table read_table(const std::string& file) {
  std::istringstream text(engine::read_file(file, kMaxTableBytes));
  Table table;
  std::string line;
  std::getline(text, line);
  table.names = fields_of_line(line);
  table.columns.resize(table.names.size());
  for (size_t number = 2; std::getline(text, line); ++number) {
    const std::vector<std::string> fields = fields_of_line(line);
    if (fields.size() != table.names.size()) {
      throw engine::IoError(
          file, fmt::format("line {}", number),
          fmt::format("expected {} fields, found {}", table.names.size(), fields.size()));
    }
    for (size_t k = 0; k < fields.size(); ++k) {
      table.columns[k].push_back(number_in(fields[k], file, number));
    }
  }
  return table;
}

// The mean of a column over tables of one form, element by element.
std::vector<double> mean_column(const std::vector<Table>& tables, size_t column) {
  std::vector<double> mean(tables[0].columns[column].size(), 0.0);
  for (const Table& table : tables) {
    for (size_t t = 0; t < mean.size(); ++t) {
      mean[t] += table.columns[column].at(t) / static_cast<double>(tables.size());
    }
  }
  return mean;
}

// Averages over windows; a window's place is its end.
Curve windowed(const std::string& name, const std::vector<double>& values) {
  Curve curve{name, {}, {}};
  const size_t windows = std::min(kWindows, values.size());
  for (size_t w = 0; w < windows; ++w) {
    const size_t first = values.size() * w / windows, last = values.size() * (w + 1) / windows;
    double sum = 0;
    for (size_t t = first; t < last; ++t) sum += values[t];
    curve.x.push_back(static_cast<double>(last));
    curve.y.push_back(sum / static_cast<double>(last - first));
  }
  return curve;
}

// The rest of a name that ends in `end`.
std::string before(const std::string& name, const std::string& end) {
  return name.ends_with(end) ? name.substr(0, name.size() - end.size()) : "";
}

std::vector<Panel> panels_of(const std::vector<Table>& tables) {
  Panel accuracy{"accuracy", "examples", {}, false}, loss{"cross entropy", "examples", {}, false},
      distance{"distance of the weights from sgd's", "examples", {}, true};
  const std::vector<std::string>& names = tables[0].names;
  for (size_t k = 1; k < names.size(); ++k) {
    const std::vector<double> values = mean_column(tables, k);
    if (const auto name = before(names[k], " correct"); !name.empty()) {
      accuracy.curves.insert(accuracy.curves.begin(), windowed(name, values));
    } else if (const auto of_loss = before(names[k], " loss"); !of_loss.empty()) {
      loss.curves.insert(loss.curves.begin(), windowed(of_loss, values));
    } else if (const auto layer = before(names[k], " distance"); !layer.empty()) {
      distance.curves.push_back({layer, {}, {}});
      for (size_t t = 0; t < values.size(); ++t) {
        if (std::isnan(values[t])) continue;  // the weights were not looked at
        distance.curves.back().x.push_back(tables[0].columns[0][t]);
        distance.curves.back().y.push_back(values[t]);
      }
    }
  }
  return {accuracy, loss, distance};
}

// Experiment introspect: a row of panels per task, from results.json.
std::vector<std::vector<Panel>> introspection_rows(const std::string& run_directory) {
  std::vector<std::vector<Panel>> rows;
  const std::string file = path_in(run_directory, "results.json");
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return rows;
  const RunResults results = results_from_json(file, engine::read_file(file, kMaxResultBytes));
  std::string task;
  for (const Result& result : results.results) {
    if (!result.introspection) continue;
    const Introspection& found = *result.introspection;
    if (rows.empty() || result.task != task) {
      task = result.task;
      rows.push_back({{task + ": label, before its example", "examples", {}, false},
                      {"label, right after it", "examples", {}, false},
                      {"false label, after it", "examples", {}, false}});
      if (found.swap_at > 0) {
        rows.back().push_back({"label of before the swap", "examples", {}, false});
      }
    }
    const std::vector<double> ends = window_ends(result.examples);
    const std::vector<double>* parts[] = {&found.before, &found.after, &found.false_after,
                                          &found.old};
    for (size_t k = 0; k < rows.back().size(); ++k) {
      rows.back()[k].curves.push_back({result.learner, ends, *parts[k]});
    }
  }
  return rows;
}

}  // namespace

std::string plot_run(const std::string& run_directory) {
  const std::filesystem::path folder = std::filesystem::path(run_directory) / "curves";
  std::map<std::string, std::vector<Table>> tasks;  // task-0, ...
  std::map<std::string, std::string> files;         // in the order of their names
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (name.starts_with("task-") && name.ends_with(".csv")) files[name] = entry->path();
  }
  if (files.empty()) {
    const auto rows = introspection_rows(run_directory);
    if (!rows.empty()) return svg_of(rows);
    throw engine::IoError(run_directory, "",
                          "expected the run directory of an experiment compare, with an episode "
                          "that is done, or of an experiment introspect that is done");
  }
  for (const auto& [name, file] : files) {
    std::vector<Table>& tables = tasks[name.substr(0, name.find("-episode"))];
    tables.push_back(read_table(file));
    const bool alike = tables.back().names == tables[0].names && !tables[0].columns.empty() &&
                       tables.back().columns[0].size() == tables[0].columns[0].size();
    if (!alike) {
      throw engine::IoError(file, "", "expected a table like those of the other episodes");
    }
  }
  std::vector<std::vector<Panel>> rows;
  for (const auto& [task, tables] : tasks) rows.push_back(panels_of(tables));
  return svg_of(rows);
}

}  // namespace vsml
