// What comes from outside a spec: the files it extends, and --set.
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "engine/error.h"
#include "tests/vsml/spec_failures.h"
#include "vsml/experiment/validate_spec.h"

TEST_CASE("extending what is not there, oneself, or too much") {
  check_file("\"seed\": 7", "\"extends\": \"none.json\"",
             "spec.json:3: extends: expected a file, found none at");
  check_file("\"seed\": 7", "\"extends\": [\"nobody\"]",
             "spec.json:3: extends[0]: expected the name of a shipped spec, got \"nobody\"");
  check_file("\"seed\": 7", "\"extends\": 7",
             "spec.json:3: extends: expected the path or name of a spec, got 7");
  check_file("\"seed\": 7", "\"extends\": \"./spec.json\"",
             "spec.json:3: extends: expected no cycle, got back to");

  const TemporaryFolder folder;
  const auto fails_with = [&](const std::string& name, const std::string& part) {
    try {
      vsml::load_spec(folder / name);
      FAIL("loaded");
    } catch (const vsml::SpecError& error) {
      const std::string message = error.what();
      CAPTURE(message);
      CHECK(contains(message, part));
    }
  };
  write_text(folder, "a.json", R"({"extends": "sub/b.json"})");
  write_text(folder, "sub/b.json", "{\n\"extends\": [\"../a.json\"]}");
  fails_with("a.json", "b.json:2: extends[0]: expected no cycle");

  write_text(folder, "0.json", small_spec());
  for (int k = 1; k <= 9; ++k) {
    write_text(folder, std::to_string(k) + ".json",
               "{\"extends\": \"" + std::to_string(k - 1) + ".json\"}");
  }
  CHECK(vsml::load_spec(folder / "8.json").spec.seed == 7);
  fails_with("9.json", "1.json:1: extends: expected at most 8 specs one above the other");

  std::string many;
  for (int k = 0; k < 64; ++k) many += std::string(k > 0 ? "," : "") + "\"0.json\"";
  write_text(folder, "many.json", "{\"extends\": [" + many + "]}");
  fails_with("many.json", "extends[63]: expected at most 64 files");

  write_text(folder, "bad.json", "{\"seed\":\n 7.5}");
  write_text(folder, "child.json", "{\"extends\": \"bad.json\"}");
  fails_with("child.json", "bad.json:2: seed: expected an integer");
  write_text(folder, "list.json", "\n[]");
  write_text(folder, "of_list.json", "{\"extends\": \"list.json\"}");
  fails_with("of_list.json", "list.json:2: expected an object, got a list");
}

TEST_CASE("overrides that are malformed") {
  check_override("a", "--set: expected KEY=VALUE, got \"a\"", "--set meta.steps=100");
  check_override("", "--set: expected KEY=VALUE, got \"\"");
  check_override("=", "--set: expected KEY=VALUE, got \"=\"");
  check_override("=1", "--set: expected KEY=VALUE, got \"=1\"");
  check_override("name=", "--set name: expected a value after '=', got none", "\"\"");
  check_override("meta..steps=1", "--set meta..steps: expected keys with one dot between them");
  check_override(".seed=1", "--set .seed: expected keys with one dot");
  check_override("seed.=1", "--set seed.: expected keys with one dot");
  check_override("tasks.train[0=1", "--set tasks.train[0: expected an index like [0], got \"[0\"");
  check_override("tasks.train[x]=1", "--set tasks.train[x]: expected an index");
  check_override("tasks.train[]=1", "--set tasks.train[]: expected an index");
  check_override("tasks.train[0]x=1", "--set tasks.train[0]x: expected an index");
  check_override("tasks.train[99999999999999999999]=1", "--set tasks.train[9999999");
  check_override("learner={\"type\":", "--set learner.type: column 8: expected JSON, got");
  check_override("name=\"a", "--set name: column 2: expected JSON, got invalid string");
  check_override("learner={\"type\": 1, \"type\": 2}",
                 "--set learner.type: expected each key once");
  check_override("name=" + std::string(1 << 21, 'x'), "--set name: expected at most 1048576 bytes");
  check_override("name=" + std::string("a\0b", 3), "--set name: expected text, got NUL");
  std::string deep = "a";
  for (int k = 0; k < 100'000; ++k) deep += ".a";
  check_override(deep + "=1", "--set a.a.a");
  check_override("meta=" + std::string(100'000, '['), "--set meta: expected lists and objects at");
}

TEST_CASE("overrides that do not fit the spec") {
  check_override("a[9]=1", "--set a[9]: expected a list at index 9, got none in the spec");
  check_override("tasks.train[9]=1", "--set tasks.train[9]: expected an index below 2, got 9");
  check_override("tasks.train.2.weight=1", "--set tasks.train.2.weight: expected an index below 2");
  check_override("seed.x=1", "--set seed.x: expected an object or a list around \"x\", got 7");
  check_override("seed.0=1", "--set seed.0: expected a list at index 0, got 7");
  check_override("tasks.train.weight=1", "--set tasks.train.weight: expected an object or a list");
  check_override("checkpoint.every.x=1",
                 "--set checkpoint.every: expected an integer from 1 to "
                 "1000000000, got an object");
  check_override("metta.steps=1", "--set metta: expected a known key, got \"metta\"", "\"meta\"");
  check_override("meta.step=1", "--set meta.step: expected a known key", "\"steps\"");
  check_override("tasks.train.0.wieght=1", "--set tasks.train[0].wieght: expected a known key",
                 "\"weight\"");
  check_override("meta.steps=0",
                 "--set meta.steps: expected an integer from 1 to 1000000000, got 0");
  check_override("meta.steps=1e999", "--set meta.steps: expected an integer");
  check_override("meta.steps=ten",
                 "--set meta.steps: expected an integer from 1 to 1000000000, got "
                 "\"ten\"");
  check_override("meta.learning_rate=NaN", "--set meta.learning_rate: expected a number");
  check_override("learner={\"tpye\": \"sgd\"}", "--set learner.tpye: expected a known key",
                 "\"type\"");
  check_override("name=1", "--set name: expected text in quotes, got 1");
  check_override("extends=x.json", "--set extends: expected a key that can be set, got extends");
  check_override("learner.output_channel=8", "--set learner.output_channel: expected a channel");
}
