#include "tools/sweep_command.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <deque>
#include <fmt/format.h>
#include <list>
#include <nlohmann/json.hpp>
#include <numeric>
#include <poll.h>

#include "engine/io/atomic_file.h"
#include "engine/parallel.h"
#include "tools/command.h"
#include "tools/console.h"
#include "tools/job.h"
#include "tools/shipped.h"
#include "vsml/experiment/adopt_algorithm.h"
#include "vsml/experiment/environment.h"
#include "vsml/experiment/progress.h"
#include "vsml/experiment/run_directory.h"
#include "vsml/experiment/spec_writer.h"
#include "vsml/experiment/sweep_directory.h"
#include "vsml/experiment/sweep_summary.h"

namespace tools {
namespace {

using vsml::RunState;
using vsml::Sweep;
using vsml::SweepDirectory;
using vsml::SweepRun;
using Clock = std::chrono::steady_clock;

constexpr int kPollMilliseconds = 20;
constexpr int kWaitMilliseconds = 200;  // for a run in which somebody else works
constexpr int kSignal = 128;

std::string name_of(const SweepRun& run) {
  return engine::printable(run.loaded.spec.name);
}

// The runs that the arguments speak of, in order.
std::vector<size_t> chosen_runs(const Arguments& arguments, const Sweep& sweep) {
  std::vector<size_t> runs = arguments.only;
  for (const size_t run : runs) {
    if (run < sweep.runs.size()) continue;
    throw vsml::RunDirectoryError(
        fmt::format("--only {}: expected a run from 0 to {}", run, sweep.runs.size() - 1),
        "vsml sweep SPEC --list numbers them");
  }
  if (runs.empty()) {
    runs.resize(sweep.runs.size());
    std::iota(runs.begin(), runs.end(), size_t{0});
  }
  std::sort(runs.begin(), runs.end());
  runs.erase(std::unique(runs.begin(), runs.end()), runs.end());
  return runs;
}

// Why a job that has ended did not do its run.
std::string reason_of(const Job& job) {
  const std::string said = job.error();
  if (!said.empty()) return said;
  if (job.status() == kSignal + SIGKILL) {
    return "killed by the system or somebody (signal 9); memory may have run out";
  }
  if (job.status() > kSignal) return fmt::format("ended by signal {}", job.status() - kSignal);
  return fmt::format("ended with status {}", job.status());
}

int status_of_failure(const Job& job) {
  if (job.status() == kSignal + SIGKILL) return kResources;
  return job.status() > kSignal ? kInternal : job.status();
}

class SweepWork {
 public:
  SweepWork(const Arguments& arguments, const Sweep& sweep, const SweepDirectory& directory,
            const std::vector<size_t>& chosen)
      : arguments_(arguments),
        sweep_(sweep),
        directory_(directory),
        total_(chosen.size()),
        failures_(sweep.runs.size(), kOk) {
    for (const size_t run : chosen) {
      if (directory.state_of(sweep.runs[run]) == RunState::Done) {
        ++done_;
      } else {
        waiting_.push_back(run);
      }
    }
    if (done_ > 0) say(fmt::format("{} of {} runs are done already\n", done_, total_));
    const auto most = std::max<size_t>(1, waiting_.size());
    jobs_ = std::min<size_t>(static_cast<size_t>(arguments.jobs), most);
    threads_ = std::max(1, engine::num_threads() / static_cast<int>(jobs_));
  }

  // Exit status.
  int work() {
    while (!waiting_.empty() || !running_.empty()) {
      if (stop_requested()) {
        for (Running& one : running_) one.job.stop();
        waiting_.clear();
      }
      start_some();
      const size_t before = running_.size();
      running_.remove_if([&](Running& one) { return has_ended(one); });
      if (running_.size() < before) continue;
      poll(nullptr, 0,
           running_.empty() && !waiting_.empty() ? kWaitMilliseconds : kPollMilliseconds);
    }
    for (const int failure : failures_) {
      if (failure != kOk && !stop_requested()) return failure;
    }
    return stop_requested() || stopped_ > 0 ? kStopped : kOk;
  }

  size_t total() const { return total_; }
  size_t done() const { return done_; }
  size_t failed() const {
    return static_cast<size_t>(std::count_if(failures_.begin(), failures_.end(),
                                             [](int status) { return status != kOk; }));
  }

 private:
  struct Running {
    Running(size_t number, const std::vector<std::string>& command) : run(number), job(command) {}
    size_t run;
    Job job;
    Clock::time_point start = Clock::now();
  };

  void say(const std::string& text) const {
    if (!arguments_.quiet) vsml::tell(text);
  }

  std::vector<std::string> command_for(const SweepRun& run) const {
    return {"run",       directory_.spec_file_of(run),
            "--out",     directory_.folder_of(run),
            "--device",  arguments_.device,
            "--threads", std::to_string(threads_),
            "--quiet"};
  }

  // Begins runs while there is room. Runs of other processes are looked at again later.
  void start_some() {
    for (size_t k = waiting_.size(); k > 0 && running_.size() < jobs_; --k) {
      const size_t number = waiting_.front();
      waiting_.pop_front();
      const SweepRun& run = sweep_.runs[number];
      const RunState state = directory_.state_of(run);
      if (state == RunState::Done) {
        say(fmt::format("[{}/{}] {}: done by another process\n", ++done_, total_, name_of(run)));
      } else if (state == RunState::InUse) {
        waiting_.push_back(number);
        if (!told_waiting_ && running_.empty()) {
          told_waiting_ = true;
          say(fmt::format("waiting for another process that works on {}\n", name_of(run)));
        }
      } else {
        running_.emplace_back(number, command_for(run));
      }
    }
  }

  // Also says how it ended.
  bool has_ended(Running& one) {
    if (one.job.running()) return false;
    const SweepRun& run = sweep_.runs[one.run];
    const double seconds = std::chrono::duration<double>(Clock::now() - one.start).count();
    if (one.job.status() == kOk) {
      say(fmt::format("[{}/{}] {}: done in {}{}\n", ++done_, total_, name_of(run),
                      vsml::duration_text(seconds), first_result(run)));
    } else if (one.job.status() == kStopped) {
      ++stopped_;
      say(fmt::format("{}: stopped and saved\n", name_of(run)));
    } else if (one.job.error().find(vsml::kRunDirectoryInUse) != std::string::npos &&
               !stop_requested()) {
      waiting_.push_back(one.run);  // somebody began it at the same moment
    } else {
      failures_[one.run] = status_of_failure(one.job);
      vsml::tell(fmt::format("{}: failed: {}\n", name_of(run), reason_of(one.job)));
    }
    return true;
  }

  std::string first_result(const SweepRun& run) const {
    const vsml::RunResults results = directory_.results_of(run);
    if (results.results.empty()) return "";
    const vsml::Result& first = results.results.front();
    return fmt::format("; {} {:.3f} on {}", engine::printable(first.learner), first.score.accuracy,
                       engine::printable(first.task));
  }

  const Arguments& arguments_;
  const Sweep& sweep_;
  const SweepDirectory& directory_;
  size_t total_, done_ = 0, stopped_ = 0, jobs_ = 1;
  int threads_ = 1;
  std::deque<size_t> waiting_;
  std::list<Running> running_;
  std::vector<int> failures_;  // exit status of each run that failed
  bool told_waiting_ = false;
};

int list_runs(const Arguments& arguments, const Sweep& sweep, const SweepDirectory& directory) {
  auto list = nlohmann::ordered_json::array();
  std::string table = "  run  state         name\n";
  for (size_t k = 0; k < sweep.runs.size(); ++k) {
    const SweepRun& run = sweep.runs[k];
    const char* state = to_string(directory.state_of(run));
    table += fmt::format("  {:>3}  {:<12}  {}\n", k, state, name_of(run));
    list.push_back({{"run", k},
                    {"state", state},
                    {"name", run.loaded.spec.name},
                    {"variant", run.variant},
                    {"seed", run.loaded.spec.seed},
                    {"folder", directory.folder_of(run)}});
  }
  print(arguments.json ? list.dump(2) + "\n" : table);
  return kOk;
}

// Of all runs that are done, whoever did them.
void print_summary(const Arguments& arguments, const Sweep& sweep,
                   const SweepDirectory& directory) {
  std::vector<vsml::VariantResults> results;
  for (const SweepRun& run : sweep.runs) {
    if (directory.state_of(run) != RunState::Done) continue;
    results.push_back({run.variant, directory.results_of(run)});
  }
  if (results.empty()) return;
  const std::vector<vsml::SummaryRow> rows = vsml::summarize_runs(results);
  const std::string table = vsml::summary_table(rows), json = vsml::summary_json(sweep.name, rows);
  engine::write_file_atomically(directory.path() + "/summary.txt", table);
  engine::write_file_atomically(directory.path() + "/summary.json", json);
  print(arguments.json ? json : table);
}

}  // namespace

std::optional<Sweep> load_sweep(const Arguments& arguments) {
  auto sweep = vsml::load_sweep(arguments.spec, arguments.overrides, shipped_specs());
  if (!sweep) return sweep;
  for (SweepRun& run : sweep->runs) vsml::adopt_algorithm(run.loaded);
  return sweep;
}

int run_sweep(const Arguments& arguments) {
  const std::optional<Sweep> sweep = load_sweep(arguments);
  if (!sweep) {
    throw vsml::SpecError({std::make_shared<const std::string>(arguments.spec), 0}, "sweep",
                          "expected this key, got none", "vsml run runs a spec of one run");
  }
  const std::string out = arguments.out.empty() ? "runs/" + sweep->name : arguments.out;
  run_options(arguments, out);
  const SweepDirectory directory(out, *sweep);
  if (arguments.list) return list_runs(arguments, *sweep, directory);
  const std::vector<size_t> chosen = chosen_runs(arguments, *sweep);
  directory.prepare();
  SweepWork work(arguments, *sweep, directory, chosen);
  const int status = work.work();
  print_summary(arguments, *sweep, directory);
  if (status == kStopped) {
    vsml::tell(fmt::format("stopped; the same command goes on from {}\n", engine::printable(out)));
  } else if (work.failed() > 0) {
    vsml::tell(fmt::format("error: {} of {} runs failed\n", work.failed(), work.total()));
    vsml::tell("hint: the same command tries them again and leaves alone what is done\n");
  }
  return status;
}

int check_sweep(const Arguments& arguments, const Sweep& sweep) {
  auto list = nlohmann::ordered_json::array();
  std::string table = fmt::format("{} runs\n  run  memory MiB  name\n", sweep.runs.size());
  const vsml::RunOptions options = run_options(arguments, "");
  for (size_t k = 0; k < sweep.runs.size(); ++k) {
    const vsml::Spec& spec = sweep.runs[k].loaded.spec;
    const auto [bytes, shortage] = vsml::forecast_memory(spec, options);
    if (!shortage.empty()) vsml::tell(fmt::format("warning: run {}: {}\n", k, shortage));
    table += fmt::format("  {:>3}  {:>10.0f}  {}\n", k, std::ceil(bytes / (1 << 20)),
                         name_of(sweep.runs[k]));
    list.push_back({{"run", k},
                    {"name", spec.name},
                    {"predicted_memory_bytes", std::ceil(bytes)},
                    {"ticks", vsml::tick_path(spec.learner, options.device)},
                    {"spec", nlohmann::ordered_json::parse(vsml::spec_to_json(spec))}});
  }
  print(arguments.json ? list.dump(2) + "\n" : table);
  return kOk;
}

}  // namespace tools
