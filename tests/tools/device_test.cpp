// The program with --device cuda. Without such a device it must say so, and nothing else can be
// tested; with VSML_STAND_IN_BYTES in the environment it is the program with the stand-in.
#include <cmath>
#include <cstdlib>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/tools/vsml_runs.h"

namespace tools::test {
namespace {

using Json = nlohmann::ordered_json;

struct Place {
  TemporaryFolder folder;
  Place() { write_plain(folder / "spec.json", small_spec()); }
  Outcome operator()(const Arguments& arguments) const {
    return run_vsml(folder.path(), arguments);
  }
};

bool present() {
  const Place place;
  const Outcome outcome = place({"check", "spec.json", "--device", "cuda"});
  if (outcome.status == 0) return true;
  check_error(outcome, 2, {"cuda:0", "not present"});
  MESSAGE("cuda:0 is not present: skipped");
  return false;
}

const Arguments kOnDevice{"--device", "cuda", "--json"};

// Losses of two runs, of parameters that roundings may have moved apart by some steps of Adam.
void check_close(const Outcome& got, const Outcome& want) {
  check_done(got);
  check_done(want);
  const Json a = Json::parse(got.out).at("results"), b = Json::parse(want.out).at("results");
  REQUIRE(a.size() == b.size());
  for (size_t k = 0; k < a.size(); ++k) {
    CAPTURE(k);
    CHECK(a[k].at("learner") == b[k].at("learner"));
    CHECK(a[k].at("loss").get<double>() ==
          doctest::Approx(b[k].at("loss").get<double>()).epsilon(1e-2));
  }
}

}  // namespace

TEST_CASE("--device cuda: meta-training and meta-testing end as on the CPU") {
  if (!present()) return;
  const Place place;
  const Arguments pes{"--set", "meta.optimizer=pes"};
  int number = 0;
  for (const Arguments& variant : {Arguments(), with_es(), pes}) {
    const std::string name = std::to_string(++number);
    const Outcome here = place(run_into(name + "-cpu", variant + Arguments{"--json"}));
    check_close(place(run_into(name + "-gpu", variant + kOnDevice)), here);
    CHECK(contains(read_plain(place.folder / (name + "-gpu/env.json")), "cuda:0"));
  }
}

TEST_CASE("--device cuda: the same bits for any number of threads, with and without graphs") {
  if (!present()) return;
  const Place place;
  const Arguments es = with_es() + kOnDevice;
  check_done(place(run_into("one", es + Arguments{"--threads", "1"})));
  check_done(place(run_into("three", es + Arguments{"--threads", "3"})));
  check_same(lasting(place.folder / "three"), lasting(place.folder / "one"));
  Command command = vsml(place.folder.path(), run_into("plain", es));
  command.environment["ENGINE_GRAPHS"] = "off";
  check_done(run_program(command));
  check_same(lasting(place.folder / "plain"), lasting(place.folder / "one"));
}

TEST_CASE("--device cuda: a run goes on where the other device left it") {
  if (!present()) return;
  const Place place;
  const Outcome whole = place(run_into("whole", {"--json"}));
  // Of a run that is done, all but the checkpoint before the last is taken away.
  for (const bool begins_there : {false, true}) {
    const std::string out = begins_there ? "from-gpu" : "from-cpu";
    const Arguments begin = begins_there ? kOnDevice : Arguments{"--json"};
    const Arguments go_on = begins_there ? Arguments{"--json"} : kOnDevice;
    check_done(place(run_into(out, begin + Arguments{"--quiet"})));
    for (const char* file : {"checkpoints/step-00000006.safetensors", "results.json", "report.txt",
                             "evaluations.jsonl"}) {
      std::remove((place.folder / (out + "/" + file)).c_str());
    }
    check_close(place(run_into(out, go_on + Arguments{"--quiet"})), whole);
  }
}

TEST_CASE("--device cuda: what does not fit is foretold by check, and refused by run") {
  if (!present() || std::getenv("VSML_STAND_IN_BYTES") == nullptr) return;
  const Place place;
  const auto with_memory = [&](const Arguments& arguments, const std::string& bytes) {
    Command command = vsml(place.folder.path(), arguments);
    command.environment["VSML_STAND_IN_BYTES"] = bytes;
    return run_program(command);
  };
  const Arguments wide = kOnDevice + Arguments{"--set",
                                               "tasks.train=[{\"dataset\": \"sum_sign\", "
                                               "\"inputs\": 4000}]"};
  const Outcome checked = with_memory(Arguments{"check", "spec.json"} + wide, "2000000");
  CHECK(checked.status == 0);
  CHECK(contains(checked.error, "warning: memory: the run needs about"));
  CHECK(contains(checked.error, "on cuda:0"));
  check_error(with_memory(run_into("short", wide), "2000000"), 5, {"memory", "cuda:0"});
  check_done(with_memory(Arguments{"check", "spec.json"} + wide, "1000000000"));
  // What is predicted is enough: a run in not much more than that goes through.
  const double predicted =
      Json::parse(with_memory(Arguments{"check", "spec.json"} + wide, "1000000000").out)
          .at("predicted_memory_bytes");
  const std::string enough = std::to_string(std::llround(predicted * 1.05) + 2000000);
  check_done(with_memory(run_into("enough", wide), enough));
}

}  // namespace tools::test
