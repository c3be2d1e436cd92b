// Wrong arguments and wrong specs: status, message and no trace. What each message says in all its
// variants is tested with the reader of specs; here it is that it comes to the user.
#include <doctest/doctest.h>
#include <filesystem>
#include <sys/stat.h>

#include "tests/tools/vsml_runs.h"

namespace tools::test {
namespace {

namespace fs = std::filesystem;

struct Row {
  std::string name;
  Arguments arguments;
  int status;
  std::vector<std::string> parts;  // of the message
  std::string spec = small_spec();
};

// Runs the program on each row, in a folder with the row's spec.json and some other files.
void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const TemporaryFolder folder;
    write_plain(folder / "spec.json", row.spec);
    write_plain(folder / "good.json", small_spec());
    fs::create_directory(folder / "folder.json");
    REQUIRE(mkfifo((folder / "fifo.json").c_str(), 0600) == 0);
    const auto before = listing(folder.path());
    Command command = vsml(folder.path(), row.arguments);
    command.timeout = std::chrono::seconds(60);
    check_error(run_program(command), row.status, row.parts);
    check_same(listing(folder.path()), before);
  }
}

const Arguments kRun{"run", "spec.json"};

// The rows of specs that are all run the same way and are all usage errors.
struct SpecRow {
  std::string name, spec;
  std::vector<std::string> parts;
};

void check_specs(const std::vector<SpecRow>& rows) {
  for (const char* command : {"run", "check"}) {
    std::vector<Row> all;
    for (const SpecRow& row : rows) {
      all.push_back({row.name, {command, "spec.json"}, 2, row.parts, row.spec});
    }
    check_rows(all);
  }
}

void check_overrides(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::vector<Row> all;
  for (const auto& [override, part] : rows) {
    all.push_back({override.substr(0, 40), kRun + Arguments{"--set", override}, 2, {part}});
  }
  check_rows(all);
}

// The small spec with a piece of its text replaced.
std::string with(const std::string& old, const std::string& text) {
  std::string spec = small_spec();
  REQUIRE(contains(spec, old));
  return spec.replace(spec.find(old), old.size(), text);
}

std::string repeated(const std::string& text, int count) {
  std::string all;
  for (int k = 0; k < count; ++k) all += text;
  return all;
}

}  // namespace

TEST_CASE("arguments") {
  check_rows({
      {"none", {}, 2, {"subcommand", "--help"}},
      {"an unknown command", {"frobnicate"}, 2, {}},
      {"two commands", {"schema", "specs"}, 2, {}},
      {"an unknown option", kRun + Arguments{"--fast"}, 2, {"--fast"}},
      {"an option of another command", {"check", "spec.json", "--quiet"}, 2, {"--quiet"}},
      {"no spec", {"run"}, 2, {"SPEC"}},
      {"two specs", kRun + Arguments{"good.json"}, 2, {"good.json"}},
      {"--set without a value", kRun + Arguments{"--set"}, 2, {"--set"}},
      {"--out without a value", kRun + Arguments{"--out"}, 2, {"--out"}},
      {"no threads", kRun + Arguments{"--threads", "0"}, 2, {"--threads"}},
      {"fewer threads", kRun + Arguments{"--threads", "-1"}, 2, {"--threads"}},
      {"too many threads", kRun + Arguments{"--threads", "99999999999"}, 2, {"--threads"}},
      {"half a thread", kRun + Arguments{"--threads", "0.5"}, 2, {"--threads"}},
      {"a word for threads", kRun + Arguments{"--threads", "many"}, 2, {"--threads"}},
      {"no such kind of device", kRun + Arguments{"--device", "gpu"}, 2, {"gpu"}},
      {"no device", kRun + Arguments{"--device", ""}, 2, {"device"}},
      {"no such number", kRun + Arguments{"--device", "cuda:x"}, 2, {"cuda:x"}},
      {"a device that is not there", kRun + Arguments{"--device", "cuda:99"}, 2, {"cuda:99"}},
      {"the same for check", {"check", "spec.json", "--device", "cuda:99"}, 2, {"cuda:99"}},
      {"keys that are none", {"keys", "meta.stepps"}, 2, {"meta.stepps"}},
  });
}

TEST_CASE("what is typed is printed without steering the terminal") {
  const std::string evil = "a\x1b[31m\nb\x07\xc2\x9b";
  check_rows({
      {"option", kRun + Arguments{"--" + evil}, 2, {}},
      {"command", {evil}, 2, {}},
      {"value", kRun + Arguments{"--threads", evil}, 2, {}},
      {"device", kRun + Arguments{"--device", evil}, 2, {}},
      {"key", {"keys", evil}, 2, {"a\\x1b[31m\\x0ab\\x07\\xc2\\x9b"}},
      {"override", kRun + Arguments{"--set", evil + "=1"}, 2, {"a\\x1b[31m"}},
      {"value of override", kRun + Arguments{"--set", "seed=" + evil}, 2, {"a\\x1b[31m"}},
      {"shipped spec", {"run", evil}, 2, {"a\\x1b[31m"}},
      {"spec", {"run", "./" + evil + ".json"}, 3, {"a\\x1b[31m"}},
      {"run directory", kRun + Arguments{"--out", "/proc/" + evil}, 3, {"a\\x1b[31m"}},
      {"key of a spec", kRun, 2, {"\\x1b[31mseed"}, with("\"seed\"", R"("\u001b[31mseed")")},
      {"value of a spec", kRun, 2, {"\\x1b[31m"}, with("\"bptt\"", R"("\u001b[31m\n\u009b")")},
      {"no UTF-8", {"run", "x\xff\xfe.json"}, 3, {"x\\xff\\xfe.json"}},
  });
}

TEST_CASE("specs that cannot be opened") {
  check_rows({
      {"missing", {"run", "none.json"}, 3, {"none.json", "No such file"}},
      {"in a missing folder", {"check", "none/none.json"}, 3, {"none/none.json"}},
      {"below a file", {"run", "good.json/x.json"}, 3, {"good.json/x.json"}},
      {"a folder", {"run", "folder.json"}, 3, {"folder.json", "a directory"}},
      {"a FIFO", {"run", "fifo.json"}, 3, {"fifo.json", "a FIFO"}},
      {"a device", {"run", "/dev/zero"}, 3, {"/dev/zero", "a device"}},
      {"extended: a folder", kRun, 3, {"folder.json"}, R"({"extends": "folder.json"})"},
      {"extended: a FIFO", kRun, 3, {"fifo.json"}, R"({"extends": "fifo.json"})"},
      {"too large", kRun, 3, {"spec.json", "1048576"}, std::string(1 << 21, ' ')},
      {"empty name", {"run", ""}, 2, {}},
      {"a shipped name with an error", {"run", "quickstrat"}, 2, {"\"quickstart\""}},
      {"no shipped name", {"run", "xyz"}, 2, {"xyz"}},
  });
}

TEST_CASE("specs that are not JSON") {
  check_specs({
      {"empty", "", {"spec.json:1"}},
      {"cut", std::string(small_spec()).substr(0, 100), {"spec.json:", "JSON"}},
      {"a list", "[]", {"spec.json:1", "object"}},
      {"trailing comma", with("\"seed\": 3,", "\"seed\": 3,,"), {"spec.json:3"}},
      {"comment", with("\"seed\"", "// seed\n\"seed\""), {"spec.json:3", "$comment"}},
      {"NaN", with("\"seed\": 3", "\"seed\": NaN"), {"spec.json:3"}},
      {"too large a number", with("\"seed\": 3", "\"seed\": 1e999"), {"spec.json:3"}},
      {"duplicate key", with("\"seed\": 3", "\"seed\": 3, \"seed\": 3"), {"seed", "once"}},
      {"UTF-16", std::string("\xff\xfe{\0}\0", 6), {"spec.json:1"}},
      {"bad UTF-8", with("small", "\xc3("), {"spec.json:2"}},
      {"NUL", with("small", std::string("a\0b", 3)), {"spec.json:2"}},
      {"deep", "{\"meta\": " + std::string(1'000'000, '['), {"spec.json:1"}},
  });
}

TEST_CASE("specs that are wrong") {
  const std::string bptt = "\"bptt\"";
  check_specs({
      {"unknown key", with("\"seed\"", "\"sede\""), {"spec.json:3: sede", "\"seed\""}},
      {"wrong type", with("\"seed\": 3", "\"seed\": \"x\""), {"spec.json:3: seed", "\"x\""}},
      {"out of range", with("\"steps\": 6", "\"steps\": 0"), {"meta.steps"}},
      {"unknown word", with(bptt, "\"pbtt\""), {"spec.json:5: meta.optimizer", "\"bptt\""}},
      {"contradiction", with("\"unroll\": 5", "\"unroll\": 0"), {"meta.unroll", "carry"}},
      {"missing key", with("\"dataset\": \"sum_sign\", ", ""), {"tasks.train[0].dataset"}},
      {"extends nothing", R"({"extends": "none.json"})", {"spec.json:1: extends", "none.json"}},
      {"a cycle", R"({"extends": "spec.json"})", {"spec.json:1: extends", "cycle"}},
      {"a name that leads out", with("\"small\"", "\"../small\""), {"spec.json:2: name"}},
      {"a hidden name", with("\"small\"", "\".small\""), {"spec.json:2: name"}},
      {"no learner to test",
       R"({"experiment": "meta_test", "tasks": {"test": [{"dataset":
          "random"}]}})",
       {"learner.init"}},
  });
}

TEST_CASE("overrides") {
  check_overrides({
      {"a", "--set: expected KEY=VALUE"},
      {"=", "--set: expected KEY=VALUE"},
      {"=1", "--set: expected KEY=VALUE"},
      {"seed=", "--set seed"},
      {"meta..steps=1", "--set meta..steps"},
      {"seed.x=1", "--set seed.x"},
      {"tasks.train[9]=1", "--set tasks.train[9]"},
      {"a[9]=1", "--set a[9]"},
      {"seed=1=2", "--set seed"},
      {"meta.steps={", "--set meta.steps"},
      {"meta.stepps=1", "\"steps\""},
      {"meta.steps=0", "--set meta.steps"},
      {"name=" + std::string(100'000, 'x'), "--set name"},
      {repeated("a.", 20'000) + "a=1", "--set a.a"},
      {"meta=" + std::string(100'000, '['), "--set meta"},
      {"extends=good.json", "--set extends"},
  });
}

TEST_CASE("episodes that are longer than the data, before anything is computed") {
  const std::string task =
      R"([{"dataset": "fashion_mnist", "split": "test", "classes": [0, 1], "resize": [4, 4]}])";
  const auto set = [&](const std::string& key, const std::string& length) {
    return Arguments{"--set", "tasks." + key + "=" + task, "--set", length + "=2501"};
  };
  const std::vector<std::string> parts{"fashion_mnist/test", "repeat"};
  check_rows({
      {"test", kRun + set("test", "evaluate.episode_length"), 3, parts},
      {"bptt", kRun + set("train", "meta.lifetime"), 3, parts},
      {"es", kRun + with_es() + set("train", "meta.episode_length"), 3, parts},
  });
}

}  // namespace tools::test
