#include "vsml/experiment/spec.h"

#include <array>
#include <cstdint>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/error.h"
#include "tests/vsml/spec_files.h"
#include "vsml/experiment/spec_fields.h"
#include "vsml/experiment/spec_file.h"
#include "vsml/experiment/spec_schema.h"
#include "vsml/experiment/spec_writer.h"

namespace {

using vsml::load_spec;
using vsml::Spec;

Spec load_text(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const TemporaryFolder folder;
  return load_spec(write_text(folder, "spec.json", text), overrides).spec;
}

// Calls `see` for every field of a listing and of the records in it.
template <class See>
void for_each_field(const vsml::Fields& fields, const See& see) {
  for (const vsml::Field& field : fields) {
    see(field);
    if (const auto* record = std::get_if<vsml::RecordField>(&field.value)) {
      for_each_field(record->fields, see);
    } else if (const auto* list = std::get_if<vsml::RecordListField>(&field.value)) {
      for_each_field(list->defaults(), see);
    }
  }
}

// A spec in which nothing has its default that may have another value.
Spec unusual_spec() {
  Spec spec;
  spec.name = "a \"name\" \xc3\xa9";
  spec.seed = UINT64_MAX;
  spec.data = "/sets/\\odd\nname";
  vsml::NetworkOptions& network = spec.learner.network;
  spec.learner.name = "mine";
  network.cell = {24, 5};
  network.micro_ticks = 3;
  network.layers = {{vsml::LayerType::Conv, 6, {}, {5, 3}, 2, {{1, 0}}},
                    {vsml::LayerType::Dense, 32, -0.1},
                    {vsml::LayerType::Dense, 0, {}}};
  network.reduce = vsml::Reduce::Sum;
  network.output_channel = 4;
  network.output_bound = 1.0 / 3;
  network.feed_label = network.backward_pass = network.separate_backward_cell = true;
  network.clear_reverse = network.cell_per_layer = network.layer_norm = true;
  network.random_state_fraction = 5e-324;
  network.loss = spec.learner.mlp.loss = vsml::OutputLoss::Squared;  // one key for both
  network.encoded_weights = true;
  spec.learner.init = {vsml::InitType::File, 1, "/x/algorithm.safetensors"};
  spec.meta.optimizer = vsml::MetaOptimizer::Es;
  spec.meta.learning_rate = 0.1 + 0.2;
  spec.meta.loss = vsml::MetaLoss::Last;
  spec.meta.schedule = vsml::Schedule::Cosine;
  spec.meta.step_scale = vsml::StepScale::Initial;
  spec.meta.step_scale_floors = {{"cell.w", 0.25, vsml::GateChoice::Candidate},
                                 {"cell.bias", 1e-9}};
  spec.meta.start_noise = 0.125;
  spec.meta.tie_steps = true;
  spec.meta.shortest_lifetime = 300;
  spec.meta.clip_norm = 123456789.123;
  spec.meta.standardize_fitness = false;
  vsml::TaskOptions images;
  images.dataset = "fashion_mnist";
  images.split = vsml::Split::Test;
  images.classes = {3, 1};
  images.draw_classes = 2;
  images.distort = 0.25;
  images.resize = {{14, 7}};
  images.standardize = false;
  vsml::TaskOptions idx;
  idx.dataset = "idx";
  idx.images = "/x/i";
  idx.labels = "/x/l";
  vsml::TaskOptions random;
  random.dataset = "random";
  random.pairs = 3;
  random.num_classes = 5;
  random.weight = 1e-300;
  vsml::TaskOptions clusters;
  clusters.dataset = "clusters";
  clusters.clusters = 5;
  vsml::TaskOptions csv;
  csv.dataset = "csv";
  csv.path = "/x/t.csv";
  csv.csv = {"3", vsml::CsvHeader::No};
  spec.tasks = {{images, idx}, {random, clusters, csv}};
  spec.evaluate.prefixes = {7, 11};
  vsml::LearnerOptions adam;
  adam.type = vsml::LearnerType::Adam;
  adam.mlp = {{8, 4}, vsml::InputActivation::Tanh, {0.1, 0.01}, 0.5,           0.75,
              1e-3,   vsml::OutputLoss::Squared,   0.5,         {4, {{7, 14}}}};
  adam.network.loss = vsml::OutputLoss::Squared;
  vsml::LearnerOptions nearest_mean;
  nearest_mean.type = vsml::LearnerType::NearestMean;
  spec.evaluate.learners = {adam, nearest_mean};
  for (const vsml::LearnerType type :
       {vsml::LearnerType::MetaRnn, vsml::LearnerType::FastWeights, vsml::LearnerType::FastWeights,
        vsml::LearnerType::Hebbian, vsml::LearnerType::Hypernetwork,
        vsml::LearnerType::LearnedRule}) {
    vsml::LearnerOptions options;
    options.type = type;
    options.init = spec.learner.init;
    if (has_task_sizes(type)) options.inputs = 50, options.classes = 5;
    spec.evaluate.learners.push_back(options);
  }
  const vsml::ConvOptions conv{4, {{7, 14}}};
  spec.evaluate.learners[2].meta_rnn = {5, 3, 0.5, conv};
  spec.evaluate.learners[3].fast_weights.key_size = 3;
  spec.evaluate.learners[4].fast_weights = {vsml::FastWeightsForm::Memory, 64, 6, 3, 2, conv};
  spec.evaluate.learners[5].hebbian = {vsml::HebbianRule::Oja, 0, conv};
  spec.evaluate.learners[6].hypernetwork = {3, 4, 5, 6, 7};
  spec.evaluate.learners[7].learned_rule = {{3, 2}, 7, 8};
  vsml::LearnerOptions backprop;
  backprop.init = {vsml::InitType::Backprop, 1, {}, {0.25, 4, 0.5, 0.125, 9, 2}};
  backprop.network = backprop_network(backprop.network, backprop.init.backprop);
  spec.evaluate.learners.push_back(backprop);
  vsml::LearnerOptions nearest_neighbour;
  nearest_neighbour.type = vsml::LearnerType::NearestNeighbour;
  nearest_neighbour.capacity = 50;
  spec.evaluate.learners.push_back(nearest_neighbour);
  vsml::LearnerOptions least_squares;
  least_squares.type = vsml::LearnerType::RecursiveLeastSquares;
  least_squares.ridge = {0.5, 2};
  spec.evaluate.learners.push_back(least_squares);
  spec.checkpoint = {7, 9};
  return spec;
}

}  // namespace

TEST_CASE("a spec is read") {
  const Spec spec = load_text(small_spec());
  CHECK(spec.name == "spec");
  CHECK(spec.experiment == vsml::ExperimentType::MetaTrain);
  CHECK(spec.seed == 7);
  REQUIRE(spec.learner.network.layers.size() == 2);
  CHECK(spec.learner.network.layers[0].outputs == 4);
  CHECK(spec.learner.network.layers[1] == vsml::LayerOptions{});
  CHECK(spec.meta.unroll == 20);
  CHECK(spec.meta.steps == vsml::MetaOptions{}.steps);
  REQUIRE(spec.tasks.train.size() == 2);
  CHECK(spec.tasks.train[1].dataset == "random");
  CHECK(spec.tasks.train[1].pairs == 20);
  REQUIRE(spec.evaluate.learners.size() == 2);
  CHECK(spec.evaluate.learners[0].type == vsml::LearnerType::Sgd);
  CHECK(spec.evaluate.learners[1].mlp.beta1 == 0.8);
  CHECK(spec.evaluate.learners[1].mlp.beta2 == 0.999);
}

TEST_CASE("numbers, lists and null") {
  const Spec spec = load_text(
      small_spec(), {"seed=18446744073709551615", "meta.steps=1e3", "meta.learning_rate=1",
                     "meta.clip_norm=-0", "learner.layers.0.constant_input=10",
                     "learner.layers[1].constant_input=null", "tasks.train.0.resize=[14, 7]",
                     "tasks.train.0.classes=[5,3]", "evaluate.learners.0.learning_rate=[0.1, 1]",
                     "evaluate.learners.1.learning_rate=0.5", "evaluate.learners.1.hidden=[]"});
  CHECK(spec.seed == UINT64_MAX);
  CHECK(spec.meta.steps == 1000);
  CHECK(spec.meta.learning_rate == 1.0);
  CHECK(spec.meta.clip_norm == 0.0);
  CHECK(spec.learner.network.layers[0].constant_input == 10.0);
  CHECK_FALSE(spec.learner.network.layers[1].constant_input.has_value());
  CHECK(spec.tasks.train[0].resize == std::array<int64_t, 2>{14, 7});
  CHECK(spec.tasks.train[0].classes == std::vector<int64_t>{5, 3});
  CHECK(spec.evaluate.learners[0].mlp.learning_rate == std::vector<double>{0.1, 1});
  CHECK(spec.evaluate.learners[1].mlp.learning_rate == std::vector<double>{0.5});
}

TEST_CASE("a written spec is read back as it was") {
  const Spec spec = unusual_spec();
  const std::string text = vsml::spec_to_json(spec);
  const Spec again = load_text(text);
  CHECK(again == spec);
  CHECK(vsml::spec_to_json(again) == text);

  const Spec small = load_text(small_spec());
  CHECK(load_text(vsml::spec_to_json(small)) == small);

  for (const auto form : {vsml::FastWeightsForm::DeltaRule, vsml::FastWeightsForm::Memory}) {
    Spec trained = small;  // with keys of both forms, those of the other at their defaults
    trained.learner = {};
    trained.learner.type = vsml::LearnerType::FastWeights;
    trained.learner.fast_weights.form = form;
    CHECK(load_text(vsml::spec_to_json(trained)) == trained);
  }
}

TEST_CASE("a written spec has every key that goes with its types") {
  const std::string text = vsml::spec_to_json(unusual_spec());
  const auto json = nlohmann::json::parse(text);
  CHECK(json["learner"]["state_size"] == 24);
  CHECK(json["learner"]["init"] ==
        nlohmann::json::parse(R"({"type": "file", "path": "/x/algorithm.safetensors"})"));
  CHECK(json["meta"]["steps"] == 1000);
  CHECK(json["evaluate"]["learners"][1] ==
        nlohmann::json::parse(R"({"type": "nearest_mean", "name": ""})"));
  CHECK_FALSE(json["tasks"]["train"][1].contains("split"));
  Spec spec;
  for_each_field(vsml::fields_of(spec), [&](const vsml::Field& field) {
    CAPTURE(field.key);
    if (!field.in_runs || std::holds_alternative<vsml::SweepField>(field.value)) {
      CHECK_FALSE(json.contains(field.key));
      return;
    }
    CHECK((field.key == "inputs" || field.key == "scale" ||
           text.find("\"" + field.key + "\": ") != std::string::npos));
  });
}

TEST_CASE("what cannot be written is an error") {
  Spec spec;
  spec.meta.learning_rate = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(vsml::spec_to_json(spec), engine::Error);
  spec = {};
  spec.data = "\xff";
  CHECK_THROWS_AS(vsml::spec_to_json(spec), engine::Error);
}

TEST_CASE("comments and schema references are ignored in every object") {
  CHECK(load_text(R"({"$schema": "x", "$comment": ["any"], "learner": {"$comment": 1},
                      "tasks": {"$comment": null, "train": [{"$comment": "", "dataset": "random"}]}})")
            .tasks.train.size() == 1);
}

TEST_CASE("a spec extends others: objects merge, the rest is replaced") {
  const TemporaryFolder folder;
  write_text(folder, "base.json", small_spec());
  write_text(folder, "parts/rate.json",
             R"({"meta": {"learning_rate": 0.5, "unroll": 5}, "name": "rate"})");
  const std::string child = write_text(folder, "deep/child.json", R"({
  "extends": ["../base.json", "../parts/rate.json", "shipped"],
  "meta": {"unroll": 9},
  "tasks": {"train": [{"dataset": "sum_sign"}]}
})");
  const std::string shipped =
      write_text(folder, "shipped/s.json", R"({"checkpoint": {"keep": 8}})");
  const vsml::LoadedSpec loaded = load_spec(child, {}, {{"shipped", shipped}});
  CHECK(loaded.spec.name == "rate");
  CHECK(loaded.spec.seed == 7);
  CHECK(loaded.spec.meta.learning_rate == 0.5);
  CHECK(loaded.spec.meta.unroll == 9);
  CHECK(loaded.spec.checkpoint.keep == 8);
  REQUIRE(loaded.spec.tasks.train.size() == 1);
  CHECK(loaded.spec.tasks.train[0].dataset == "sum_sign");
  CHECK(loaded.spec.tasks.test.size() == 1);

  const auto place = [&](const std::string& path) {
    const vsml::Place found = loaded.source.place_of(path);
    return std::filesystem::path(*found.file).filename().string() + ":" +
           std::to_string(found.line);
  };
  CHECK(place("seed") == "base.json:3");
  CHECK(place("meta.learning_rate") == "rate.json:1");
  CHECK(place("meta.unroll") == "child.json:3");
  CHECK(place("tasks.train[0].dataset") == "child.json:4");
  CHECK(place("tasks.test[0].dataset") == "base.json:14");
  CHECK(place("checkpoint.keep") == "s.json:1");
  CHECK(place("meta.steps") == "child.json:3");  // nobody said it: the object around it
  CHECK(place("data") == "child.json:1");
  CHECK(loaded.source.says("meta.unroll"));
  CHECK_FALSE(loaded.source.says("meta.steps"));
  CHECK_FALSE(loaded.source.says("tasks.train[1]"));
}

TEST_CASE("an object of another type replaces what it extends") {
  const TemporaryFolder folder;
  write_text(folder, "base.json", R"({
    "experiment": "meta_test", "tasks": {"test": [{"dataset": "random"}]},
    "learner": {"type": "vsml", "state_size": 4, "init": {"type": "untrained", "scale": 2}}})");
  const std::string other =
      write_text(folder, "other.json", R"({"extends": "base.json", "learner": {"type": "sgd"}})");
  CHECK(load_spec(other).spec.learner.type == vsml::LearnerType::Sgd);
  const std::string same =
      write_text(folder, "same.json",
                 R"({"extends": "base.json", "learner": {"init": {"type": "file", "path": "a"}}})");
  const Spec spec = load_spec(same).spec;
  CHECK(spec.learner.network.cell.state == 4);
  CHECK(spec.learner.init.type == vsml::InitType::File);
}

TEST_CASE("paths count from the file that says them, and end absolute") {
  const TemporaryFolder folder;
  write_text(folder, "a/base.json", R"({"data": "sets/../sets", "experiment": "meta_test",
    "learner": {"init": {"type": "file", "path": "../x.safetensors"}}})");
  const std::string child = write_text(folder, "b/child.json", R"({"extends": "../a/base.json",
    "tasks": {"test": [{"dataset": "idx", "images": "i", "labels": "/abs/l"}]}})");
  Spec spec = load_spec(child).spec;
  CHECK(spec.data == folder / "a/sets");
  CHECK(spec.learner.init.path == folder / "x.safetensors");
  CHECK(spec.tasks.test[0].images == folder / "b/i");
  CHECK(spec.tasks.test[0].labels == "/abs/l");
  spec = load_spec(child, {"data=here", "tasks.test.0.images=/i"}).spec;
  CHECK(spec.data == (std::filesystem::current_path() / "here").string());
  CHECK(spec.tasks.test[0].images == "/i");
}

TEST_CASE("overrides set values of every kind, the last one wins") {
  const TemporaryFolder folder;
  const std::string file = write_text(folder, "spec.json", small_spec());
  const vsml::LoadedSpec loaded = load_spec(
      file, {"meta.steps=5", "meta.steps=6", "name=a=b", "tasks.train.0.weight=2",
             "tasks.train[1].pairs=3", "learner.init={\"scale\": 0.5}", "checkpoint.keep=4",
             "meta.carry=true", "evaluate.learners=[]", "learner.name=\"1\""});
  CHECK(loaded.spec.meta.steps == 6);
  CHECK(loaded.spec.name == "a=b");
  CHECK(loaded.spec.tasks.train[0].weight == 2);
  CHECK(loaded.spec.tasks.train[1].pairs == 3);
  CHECK(loaded.spec.learner.init.scale == 0.5);
  CHECK(loaded.spec.checkpoint.keep == 4);
  CHECK(loaded.spec.meta.carry);
  CHECK(loaded.spec.evaluate.learners.empty());
  CHECK(loaded.spec.learner.name == "1");
  CHECK(loaded.source.place_of("meta.steps").file == nullptr);
  CHECK(loaded.source.place_of("meta.unroll").line == 7);
}

TEST_CASE("a shipped spec is found by its name") {
  const TemporaryFolder folder;
  const std::string file = write_text(folder, "small-one.json", small_spec());
  const vsml::ShippedSpecs shipped = {{"small-one", file}};
  CHECK(load_spec("small-one", {}, shipped).spec.name == "small-one");
  CHECK(load_spec("paper/one", {}, {{"paper/one", file}}).spec.name == "small-one");
  CHECK_THROWS_AS(load_spec("smal-one", {}, shipped), vsml::SpecError);
  CHECK_THROWS_AS(load_spec(folder / "none.json", {}, shipped), engine::IoError);
}

TEST_CASE("the schema is JSON and says every key, and the file in docs/ is the schema") {
  const auto schema = nlohmann::json::parse(vsml::spec_schema());
  CHECK(schema["$schema"] == "https://json-schema.org/draft/2020-12/schema");
  for (const auto& [name, record] : schema["$defs"].items()) {
    CAPTURE(name);
    CHECK(record["additionalProperties"] == false);
  }
  const auto& learner = schema["$defs"]["learner"]["properties"];
  CHECK(learner["message_size"]["default"] == 8);
  CHECK(learner["message_size"]["minimum"] == 1);
  CHECK(learner["state_size"]["anyOf"][0]["default"] == 16);
  CHECK(learner["state_size"]["anyOf"].size() == 4);
  CHECK(learner["type"]["enum"].size() == 11);
  CHECK(schema["$defs"]["task"]["required"] == nlohmann::json::array({"dataset"}));

  Spec spec;
  std::string help = vsml::spec_help();
  for_each_field(vsml::fields_of(spec), [&](const vsml::Field& field) {
    CAPTURE(field.key);
    bool found = schema["properties"].contains(field.key);
    for (const auto& record : schema["$defs"]) {
      if (!record["properties"].contains(field.key)) continue;
      found = true;
      const auto& property = record["properties"][field.key];
      const bool one_of_many = !property.contains("description");
      for (const auto& meaning :
           one_of_many ? property["anyOf"] : nlohmann::json::array({property})) {
        CHECK_FALSE(meaning["description"].get<std::string>().empty());
      }
    }
    CHECK(found);
    CHECK(help.find(field.key + ": ") != std::string::npos);
  });

  std::ifstream file(std::string(VSML_DOCS_DIR) + "/spec.schema.json", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  CHECK_MESSAGE(text == vsml::spec_schema(), "write it anew with: vsml schema");
}

TEST_CASE("help is about a key and what is below it") {
  const std::string help = vsml::spec_help("learner.init");
  CHECK(help.rfind("learner.init: object", 0) == 0);
  CHECK(help.find("learner.init.scale: number >= 0") != std::string::npos);
  CHECK(help.find("state_size") == std::string::npos);
  CHECK(vsml::spec_help("meta.step").empty());
  CHECK(vsml::spec_help("meta.steps").find("default 1000") != std::string::npos);
}
