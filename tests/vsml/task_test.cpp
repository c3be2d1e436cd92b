// Tasks and lifetimes: the examples against the raw data, and that they are a function of the key.
#include "vsml/tasks/task.h"

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
#include "vsml/tasks/transform.h"

using engine::RngKey;
using vsml::Split;
using vsml::Task;
using vsml::TaskOptions;
using namespace vsml::test;

TEST_CASE("task: sizes and names") {
  const Task task(fashion(), kShipped);
  CHECK(task.name() == "fashion_mnist/train");
  CHECK(task.inputs() == 784);
  CHECK(task.num_classes() == 10);
  CHECK(task.max_examples() == 8000);
  TaskOptions options = small_fashion();
  options.pad = 2;
  CHECK(Task(options, kShipped).name() == "fashion_mnist/test");
  CHECK(Task(options, kShipped).inputs() == 11 * 11);
  CHECK(Task(options, kShipped).max_examples() == 2500);
  options.name = "clothes";
  CHECK(Task(options, kShipped).name() == "clothes");
  CHECK(Task(generated("sum_sign"), {}).name() == "sum_sign");
}

TEST_CASE("task: a lifetime is the set without replacement, on the training split's scale") {
  for (const Split split : {Split::Train, Split::Test}) {
    const TaskOptions options = fashion(split);
    const auto set = vsml::load_dataset(options, kShipped);
    const auto [mean, deviation] = byte_moments(*vsml::load_dataset(fashion(), kShipped));
    const Examples got = examples(Task(options, kShipped), kKey, 0, set->count);

    std::multiset<std::pair<std::vector<int>, int>> want, seen;
    for (int64_t i = 0; i < set->count; ++i) {
      const auto pixels = set->pixels.begin() + i * 784;
      want.insert({std::vector<int>(pixels, pixels + 784), set->labels[static_cast<size_t>(i)]});
      std::vector<int> bytes;
      double worst = 0;
      for (const float value : got.input(i)) {
        const double byte = 255 * (value * deviation + mean);
        bytes.push_back(static_cast<int>(std::lround(byte)));
        worst = std::max(worst, std::fabs(byte - bytes.back()));
      }
      REQUIRE(worst <= 1e-3);
      seen.insert({bytes, got.labels[static_cast<size_t>(i)]});
    }
    CHECK(seen == want);
  }
}

TEST_CASE("task: without standardize inputs are fractions") {
  TaskOptions options = fashion(Split::Test);
  options.standardize = false;
  const Examples got = examples(Task(options, kShipped), kKey, 0, 100);
  const auto [low, high] = std::minmax_element(got.inputs.begin(), got.inputs.end());
  CHECK(*low == 0.0f);
  CHECK(*high == 1.0f);
}

TEST_CASE("task: resized images have the scale of the resized split, the margin is black") {
  TaskOptions options = fashion();
  options.resize = {14, 14};
  const Examples all = examples(Task(options, kShipped), kKey, 0, 8000);
  double sum = 0, squares = 0;
  for (const float value : all.inputs) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const double count = 8000.0 * 14 * 14;
  CHECK(std::fabs(sum / count) <= 1e-6);
  CHECK(std::fabs(squares / count - 1) <= 1e-6);

  options.pad = 1;
  const Examples padded = examples(Task(options, kShipped), kKey, 0, 20);
  const float black = *std::min_element(all.inputs.begin(), all.inputs.end());
  for (int64_t t = 0; t < 20; ++t) {
    const Values image = padded.input(t);
    CHECK(image[0] == black);
    CHECK(image[255] == black);
    CHECK(image[17] == all.input(t)[0]);
    CHECK(image[16 * 7 + 8] == all.input(t)[14 * 6 + 7]);
  }
}

TEST_CASE("lifetime: an example does not depend on the range it is asked for with") {
  TaskOptions options = small_fashion();
  options.repeat = true;
  options.random_projection = 1;
  options.permute_pixels = true;
  options.permute_labels = true;
  TaskOptions random = generated("random");
  random.repeat = true;
  random.permute_labels = true;
  for (const TaskOptions& each : {options, random, generated("sum_sign")}) {
    const Task task(each, kShipped);
    const int64_t start = each.dataset == "fashion_mnist" ? 2450 : 0;  // crosses into a new pass
    const Examples whole = examples(task, kKey, start, 100);
    CHECK(whole == examples(Task(each, kShipped), kKey, start, 100));
    for (const int64_t step : {1, 7, 33}) {
      for (int64_t first = 0; first < 100; first += step) {
        const int64_t count = std::min(step, 100 - first);
        const Examples part = examples(task, kKey, start + first, count);
        REQUIRE(std::equal(part.inputs.begin(), part.inputs.end(),
                           whole.inputs.begin() + first * task.inputs()));
        REQUIRE(std::equal(part.labels.begin(), part.labels.end(), whole.labels.begin() + first));
      }
    }
    CHECK(examples(task, kKey, 5, 0).inputs.empty());
  }
}

TEST_CASE(
    "lifetime: seed, step and member of the key make another lifetime, its purpose does not") {
  for (const TaskOptions& options : {small_fashion(), generated("random"), generated("sum_sign")}) {
    const Task task(options, kShipped);
    const Examples one = examples(task, kKey, 0, 20);
    CHECK(one == examples(task, {11, 99, 3, 2}, 0, 20));
    CHECK(one.inputs != examples(task, {12, 0, 3, 2}, 0, 20).inputs);
    CHECK(one.inputs != examples(task, {11, 0, 4, 2}, 0, 20).inputs);
    CHECK(one.inputs != examples(task, {11, 0, 3, 3}, 0, 20).inputs);
  }
}

TEST_CASE("lifetime: the same examples from several threads") {
  TaskOptions options = small_fashion();
  options.random_projection = 1;
  options.repeat = true;
  const Task task(options, kShipped);
  const Examples want = examples(task, kKey, 2400, 200);
  std::vector<Examples> got(4);
  std::vector<std::thread> threads;
  for (Examples& mine : got) {
    threads.emplace_back([&] { mine = examples(Task(options, kShipped), kKey, 2400, 200); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Examples& each : got) CHECK(each == want);
}

TEST_CASE("lifetime: longer than the set is an error unless it repeats, newly shuffled") {
  TaskOptions options = generated("random");
  const vsml::Lifetime lifetime = Task(options, {}).lifetime(kKey);
  Values inputs(1000), labels(1000);
  CHECK_THROWS_WITH_AS(lifetime.examples(15, 6, inputs.data(), labels.data()),
                       "task random: expected examples within 0 to 20, found 6 from 15 on",
                       engine::Error);
  CHECK_THROWS_AS(lifetime.examples(-1, 1, inputs.data(), labels.data()), engine::Error);
  CHECK_THROWS_AS(lifetime.examples(0, -1, inputs.data(), labels.data()), engine::Error);
  CHECK_THROWS_AS(lifetime.examples(INT64_MAX, 1, inputs.data(), labels.data()), engine::Error);
  CHECK_THROWS_AS(lifetime.examples(1, INT64_MAX, inputs.data(), labels.data()), engine::Error);

  options.repeat = true;
  const Examples got = examples(Task(options, {}), kKey, 0, 60);
  using Passes = std::vector<std::pair<Values, int>>;
  std::vector<Passes> passes(3);
  for (int64_t t = 0; t < 60; ++t) {
    passes[static_cast<size_t>(t / 20)].push_back(
        {got.input(t), got.labels[static_cast<size_t>(t)]});
  }
  CHECK(passes[0] != passes[1]);
  CHECK(passes[1] != passes[2]);
  for (Passes& pass : passes) std::sort(pass.begin(), pass.end());
  CHECK(passes[0] == passes[1]);
  CHECK(passes[1] == passes[2]);
  CHECK(std::adjacent_find(passes[0].begin(), passes[0].end()) == passes[0].end());
  // Without repeat the first pass is the same.
  options.repeat = false;
  CHECK(examples(Task(options, {}), kKey, 0, 20).labels ==
        std::vector<int>(got.labels.begin(), got.labels.begin() + 20));
}

TEST_CASE("lifetime: permutations are fixed in a lifetime and differ between lifetimes") {
  const Task plain(small_fashion(), kShipped);
  TaskOptions options = small_fashion();
  options.permute_pixels = true;
  options.permute_labels = true;
  const Task permuted(options, kShipped);
  std::set<std::vector<int32_t>> pixel_orders;
  std::set<std::vector<int>> label_orders;
  for (uint32_t step = 0; step < 4; ++step) {
    const RngKey key{11, 0, step, 2};
    const Examples before = examples(plain, key, 0, 300), after = examples(permuted, key, 0, 300);
    const std::vector<int32_t> order =
        engine::random_permutation(49, vsml::key_for(key, vsml::RandomPurpose::PixelPermutation));
    pixel_orders.insert(order);
    std::map<int, int> renamed;
    for (int64_t t = 0; t < 300; ++t) {
      const Values from = before.input(t), to = after.input(t);
      for (size_t i = 0; i < 49; ++i) REQUIRE(to[i] == from[static_cast<size_t>(order[i])]);
      const auto at = static_cast<size_t>(t);
      const auto [entry, fresh] = renamed.insert({before.labels[at], after.labels[at]});
      REQUIRE(entry->second == after.labels[at]);
    }
    std::vector<int> label_order;
    for (const auto& [from, to] : renamed) label_order.push_back(to);
    label_orders.insert(label_order);
    REQUIRE(label_order.size() == 10);
    CHECK(std::set<int>(label_order.begin(), label_order.end()).size() == 10);
  }
  CHECK(pixel_orders.size() == 4);
  CHECK(label_orders.size() == 4);
}

TEST_CASE("lifetime: the projection is one matrix per lifetime, with its probability") {
  const Task plain(small_fashion(), kShipped);
  TaskOptions options = small_fashion();
  options.random_projection = 1;
  const Task projected(options, kShipped);
  const Values matrix =
      vsml::random_projection_matrix(49, vsml::key_for(kKey, vsml::RandomPurpose::Projection));
  const Examples before = examples(plain, kKey, 0, 5), after = examples(projected, kKey, 0, 5);
  CHECK(before.labels == after.labels);
  for (int64_t t = 0; t < 5; ++t) {
    for (size_t j = 0; j < 49; ++j) {
      double want = 0;
      for (size_t i = 0; i < 49; ++i) {
        want += static_cast<double>(before.input(t)[i]) * matrix[i * 49 + j];
      }
      CHECK(std::fabs(after.input(t)[j] - want) <= 1e-5);
    }
  }

  for (const double probability : {0.0, 0.25, 1.0}) {
    options.random_projection = probability;
    const Task task(options, kShipped);
    int num_projected = 0;
    for (uint32_t step = 0; step < 400; ++step) {
      const RngKey key{1, 0, step, 0};
      num_projected += examples(task, key, 0, 1) != examples(plain, key, 0, 1) ? 1 : 0;
    }
    const double deviation = std::sqrt(400 * probability * (1 - probability));
    CHECK(std::fabs(num_projected - 400 * probability) <= 4 * deviation);
  }
}

TEST_CASE("task: kept classes are renumbered, the scale is that of the whole training split") {
  TaskOptions options = fashion(Split::Test);
  options.classes = {8, 3};
  const Task task(options, kShipped);
  const auto set = vsml::load_dataset(options, kShipped);
  const auto bags = std::count(set->labels.begin(), set->labels.end(), 8);
  const auto dresses = std::count(set->labels.begin(), set->labels.end(), 3);
  CHECK(task.num_classes() == 2);
  CHECK(task.max_examples() == bags + dresses);
  const Examples got = examples(task, kKey, 0, bags + dresses);
  CHECK(std::count(got.labels.begin(), got.labels.end(), 0) == bags);
  CHECK(std::count(got.labels.begin(), got.labels.end(), 1) == dresses);
  const Examples whole = examples(Task(fashion(Split::Test), kShipped), kKey, 0, 2500);
  std::map<Values, int> label_of;
  for (int64_t t = 0; t < 2500; ++t) {
    label_of[whole.input(t)] = whole.labels[static_cast<size_t>(t)];
  }
  for (int64_t t = 0; t < 50; ++t) {
    REQUIRE(label_of.contains(got.input(t)));
    CHECK(label_of[got.input(t)] == (got.labels[static_cast<size_t>(t)] == 0 ? 8 : 3));
  }
  options.classes = {8, 10};
  CHECK_THROWS_WITH_AS(Task(options, kShipped),
                       "classes: expected some of those in fashion_mnist/test, 0 1 2 3 4 5 6 7 8 "
                       "9, found 10",
                       engine::Error);
}

TEST_CASE("task: random inputs are N(0, 1), labels uniform and unrelated between lifetimes") {
  TaskOptions options = generated("random");
  options.pairs = 5000;
  options.inputs = 8;
  options.num_classes = 4;
  const Task task(options, {});
  CHECK(task.inputs() == 8);
  CHECK(task.num_classes() == 4);
  CHECK(task.max_examples() == 5000);
  const Examples got = examples(task, kKey, 0, 5000);
  double sum = 0, squares = 0;
  for (const float value : got.inputs) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  CHECK(std::fabs(sum / 40000) <= 4 / 200.0);
  CHECK(std::fabs(squares / 40000 - 1) <= 4 * std::sqrt(2.0) / 200);
  for (int label = 0; label < 4; ++label) {
    const auto count = std::count(got.labels.begin(), got.labels.end(), label);
    CHECK(std::fabs(static_cast<double>(count) - 1250) <= 4 * std::sqrt(5000 * 0.25 * 0.75));
  }
}

TEST_CASE("task: sum_sign's label is the sign of the sum, its mean uniform per example") {
  TaskOptions options = generated("sum_sign");
  options.inputs = 400;
  const Task task(options, {});
  CHECK(task.num_classes() == 2);
  CHECK(task.max_examples() == 4294967295);
  const Examples got = examples(task, kKey, 1000000, 500);
  double sum_of_means = 0, square_of_means = 0, within = 0;
  for (int64_t t = 0; t < 500; ++t) {
    const Values input = got.input(t);
    double sum = 0, squares = 0;
    for (const float value : input) {
      sum += value;
      squares += static_cast<double>(value) * value;
    }
    CHECK(got.labels[static_cast<size_t>(t)] == (sum >= 0 ? 1 : 0));
    sum_of_means += sum / 400;
    square_of_means += sum / 400 * (sum / 400);
    within += squares / 400 - sum / 400 * (sum / 400);
  }
  // U(-1, 1) has variance 1/3 and fourth moment 1/5; the mean of 400 values adds 1/400.
  CHECK(std::fabs(sum_of_means / 500) <= 4 * std::sqrt((1 / 3.0 + 1 / 400.0) / 500));
  CHECK(std::fabs(square_of_means / 500 - 1 / 3.0 - 1 / 400.0) <=
        4 * std::sqrt((1 / 5.0 - 1 / 9.0 + 0.01) / 500));
  CHECK(std::fabs(within / 500 - 399 / 400.0) <= 4 * std::sqrt(2.0 / 400 / 500));
}

TEST_CASE("task: options that contradict themselves") {
  const auto check = [](const TaskOptions& options, const std::string& message) {
    CHECK_THROWS_WITH_AS(Task(options, kShipped), message.c_str(), engine::Error);
  };
  TaskOptions options = fashion();
  options.random_projection = 1.5;
  check(options,
        "task fashion_mnist/train: random_projection: expected a probability from 0 to 1, found "
        "1.5");
  options.random_projection = NAN;
  CHECK_THROWS_AS(Task(options, kShipped), engine::Error);
  options = generated("random");
  options.resize = {2, 2};
  check(options, "task random: resize: expected a data set of images, found random");
  options = generated("sum_sign");
  options.pad = 1;
  check(options, "task sum_sign: pad: expected a data set of images, found sum_sign");
  options = generated("random");
  options.classes = {1};
  check(options, "task random: classes: expected a data set of images, found random");
  options = generated("random");
  options.pairs = 0;
  check(options,
        "task random: expected inputs, pairs, num_classes and clusters of at least 1, found 8, 0, "
        "2, 3");
  options = generated("clusters");
  options.draw_classes = 2;
  check(options, "task clusters: draw_classes: expected a data set of images, found clusters");
  options = generated("teacher");
  options.distort = 0.1;
  check(options, "task teacher: distort: expected a data set of images, found teacher");
  options = fashion();
  options.draw_classes = 11;
  check(options,
        "task fashion_mnist/train: draw_classes: expected at most the 10 classes there are, found "
        "11");
  options.draw_classes = -1;
  CHECK_THROWS_AS(Task(options, kShipped), engine::Error);
  options = fashion();
  options.distort = NAN;
  CHECK_THROWS_AS(Task(options, kShipped), engine::Error);
  options = fashion();
  options.pad = -1;
  check(options, "pad: expected a margin from 0 to 65536, found -1");
}
