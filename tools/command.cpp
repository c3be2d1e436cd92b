#include "tools/command.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <new>
#include <sstream>

#include "engine/error.h"
#include "engine/io/atomic_file.h"
#include "engine/parallel.h"
#include "tools/shipped.h"
#include "vsml/experiment/adopt_algorithm.h"
#include "vsml/experiment/environment.h"
#include "vsml/experiment/plot.h"
#include "vsml/experiment/progress.h"
#include "vsml/experiment/run.h"
#include "vsml/experiment/run_directory.h"
#include "vsml/experiment/spec_schema.h"
#include "vsml/experiment/spec_writer.h"
#include "vsml/meta/meta_trainer.h"

namespace tools {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

// Those that were ignored when the program began, as SIGHUP is under nohup, stay so.
void handle_stop_signals(void (*handler)(int)) {
  for (const int signal : kStopSignals) {
    struct sigaction action = {}, before = {};
    if (sigaction(signal, nullptr, &before) != 0 || before.sa_handler == SIG_IGN) continue;
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigaction(signal, &action, nullptr);
  }
}

// The first signal asks for a stop at the end of the step; a second one ends the process at once.
void request_stop(int) {
  stop_requested = 1;
  handle_stop_signals(SIG_DFL);
}

void install_signals() {
  handle_stop_signals(request_stop);
  // A closed pipe and a limit of the file size are seen as failed writes.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

// A file that is opened later must not get the number of a closed stdin, stdout or stderr.
void occupy_standard_files() {
  for (int number = 0; number <= 2; ++number) {
    if (fcntl(number, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0) return;
  }
}

struct Arguments {
  std::string spec;
  std::vector<std::string> overrides;
  std::string out;
  std::string device = "cpu";
  int threads = 0;  // 0: the machine's cores
  bool json = false;
  bool quiet = false;
  std::string key;            // of `vsml keys`
  std::string run_directory;  // of `vsml plot`
};

// Results, to stdout. Throws IoError if they do not get there.
void print(const std::string& text) {
  errno = 0;
  if (std::fputs(text.c_str(), stdout) == EOF || std::fflush(stdout) != 0) {
    throw engine::IoError("stdout", "",
                          fmt::format("expected to write to it, found: {}", std::strerror(errno)));
  }
}

vsml::LoadedSpec load(const Arguments& arguments) {
  vsml::LoadedSpec loaded = vsml::load_spec(arguments.spec, arguments.overrides, shipped_specs());
  vsml::adopt_algorithm(loaded);
  return loaded;
}

vsml::RunOptions run_options(const Arguments& arguments, const vsml::Spec& spec) {
  vsml::RunOptions options;
  options.out = arguments.out.empty() ? "runs/" + spec.name : arguments.out;
  options.project_data = project_data_folder();
  options.device = engine::parse_device(arguments.device);
  options.quiet = arguments.quiet;
  options.stop = [] { return stop_requested != 0; };
  if (!engine::available(options.device)) {
    throw engine::DeviceError(
        fmt::format("--device {}: not present", engine::to_string(options.device)),
        engine::absence_hint(options.device));
  }
  if (arguments.threads > 0) engine::set_num_threads(arguments.threads);
  return options;
}

int run_spec(const Arguments& arguments) {
  const vsml::LoadedSpec loaded = load(arguments);
  const vsml::RunOptions options = run_options(arguments, loaded.spec);
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
  const vsml::LoadedSpec loaded = load(arguments);
  const vsml::RunOptions options = run_options(arguments, loaded.spec);
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

int plot(const Arguments& arguments) {
  const std::string picture = vsml::plot_run(arguments.run_directory);
  if (arguments.out.empty()) {
    print(picture);
  } else {
    engine::write_file_atomically(arguments.out, picture);
  }
  return kOk;
}

int print_keys(const Arguments& arguments) {
  const std::string help = vsml::spec_help(arguments.key);
  if (help.empty()) {
    throw CLI::ValidationError(
        "keys", fmt::format("there is no key \"{}\" in a spec", engine::printable(arguments.key)));
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
  CLI::App app("Variable Shared Meta Learning: meta-trains and meta-tests learning algorithms.",
               "vsml");
  app.set_version_flag("--version", "vsml " + vsml::version());
  app.require_subcommand(1);
  CLI::App* run = app.add_subcommand("run", "runs the experiment of a spec, or goes on with it");
  add_spec_options(run, arguments);
  run->add_option("--out", arguments.out, "run directory (default: runs/NAME)");
  run->add_flag("--quiet", arguments.quiet, "no progress on stderr");
  CLI::App* check = app.add_subcommand("check", "validates a spec and predicts its memory");
  add_spec_options(check, arguments);
  const CLI::App* schema = app.add_subcommand("schema", "prints the JSON Schema of specs");
  CLI::App* keys = app.add_subcommand("keys", "explains the keys of a spec");
  keys->add_option("KEY", arguments.key, "only this key and those below it");
  const CLI::App* specs = app.add_subcommand("specs", "lists the shipped specs");
  CLI::App* picture = app.add_subcommand("plot", "draws the curves of a run of compare, as SVG");
  picture->add_option("RUN", arguments.run_directory, "the run directory")->required();
  picture->add_option("--out", arguments.out, "the picture's file (default: stdout)");
  try {
    app.parse(argc, argv);
    if (run->parsed()) return run_spec(arguments);
    if (check->parsed()) return check_spec(arguments);
    if (picture->parsed()) return plot(arguments);
    if (keys->parsed()) return print_keys(arguments);
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
