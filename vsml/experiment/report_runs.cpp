#include "vsml/experiment/report_runs.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/io/atomic_file.h"
#include "vsml/experiment/run_directory.h"
#include "vsml/experiment/sweep_directory.h"

namespace vsml {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t kMaxBytes = int64_t{1} << 26, kMaxMetricsBytes = int64_t{1} << 30;

// The text of a file, or nothing and a note.
std::optional<std::string> text_of(ReportRun& run, const std::string& name, int64_t most) {
  std::error_code error;
  const std::string path = path_in(run.folder, name);
  if (!fs::exists(path, error)) {
    run.notes.push_back(name + " is missing");
    return std::nullopt;
  }
  try {
    return engine::read_file(path, most);
  } catch (const engine::IoError& problem) {
    run.notes.push_back(problem.what());
    return std::nullopt;
  }
}

void read_spec_file(ReportRun& run) {
  run.name = fs::path(run.folder).filename().string();
  const auto text = text_of(run, "spec.json", kMaxBytes);
  if (!text) return;
  const json spec = json::parse(*text, nullptr, false);
  if (!spec.is_object()) {
    run.notes.emplace_back("spec.json is damaged");
    return;
  }
  run.spec = *text;
  if (spec.contains("name") && spec["name"].is_string()) run.name = spec["name"];
  if (spec.contains("seed") && spec["seed"].is_number_integer()) run.seed = spec["seed"].dump();
}

void read_environment(ReportRun& run) {
  const auto text = text_of(run, "env.json", kMaxBytes);
  if (!text) return;
  const json env = json::parse(*text, nullptr, false);
  if (!env.is_object()) {
    run.notes.emplace_back("env.json is damaged");
    return;
  }
  for (const auto& [key, value] : env.items()) {
    run.environment[key] = value.is_string() ? value.get<std::string>() : value.dump();
  }
}

void read_results(ReportRun& run) {
  std::error_code error;
  const std::string path = path_in(run.folder, "results.json");
  if (!fs::exists(path, error)) {
    run.notes.emplace_back("not done");
    return;
  }
  try {
    run.results = results_from_json(path, engine::read_file(path, kMaxBytes));
  } catch (const engine::IoError& problem) {
    run.notes.push_back(problem.what());
  }
}

void read_metrics(ReportRun& run) {
  std::error_code error;
  if (!fs::exists(path_in(run.folder, "metrics.jsonl"), error)) return;  // a meta-test has none
  std::istringstream text(text_of(run, "metrics.jsonl", kMaxMetricsBytes).value_or(""));
  int64_t damaged = 0;
  for (std::string line; std::getline(text, line);) {
    const json object = json::parse(line, nullptr, false);
    if (!object.is_object()) {
      damaged += text.eof() ? 0 : 1;  // the last line may be half written
      continue;
    }
    if (!object.contains("step") || !object["step"].is_number()) continue;  // the header
    const bool of_task = object.contains("task") && object["task"].is_string();
    const std::string task = of_task ? object["task"].get<std::string>() + ": " : "";
    for (const auto& [key, value] : object.items()) {
      if (!value.is_number() || key.find('/') == std::string::npos) continue;
      Series& series = run.metrics[task + key];
      series.step.push_back(object["step"]);
      series.value.push_back(value);
    }
  }
  if (damaged > 0) run.notes.push_back(fmt::format("metrics.jsonl has {} damaged lines", damaged));
}

ReportRun read_run(const std::string& folder) {
  ReportRun run;
  run.folder = folder;
  read_spec_file(run);
  read_environment(run);
  read_results(run);
  read_metrics(run);
  return run;
}

bool is_run(const fs::path& folder) {
  std::error_code error;
  return fs::exists(folder / "spec.json", error) || fs::exists(folder / "results.json", error);
}

void gather_sweep(const std::string& folder, const std::vector<SweepEntry>& entries,
                  std::vector<ReportRun>& runs) {
  for (const SweepEntry& entry : entries) {
    const std::string own = path_in(folder, entry.name);
    ReportRun run;
    if (is_run(own)) {
      run = read_run(own);
    } else {
      run.folder = own;
      run.notes.emplace_back("not begun");
    }
    run.name = entry.name;
    run.variant = entry.variant;
    runs.push_back(std::move(run));
  }
}

// The spec without what runs of one variant may differ in.
std::string without_seed(const ReportRun& run) {
  json spec = json::parse(run.spec, nullptr, false);
  if (!spec.is_object()) return run.folder;
  spec.erase("seed");
  spec.erase("name");
  return spec.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::vector<ReportRun> gather_runs(const std::vector<std::string>& folders) {
  std::vector<ReportRun> runs;
  std::map<std::string, std::string> variants;  // of runs without a sweep, by their specs
  const auto add_alone = [&](const std::string& folder) {
    runs.push_back(read_run(folder));
    ReportRun& run = runs.back();
    const std::string name = fs::path(folder).lexically_normal().filename().string();
    run.variant = variants.emplace(without_seed(run), name.empty() ? run.name : name).first->second;
  };
  for (const std::string& folder : folders) {
    const size_t before = runs.size();
    if (const auto sweep = sweep_in(folder)) {
      gather_sweep(folder, *sweep, runs);
    } else if (is_run(folder)) {
      add_alone(folder);
    } else {
      std::vector<std::string> inside;
      std::error_code error;
      for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
           entry.increment(error)) {
        if (is_run(entry->path())) inside.push_back(entry->path().string());
      }
      std::sort(inside.begin(), inside.end());
      for (const std::string& one : inside) add_alone(one);
    }
    if (runs.size() == before) {
      throw engine::IoError(folder, "",
                            "expected a run directory, the folder of a sweep, or a folder that "
                            "holds run directories, found none");
    }
  }
  return runs;
}

}  // namespace vsml
