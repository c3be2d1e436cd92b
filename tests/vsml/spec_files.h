// tests/vsml/spec_files.h: specs for the tests of vsml/experiment/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/temporary_folder.h"
#include "vsml/experiment/spec_file.h"

using engine::test::TemporaryFolder;

// Writes a text file and returns its path.
inline std::string write_text(const TemporaryFolder& folder, const std::string& name,
                              const std::string& text) {
  return folder.write(name, std::vector<uint8_t>(text.begin(), text.end()));
}

// A valid spec of a few lines that leaves nearly everything to the defaults.
inline const char* small_spec() {
  return R"({
  "experiment": "meta_train",
  "seed": 7,
  "learner": {"type": "vsml", "layers": [{"outputs": 4}, {}]},
  "meta": {
    "optimizer": "bptt",
    "unroll": 20
  },
  "tasks": {
    "train": [
      {"dataset": "fashion_mnist", "weight": 1},
      {"dataset": "random"}
    ],
    "test": [{"dataset": "sum_sign"}]
  },
  "evaluate": {"learners": [{"type": "sgd"}, {"type": "adam", "beta1": 0.8}]}
}
)";
}

struct Failure {
  std::string message, hint;
};

// How loading a spec of that text fails; empty if it does not. The message names the file spec.json
// without its folder.
inline Failure failure_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const TemporaryFolder folder;
  try {
    vsml::load_spec(write_text(folder, "spec.json", text), overrides);
  } catch (const vsml::SpecError& error) {
    std::string message = error.what();
    const size_t begin = message.find(folder / "");
    if (begin != std::string::npos) message.erase(begin, (folder / "").size());
    return {message, error.hint()};
  }
  return {};
}
