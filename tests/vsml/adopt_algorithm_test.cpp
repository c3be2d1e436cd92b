// Specs whose learners start from a trained algorithm.
#include "vsml/experiment/adopt_algorithm.h"

#include <doctest/doctest.h>
#include <fstream>

#include "engine/error.h"
#include "tests/vsml/spec_files.h"
#include "vsml/experiment/spec_writer.h"
#include "vsml/learners/learner_family.h"
#include "vsml/learners/learner_file.h"

using vsml::LearnerFamily;
using vsml::LearnerOptions;
using vsml::Spec;
using vsml::SpecError;

namespace {

LearnerOptions trained_options() {
  LearnerOptions options;
  options.network.cell = {4, 2};
  options.network.micro_ticks = 3;
  options.network.output_channel = 1;
  return options;
}

std::string write_trained(const TemporaryFolder& folder, const std::string& name,
                          LearnerOptions options) {
  const LearnerFamily family(trained_options(), engine::DType::f32, {});
  vsml::Algorithm algorithm;
  algorithm.layout = family.layout();
  algorithm.params = engine::Tensor::zeros({family.layout().size()}, engine::DType::f32);
  algorithm.options = vsml::fields_to_json(vsml::fields_of(options)).dump();
  vsml::write_algorithm(folder / name, algorithm);
  return folder / name;
}

// The spec with `learner` and `evaluate` as given, adopted. FILE in the texts is the algorithm.
Spec adopted(const TemporaryFolder& folder, std::string learner,
             const std::string& evaluate = "{}") {
  vsml::LoadedSpec loaded = vsml::load_spec(write_text(
      folder, "spec.json",
      "{\"experiment\": \"meta_test\",\n\"learner\": " + learner + ",\n\"evaluate\": " + evaluate +
          ",\n\"tasks\": {\"test\": [{\"dataset\": \"random\"}]}}"));
  vsml::adopt_algorithm(loaded);
  return loaded.spec;
}

constexpr const char* kInit = R"("init": {"type": "file", "path": "a.safetensors"})";

std::string with_init(const std::string& rest) {
  return "{" + rest + (rest.empty() ? "" : ", ") + kInit + "}";
}

// The one line of the error that adopting gives, without the folder; empty if there is none.
std::string failure(const TemporaryFolder& folder, const std::string& learner,
                    const std::string& evaluate = "{}") {
  try {
    adopted(folder, learner, evaluate);
  } catch (const engine::Error& error) {
    std::string message = error.what();
    for (size_t at; (at = message.find(folder / "")) != std::string::npos;) {
      message.erase(at, (folder / "").size());
    }
    return message;
  }
  return {};
}

}  // namespace

TEST_CASE("an algorithm brings its options, the spec its name, layers and state_type") {
  const TemporaryFolder folder;
  write_trained(folder, "a.safetensors", trained_options());
  LearnerOptions want = trained_options();
  want.name = "mine";
  want.init.type = vsml::InitType::File;
  want.init.path = folder / "a.safetensors";
  CHECK(adopted(folder, with_init(R"("name": "mine")")).learner == want);
  // Options that are said and agree change nothing.
  CHECK(
      adopted(folder, with_init(R"("name": "mine", "micro_ticks": 3, "state_size": 4)")).learner ==
      want);
  LearnerOptions kept = want;
  kept.network.state_type = vsml::StateType::Bfloat16;
  CHECK(adopted(folder, with_init(R"("name": "mine", "state_type": "bfloat16")")).learner == kept);
  want.network.layers.assign(2, {});
  want.network.layers[0].outputs = 5;
  CHECK(adopted(folder, with_init(R"("name": "mine", "layers": [{"outputs": 5}, {}])")).learner ==
        want);
}

TEST_CASE("a learner beside it may be a trained algorithm, too") {
  const TemporaryFolder folder;
  write_trained(folder, "a.safetensors", trained_options());
  const std::string untrained = R"({"init": {"type": "untrained"}})";
  const Spec spec =
      adopted(folder, untrained, R"({"learners": [{"type": "sgd"}, )" + with_init("") + "]}");
  CHECK(spec.evaluate.learners[1].network == trained_options().network);
  CHECK(spec.learner.network.cell == vsml::NetworkOptions{}.cell);
  CHECK(failure(folder, untrained, R"({"learners": [)" + with_init("\"state_size\": 5") + "]}") ==
        "spec.json:3: evaluate.learners[0].state_size: expected 4, as a.safetensors was trained "
        "with, got 5");
}

TEST_CASE("an option that differs from the algorithm's is an error") {
  const TemporaryFolder folder;
  write_trained(folder, "a.safetensors", trained_options());
  CHECK(failure(folder, with_init("\"reduce\": \"sum\"")) ==
        "spec.json:2: learner.reduce: expected \"mean\", as a.safetensors was trained with, got "
        "\"sum\"");
}

TEST_CASE("options in a file that do not fit one another are an error") {
  const TemporaryFolder folder;
  LearnerOptions options = trained_options();
  options.network.output_channel = 2;
  write_trained(folder, "a.safetensors", options);
  CHECK(failure(folder, with_init("")) ==
        "spec.json:2: learner.output_channel: expected a channel below message_size 2, got 2");
  std::ofstream(folder / "a.safetensors") << "not an algorithm";
  CHECK_THROWS_AS(adopted(folder, with_init("")), engine::IoError);
}

TEST_CASE("a floor of step scales names a parameter") {
  const auto adopt = [](const std::string& view) {
    const TemporaryFolder folder;
    vsml::LoadedSpec loaded = vsml::load_spec(
        write_text(folder, "spec.json", small_spec()),
        {"meta.step_scale_floors=[{\"view\": \"cell.w\"}, {\"view\": \"" + view + "\"}]"});
    vsml::adopt_algorithm(loaded);
  };
  CHECK_NOTHROW(adopt("cell.bias"));
  CHECK_THROWS_WITH_AS(adopt("cell.biass"),
                       "--set meta.step_scale_floors[1].view: expected a parameter of the learner, "
                       "got \"cell.biass\"",
                       SpecError);
  CHECK_NOTHROW(adopt("cell.bias\", \"gate\": \"input"));
  CHECK_THROWS_WITH_AS(adopt("cell.m_forward\", \"gate\": \"input"),
                       "--set meta.step_scale_floors[1].gate: expected all for a parameter without "
                       "gates, got one gate",
                       SpecError);
}
