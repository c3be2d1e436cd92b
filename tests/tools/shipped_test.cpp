// The learning algorithms of data/learned, as a user meta-tests them.
#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/tools/vsml_runs.h"

namespace tools::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kLearned = fs::path(VSML_DATA_DIR) / "learned";

std::vector<fs::path> algorithms(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

json init_of(const fs::path& algorithm) {
  return {{"type", "file"}, {"path", algorithm.string()}};
}

// The learner that the spec beside the algorithm trained. Sizes that were the task's are the
// file's.
json learner_of(const fs::path& algorithm) {
  fs::path spec = algorithm;
  spec.replace_extension(".spec.json");
  REQUIRE_MESSAGE(fs::exists(spec), spec.string());
  json learner = json::parse(read_plain(spec.string())).at("learner");
  for (const char* size : {"inputs", "classes"}) {
    if (learner.value(size, 1) == 0) learner.erase(size);
  }
  return learner;
}

}  // namespace

TEST_CASE("every shipped algorithm has the spec beside it that it agrees with") {
  for (const fs::path& algorithm : algorithms(kLearned)) {
    CAPTURE(algorithm.string());
    json learner = learner_of(algorithm);
    learner["init"] = init_of(algorithm);
    const json task = {{"dataset", "clusters"}, {"inputs", 64}, {"num_classes", 10}};
    const json spec = {{"experiment", "meta_test"},
                       {"learner", learner},
                       {"tasks", {{"test", json::array({task})}}}};
    const TemporaryFolder folder;
    write_plain(folder / "spec.json", spec.dump());
    const Outcome outcome = run_vsml(folder.path(), {"check", "spec.json"});
    CHECK_MESSAGE(outcome.status == 0, outcome.error);
  }
}

TEST_CASE("the shipped learners of figure 8 know clothing, or learn it") {
  json learners = json::array();
  for (const fs::path& algorithm : algorithms(kLearned / "figure_8")) {
    const std::string name = algorithm.stem().string();
    if (!name.ends_with("-fashion_mnist")) continue;
    learners.push_back(
        {{"type", learner_of(algorithm)["type"]}, {"name", name}, {"init", init_of(algorithm)}});
  }
  REQUIRE(learners.size() == 8);
  const json task = {{"dataset", "fashion_mnist"}, {"split", "test"}, {"resize", {8, 8}}};
  const json spec = {
      {"experiment", "meta_test"},
      {"learner", {{"type", "nearest_mean"}}},
      {"tasks", {{"test", json::array({task})}}},
      {"evaluate", {{"episodes", 4}, {"episode_length", 250}, {"learners", learners}}}};
  const TemporaryFolder folder;
  write_plain(folder / "spec.json", spec.dump());
  const Outcome outcome = run_vsml(folder.path(), {"run", "spec.json", "--json", "--quiet"});
  check_done(outcome);
  const json results = json::parse(outcome.out)["results"];
  REQUIRE(results.size() == 9);
  for (const json& result : results) {
    CAPTURE(result["learner"].get<std::string>());
    CHECK(result["accuracy_cumulative"] > 0.3);  // 0.1 by chance
  }
}

}  // namespace tools::test
