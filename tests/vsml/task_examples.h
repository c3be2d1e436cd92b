// tests/vsml/task_examples.h: tasks on the shipped sets, and the examples of their lifetimes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

#include "vsml/tasks/task.h"

namespace vsml::test {

using Values = std::vector<float>;

struct Examples {
  Values inputs;            // [count, D]
  std::vector<int> labels;  // [count]
  int64_t size;             // D

  Values input(int64_t t) const {
    return Values(inputs.begin() + t * size, inputs.begin() + (t + 1) * size);
  }
  friend bool operator==(const Examples&, const Examples&) = default;
};

// Also checks that the labels are one-hot.
inline Examples examples(const Task& task, const engine::RngKey& key, int64_t first,
                         int64_t count) {
  const int64_t inputs = task.inputs(), classes = task.num_classes();
  Examples got{Values(static_cast<size_t>(count * inputs), NAN), {}, inputs};
  Values labels(static_cast<size_t>(count * classes), NAN);
  task.lifetime(key).examples(first, count, got.inputs.data(), labels.data());
  for (auto row = labels.begin(); row != labels.end(); row += classes) {
    const auto one = std::find(row, row + classes, 1.0f);
    REQUIRE(one != row + classes);
    REQUIRE(std::count(row, row + classes, 0.0f) == classes - 1);
    got.labels.push_back(static_cast<int>(one - row));
  }
  return got;
}

inline const DataFolders kShipped = {{VSML_DATA_DIR}};
inline constexpr engine::RngKey kKey{11, 0, 3, 2};

inline TaskOptions fashion(Split split = Split::Train) {
  TaskOptions options;
  options.dataset = "fashion_mnist";
  options.split = split;
  return options;
}

inline TaskOptions small_fashion() {
  TaskOptions options = fashion(Split::Test);
  options.resize = {7, 7};
  return options;
}

inline TaskOptions generated(const std::string& dataset) {
  TaskOptions options;
  options.dataset = dataset;
  return options;
}

// Mean and deviation of a split's bytes, as fractions.
inline std::pair<double, double> byte_moments(const Dataset& set) {
  double sum = 0, squares = 0;
  for (const uint8_t byte : set.pixels) {
    sum += byte / 255.0;
    squares += byte / 255.0 * (byte / 255.0);
  }
  const auto count = static_cast<double>(set.pixels.size());
  return {sum / count, std::sqrt(squares / count - sum / count * (sum / count))};
}

}  // namespace vsml::test
