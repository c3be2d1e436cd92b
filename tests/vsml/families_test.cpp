// Generated families of tasks: what their documentation says, and that there is something to learn.
#include "vsml/tasks/families.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <set>
#include <string>

#include "engine/error.h"

using engine::RngKey;
using vsml::example_stream;
using vsml::StreamOptions;

namespace {

struct Drawn {
  std::vector<std::vector<float>> inputs;
  std::vector<int> labels;
};

Drawn draw(const std::string& family, const StreamOptions& options, const RngKey& key,
           int64_t first, int64_t count) {
  const auto stream = example_stream(family, options, key);
  Drawn drawn;
  for (int64_t t = first; t < first + count; ++t) {
    std::vector<float> x(static_cast<size_t>(options.inputs), NAN);
    drawn.labels.push_back(stream->example(t, x.data()));
    drawn.inputs.push_back(x);
  }
  return drawn;
}

double squared_distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - b[i];
    sum += difference * difference;
  }
  return sum;
}

// Part of the later examples whose nearest earlier one has the same label.
double nearest_neighbour_accuracy(const Drawn& drawn, size_t known) {
  double correct = 0;
  for (size_t t = known; t < drawn.labels.size(); ++t) {
    size_t best = 0;
    double least = std::numeric_limits<double>::infinity();
    for (size_t k = 0; k < known; ++k) {
      const double distance = squared_distance(drawn.inputs[t], drawn.inputs[k]);
      if (distance < least) least = distance, best = k;
    }
    correct += drawn.labels[best] == drawn.labels[t] ? 1 : 0;
  }
  return correct / static_cast<double>(drawn.labels.size() - known);
}

}  // namespace

TEST_CASE("families: inputs are standardised, and each lifetime is a task of its own") {
  for (const std::string family : {"clusters", "teacher"}) {
    CAPTURE(family);
    const StreamOptions options{40, 5, 3};
    std::set<float> firsts;
    double worst_mean = 0;
    for (uint32_t step = 0; step < 12; ++step) {
      const Drawn drawn = draw(family, options, {3, 0, step, 1}, 0, 200);
      double sum = 0, squares = 0;
      for (const auto& x : drawn.inputs) {
        for (const float value : x) {
          sum += value;
          squares += static_cast<double>(value) * value;
        }
      }
      const double count = 200 * 40, mean = sum / count;
      worst_mean = std::max(worst_mean, std::fabs(mean));
      const double deviation = std::sqrt(squares / count - mean * mean);
      // Between 0.7 and 1.4, or 1, but for what 256 correlated examples do not tell.
      CHECK(deviation > 0.55);
      CHECK(deviation < 1.75);
      CHECK(*std::min_element(drawn.labels.begin(), drawn.labels.end()) >= 0);
      CHECK(*std::max_element(drawn.labels.begin(), drawn.labels.end()) < 5);
      firsts.insert(drawn.inputs[0][0]);
    }
    CHECK(worst_mean < 0.2);
    CHECK(firsts.size() == 12);
  }
}

TEST_CASE("families: an example is a function of key and index") {
  for (const std::string family : {"clusters", "teacher", "sum_sign"}) {
    CAPTURE(family);
    const StreamOptions options{9, 2, 2};
    const Drawn all = draw(family, options, {3, 0, 5, 1}, 1000, 30);
    const Drawn part = draw(family, options, {3, 77, 5, 1}, 1010, 5);  // the purpose means nothing
    for (size_t k = 0; k < 5; ++k) {
      CHECK(part.inputs[k] == all.inputs[k + 10]);
      CHECK(part.labels[k] == all.labels[k + 10]);
    }
    CHECK(all.inputs != draw(family, options, {4, 0, 5, 1}, 1000, 30).inputs);
    CHECK(all.inputs != draw(family, options, {3, 0, 6, 1}, 1000, 30).inputs);
    CHECK(all.inputs != draw(family, options, {3, 0, 5, 2}, 1000, 30).inputs);
    const auto stream = example_stream(family, options, {3, 0, 5, 1});
    std::vector<float> x(9);
    CHECK_THROWS_AS(stream->example(-1, x.data()), engine::Error);
    CHECK_THROWS_AS(stream->example(int64_t{1} << 32, x.data()), engine::Error);
  }
}

TEST_CASE("families: labels can be learned, and every class comes up") {
  // Chance is 0.25. The averages over lifetimes are far from it and from 1, single lifetimes are
  // easy or hard.
  for (const std::string family : {"clusters", "teacher"}) {
    CAPTURE(family);
    double total = 0, easiest = 0, hardest = 1;
    std::set<int> classes;
    for (uint32_t step = 0; step < 20; ++step) {
      const Drawn drawn = draw(family, {30, 4, 3}, {8, 0, step, 0}, 0, 300);
      const double accuracy = nearest_neighbour_accuracy(drawn, 200);
      total += accuracy / 20;
      easiest = std::max(easiest, accuracy);
      hardest = std::min(hardest, accuracy);
      classes.insert(drawn.labels.begin(), drawn.labels.end());
    }
    CHECK(total > 0.35);
    CHECK(total < 0.97);
    CHECK(easiest - hardest > 0.1);
    CHECK(classes.size() == 4);
  }
}

TEST_CASE("families: what makes no task is told") {
  CHECK_THROWS_WITH_AS(example_stream("clusters", {0, 2, 3}, {}),
                       "clusters: expected at least 1 input, class and cluster, found 0 inputs, 2 "
                       "classes, 3 clusters",
                       engine::Error);
  CHECK_THROWS_AS(example_stream("teacher", {3, 0, 3}, {}), engine::Error);
  CHECK_THROWS_AS(example_stream("clusters", {3, 2, 0}, {}), engine::Error);
  CHECK_THROWS_WITH_AS(example_stream("stars", {3, 2, 3}, {}),
                       "generated task: expected sum_sign, clusters or teacher, found stars",
                       engine::Error);
}
