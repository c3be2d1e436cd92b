#include "tools/command.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <fmt/format.h>
#include <new>
#include <sstream>

#include "engine/error.h"
#include "engine/io/atomic_file.h"
#include "engine/parallel.h"
#include "tools/arguments.h"
#include "tools/console.h"
#include "tools/shipped.h"
#include "tools/sweep_command.h"
#include "vsml/experiment/adopt_algorithm.h"
#include "vsml/experiment/environment.h"
#include "vsml/experiment/learn.h"
#include "vsml/experiment/plot.h"
#include "vsml/experiment/progress.h"
#include "vsml/experiment/report.h"
#include "vsml/experiment/run.h"
#include "vsml/experiment/run_directory.h"
#include "vsml/experiment/spec_schema.h"
#include "vsml/experiment/spec_writer.h"
#include "vsml/meta/meta_trainer.h"

namespace tools {
namespace {

vsml::LoadedSpec load(const Arguments& arguments) {
  vsml::LoadedSpec loaded = vsml::load_spec(arguments.spec, arguments.overrides, shipped_specs());
  vsml::adopt_algorithm(loaded);
  return loaded;
}

int run_spec(const Arguments& arguments) {
  const vsml::LoadedSpec loaded = load(arguments);
  const std::string out = arguments.out.empty() ? "runs/" + loaded.spec.name : arguments.out;
  const vsml::RunOptions options = run_options(arguments, out);
  const vsml::RunOutcome outcome = vsml::run(loaded.spec, options);
  if (!outcome.finished) {
    vsml::tell(
        fmt::format("stopped; the same command goes on from {}\n", engine::printable(options.out)));
    return kStopped;
  }
  print(arguments.json ? vsml::results_to_json(outcome.results)
                       : vsml::results_table(outcome.results));
  return kOk;
}

int check_spec(const Arguments& arguments) {
  if (const auto sweep = load_sweep(arguments)) return check_sweep(arguments, *sweep);
  const vsml::LoadedSpec loaded = load(arguments);
  const vsml::RunOptions options = run_options(arguments, "");
  const auto [bytes, shortage] = vsml::forecast_memory(loaded.spec, options);
  const std::string resolved = vsml::spec_to_json(loaded.spec);
  const std::string ticks = vsml::tick_path(loaded.spec.learner, options.device);
  if (arguments.json) {
    print(fmt::format("{{\"predicted_memory_bytes\": {:.0f}, \"ticks\": \"{}\", \"spec\": {}}}\n",
                      bytes, ticks, resolved));
  } else {
    print(fmt::format("{}predicted memory: {:.0f} MiB\nticks: {}\n", resolved,
                      std::ceil(bytes / (1 << 20)), ticks));
  }
  if (!shortage.empty()) vsml::tell(fmt::format("warning: {}\n", shortage));
  return kOk;
}

// To --out, or to stdout.
int give(const Arguments& arguments, const std::string& text) {
  if (arguments.out.empty()) {
    print(text);
  } else {
    engine::write_file_atomically(arguments.out, text);
  }
  return kOk;
}

int learn_data(const Arguments& arguments) {
  vsml::LearnOptions options;
  options.algorithm = algorithm_file(arguments.algorithm);
  options.state = arguments.state;
  options.predictions = arguments.out;
  options.seed = arguments.seed;
  options.in_order = arguments.in_order;
  options.examples = arguments.examples;
  options.stop = run_options(arguments, "").stop;
  const vsml::UserData data =
      vsml::load_user_data(arguments.data, arguments.label_column, vsml::Split::Train);
  std::optional<vsml::UserData> test;
  if (!arguments.test.empty()) {
    test = vsml::load_user_data(arguments.test, arguments.label_column, vsml::Split::Test);
  }
  const vsml::LearnOutcome outcome = vsml::learn(options, data, test);
  if (!outcome.finished) {
    vsml::tell(arguments.state.empty()
                   ? "stopped; without --state nothing was kept\n"
                   : fmt::format("stopped after {} of {} examples; the same command goes on\n",
                                 outcome.done, outcome.count));
    return kStopped;
  }
  print(arguments.json ? vsml::learn_json(outcome, data) : vsml::learn_table(outcome, data));
  return kOk;
}

int print_keys(const std::string& key) {
  const std::string help = vsml::spec_help(key);
  if (help.empty()) {
    throw CLI::ValidationError(
        "keys", fmt::format("there is no key \"{}\" in a spec", engine::printable(key)));
  }
  print(help);
  return kOk;
}

void add_spec_options(CLI::App* command, Arguments& arguments) {
  command->add_option("SPEC", arguments.spec, "a spec file, or the name of a shipped spec")
      ->required();
  command->add_option("--set", arguments.overrides, "KEY.PATH=VALUE, on top of the spec")
      ->allow_extra_args(false);
  command->add_option("--device", arguments.device, "cpu, cuda or cuda:N");
  command->add_option("--threads", arguments.threads, "threads; results do not depend on it")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--json", arguments.json, "print JSON");
}

// Prints "error:" and "hint:" lines.
int report(int status, const std::string& message, const std::string& hint = {}) {
  vsml::tell(fmt::format("error: {}\n", message));
  if (!hint.empty()) vsml::tell(fmt::format("hint: {}\n", hint));
  return status;
}

template <class Kind>
bool is(const engine::Error& error) {
  return dynamic_cast<const Kind*>(&error) != nullptr;
}

int status_of(const engine::Error& error) {
  if (is<vsml::SpecError>(error) || is<vsml::RunDirectoryError>(error) ||
      is<engine::DeviceError>(error)) {
    return kUsage;
  }
  if (is<vsml::DivergedError>(error)) return kDiverged;
  if (is<engine::ResourceError>(error)) return kResources;
  if (is<engine::ShapeError>(error) || is<engine::DTypeError>(error) ||
      is<engine::GradientError>(error)) {
    return kInternal;
  }
  return kData;
}

int dispatch(int argc, char** argv) {
  Arguments arguments;
  std::string key, run_directory;
  std::vector<std::string> folders;
  CLI::App app("Variable Shared Meta Learning: meta-trains and meta-tests learning algorithms.",
               "vsml");
  app.set_version_flag("--version", "vsml " + vsml::version());
  app.require_subcommand(1);
  CLI::App* run = app.add_subcommand("run", "runs the experiment of a spec, or goes on with it");
  add_spec_options(run, arguments);
  run->add_option("--out", arguments.out, "run directory (default: runs/NAME)");
  run->add_flag("--quiet", arguments.quiet, "no progress on stderr");
  CLI::App* sweep = app.add_subcommand("sweep", "does the runs of a spec with the key sweep");
  add_spec_options(sweep, arguments);
  sweep->add_option("--out", arguments.out, "folder of the sweep (default: runs/NAME)");
  sweep->add_flag("--list", arguments.list, "only list the runs and how far they are");
  sweep
      ->add_option("--only", arguments.only,
                   "this run of the list, counted from 0; may be repeated")
      ->allow_extra_args(false);
  sweep->add_option("--jobs", arguments.jobs, "runs at the same time; they share the threads")
      ->check(CLI::Range(1, 1024));
  sweep->add_flag("--quiet", arguments.quiet, "no progress on stderr");
  CLI::App* check = app.add_subcommand("check", "validates a spec and predicts its memory");
  add_spec_options(check, arguments);
  const CLI::App* schema = app.add_subcommand("schema", "prints the JSON Schema of specs");
  CLI::App* keys = app.add_subcommand("keys", "explains the keys of a spec");
  keys->add_option("KEY", key, "only this key and those below it");
  const CLI::App* specs = app.add_subcommand("specs", "lists the shipped specs");
  CLI::App* picture =
      app.add_subcommand("plot", "draws the curves of a run of compare or introspect");
  picture->add_option("RUN", run_directory, "the run directory")->required();
  picture->add_option("--out", arguments.out, "the picture's file (default: stdout)");
  CLI::App* learn = app.add_subcommand("learn", "a trained algorithm learns a data set of yours");
  learn->add_option("--data", arguments.data, "a CSV file, or a folder with train-*-ubyte files")
      ->required();
  learn->add_option("--algorithm", arguments.algorithm,
                    "a file, or the name of a shipped algorithm (default: improved_backprop)");
  learn->add_option(
      "--test", arguments.test,
      "data that is predicted at the end and not learned: CSV, or t10k-*-ubyte files");
  learn->add_option("--label", arguments.label_column,
                    "column of the labels, by name or number from 1 (default: the last)");
  learn->add_option("--state", arguments.state, "keeps what was learned, and goes on from there");
  learn->add_option("--out", arguments.out, "CSV file that gets the predictions");
  learn->add_option("--examples", arguments.examples, "learn so many of them (default: all)")
      ->check(CLI::NonNegativeNumber);
  learn->add_option("--seed", arguments.seed, "of the order of the examples (default: 1)");
  learn->add_flag("--in-order", arguments.in_order, "learn the examples as they stand in the file");
  learn->add_option("--threads", arguments.threads, "threads; results do not depend on it")
      ->check(CLI::Range(1, 1024));
  learn->add_flag("--json", arguments.json, "print JSON");
  CLI::App* page = app.add_subcommand("report", "puts runs side by side on one HTML page");
  page->add_option("DIR", folders, "folders of sweeps or runs")->required();
  page->add_option("--out", arguments.out, "the page's file (default: stdout)");
  try {
    app.parse(argc, argv);
    if (run->parsed()) return run_spec(arguments);
    if (sweep->parsed()) return run_sweep(arguments);
    if (check->parsed()) return check_spec(arguments);
    if (picture->parsed()) return give(arguments, vsml::plot_run(run_directory));
    if (learn->parsed()) return learn_data(arguments);
    if (page->parsed()) return give(arguments, vsml::report_html(folders));
    if (keys->parsed()) return print_keys(key);
    if (schema->parsed()) print(vsml::spec_schema());
    if (specs->parsed()) {
      for (const auto& [name, file] : shipped_specs()) print(engine::printable(name) + "\n");
    }
    return kOk;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      return report(kUsage, engine::printable(error.what()),
                    "vsml --help lists the commands and their options");
    }
    std::ostringstream text;  // of --help or --version
    app.exit(error, text, text);
    print(text.str());
    return kOk;
  }
}

}  // namespace

vsml::RunOptions run_options(const Arguments& arguments, const std::string& out) {
  vsml::RunOptions options;
  options.out = out;
  options.project_data = project_data_folder();
  options.device = engine::parse_device(arguments.device);
  options.quiet = arguments.quiet;
  options.stop = stop_requested;
  if (!engine::available(options.device)) {
    throw engine::DeviceError(
        fmt::format("--device {}: not present", engine::to_string(options.device)),
        engine::absence_hint(options.device));
  }
  if (arguments.threads > 0) engine::set_num_threads(arguments.threads);
  return options;
}

int run_command(int argc, char** argv) {
  occupy_standard_files();
  install_signals();
  try {
    return dispatch(argc, argv);
  } catch (const engine::Error& error) {
    return report(status_of(error), error.what(), error.hint());
  } catch (const std::bad_alloc&) {
    return report(kResources, "memory: none is left",
                  "use a smaller population, chunk_size or network");
  } catch (const std::exception& error) {
    return report(kInternal, error.what(), "this is a fault of the program; please report it");
  }
}

}  // namespace tools
