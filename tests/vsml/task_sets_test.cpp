// Tasks on the shipped sets, with classes drawn per lifetime and distorted images.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "engine/error.h"
#include "tests/vsml/task_examples.h"
#include "vsml/random_purpose.h"
#include "vsml/tasks/generated.h"
#include "vsml/tasks/task.h"
#include "vsml/tasks/transform.h"

using engine::RngKey;
using vsml::Split;
using vsml::Task;
using vsml::TaskOptions;
using namespace vsml::test;

TEST_CASE("task: the shipped sets have the sizes that are documented") {
  struct Shipped {
    const char* name;
    Split split;
    int64_t examples, inputs, classes;
  };
  for (const Shipped& set : {Shipped{"omniglot", Split::Train, 2720, 784, 136},
                             {"omniglot", Split::Test, 3120, 784, 156},
                             {"digits", Split::Train, 1797, 64, 10},
                             {"letter", Split::Train, 20000, 16, 26},
                             {"satellite", Split::Train, 6435, 36, 6}}) {
    TaskOptions options;
    options.dataset = set.name;
    options.split = set.split;
    const Task task(options, kShipped);
    CAPTURE(task.name());
    CHECK(task.max_examples() == set.examples);
    CHECK(task.inputs() == set.inputs);
    CHECK(task.num_classes() == set.classes);
  }
}

TEST_CASE("task: drawn classes are whole classes, renumbered, others in another lifetime") {
  TaskOptions options = small_fashion();
  const Task all(options, kShipped);
  const auto set = vsml::load_dataset(options, kShipped);
  options.draw_classes = 3;
  options.repeat = true;
  const Task task(options, kShipped);
  CHECK(task.num_classes() == 3);
  std::map<Values, int> label_of;
  const Examples whole = examples(all, kKey, 0, 2500);
  for (int64_t t = 0; t < 2500; ++t) {
    label_of[whole.input(t)] = whole.labels[static_cast<size_t>(t)];
  }
  std::set<std::set<int>> choices;
  for (uint32_t step = 0; step < 5; ++step) {
    const Examples got = examples(task, {11, 0, step, 2}, 0, 600);
    std::map<int, int> old_of;
    std::multiset<Values> seen;
    for (int64_t t = 0; t < 600; ++t) {
      const int old = label_of.at(got.input(t));
      REQUIRE(old_of.insert({got.labels[static_cast<size_t>(t)], old}).first->second == old);
      seen.insert(got.input(t));
    }
    REQUIRE(old_of.size() == 3);
    std::set<int> choice;
    for (const auto& [fresh, old] : old_of) choice.insert(old);
    CHECK(choice.size() == 3);
    choices.insert(choice);
    // Each class has more than 200 examples, so that nothing came twice within the first pass.
    CHECK(std::set<Values>(seen.begin(), seen.end()).size() >= 598);
  }
  CHECK(choices.size() >= 4);
  // Without repeat a lifetime may be as long as the three smallest classes.
  options.repeat = false;
  std::vector<int64_t> sizes(10, 0);
  for (const int32_t label : set->labels) ++sizes[static_cast<size_t>(label)];
  std::sort(sizes.begin(), sizes.end());
  CHECK(Task(options, kShipped).max_examples() == sizes[0] + sizes[1] + sizes[2]);
}

TEST_CASE("task: distorted images are fresh in every pass, with the label of their original") {
  TaskOptions options = fashion(Split::Test);
  options.resize = {14, 14};
  const Task plain(options, kShipped);
  options.distort = 0.2;
  options.repeat = true;
  const Task task(options, kShipped);
  const Examples before = examples(plain, kKey, 0, 20), after = examples(task, kKey, 0, 20);
  CHECK(before.labels == after.labels);
  const float black = *std::min_element(before.inputs.begin(), before.inputs.end());
  for (const int64_t t : {0, 7}) {
    const vsml::AffineMap map = vsml::random_affine_map(
        0.2, vsml::key_for(kKey, vsml::RandomPurpose::Distortion, static_cast<uint32_t>(t)));
    Values want(196);
    vsml::distort(before.input(t).data(), 14, 14, map, black, want.data());
    const Values got = after.input(t);
    for (size_t i = 0; i < want.size(); ++i) CHECK(std::fabs(got[i] - want[i]) <= 1e-5);
    CHECK(got != before.input(t));
  }
}
