// An experiment introspect, as its user sees it.
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/tools/vsml_runs.h"

namespace tools::test {

TEST_CASE("introspect: a table and numbers; threads change nothing; what does not fit is refused") {
  const TemporaryFolder folder;
  write_plain(folder / "spec.json", small_spec());
  const Arguments run{"run",
                      "spec.json",
                      "--quiet",
                      "--set",
                      "experiment=introspect",
                      "--set",
                      "learner.init.type=untrained",
                      "--set",
                      "evaluate.learners.0.learning_rate=0.1"};
  const Arguments swap{"--set", "evaluate.swap_labels_at=10"};
  const Outcome one = run_vsml(folder.path(), run + swap + Arguments{"--out", "one"});
  check_done(one);
  CHECK(contains(one.out, "probability of the label before and after it was learned"));
  CHECK(contains(one.out, "after swap"));
  const Outcome two =
      run_vsml(folder.path(), run + swap + Arguments{"--out", "two", "--threads", "3"});
  check_done(two);
  check_same(lasting(folder / "two"), lasting(folder / "one"));
  const auto results = nlohmann::json::parse(read_plain(folder / "one/results.json"))["results"];
  REQUIRE(results.size() == 3);
  for (const char* key : {"before", "after", "false_before", "false_after", "old"}) {
    CHECK(results[0]["introspection"][key].size() == 20);
  }
  const Outcome again = run_vsml(folder.path(), run + swap + Arguments{"--out", "one", "--json"});
  CHECK(again.out == read_plain(folder / "one/results.json"));

  const Outcome picture = run_vsml(folder.path(), {"plot", "one"});
  check_done(picture);
  CHECK(count(picture.out, "<polyline") == 4 * 3);  // panels, learners

  check_error(run_vsml(folder.path(), run + Arguments{"--set", "evaluate.swap_labels_at=20"}), 2,
              {"evaluate.swap_labels_at", "below evaluate.episode_length"});
  check_error(run_vsml(folder.path(), run + Arguments{"--set", "evaluate.prefixes=[5]"}), 2,
              {"evaluate.prefixes", "introspect"});
  check_error(
      run_vsml(folder.path(), run + Arguments{"--set", "evaluate.learners.0.learning_rate=[1,2]"}),
      2, {"evaluate.learners[0].learning_rate", "introspect"});
}

}  // namespace tools::test
