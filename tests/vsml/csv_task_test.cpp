// Tables as tasks: what a lifetime gives of a CSV file, against its numbers.
#include <cmath>
#include <doctest/doctest.h>
#include <filesystem>
#include <map>

#include "engine/error.h"
#include "tests/temporary_folder.h"
#include "tests/vsml/idx_files.h"
#include "tests/vsml/task_examples.h"

using namespace vsml;
using namespace vsml::test;

namespace {

// Four examples; the second input is always the same.
const std::string kText = "size,same,kind\n1,5,b\n2,5,a\n4,5,c\n9,5,a\n";

TaskOptions table(const engine::test::TemporaryFolder& folder) {
  TaskOptions options;
  options.dataset = "csv";
  options.path = folder.write("kinds.csv", Bytes(kText.begin(), kText.end()));
  return options;
}

std::string failure(const TaskOptions& options) {
  try {
    Task task(options, {});
  } catch (const engine::Error& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("csv task: each column with its own mean and deviation; classes by the alphabet") {
  const engine::test::TemporaryFolder folder;
  const Task task(table(folder), {});
  CHECK(task.name() == "kinds");
  CHECK(task.dims() == TaskDims{2, 3});
  CHECK(task.max_examples() == 4);
  // mean 4, squares 9 + 4 + 0 + 25
  const double deviation = std::sqrt(38.0 / 4);
  const std::map<float, int> kind{{1, 1}, {2, 0}, {4, 2}, {9, 0}};
  std::map<float, int> seen;
  const Examples got = examples(task, kKey, 0, 4);
  for (int64_t t = 0; t < 4; ++t) {
    const Values input = got.input(t);
    const auto size = static_cast<float>(std::round(input[0] * deviation + 4));
    CHECK(input[0] == doctest::Approx((size - 4) / deviation).epsilon(1e-6));
    CHECK(input[1] == 0);
    seen[size] = got.labels[static_cast<size_t>(t)];
  }
  CHECK(seen == kind);

  TaskOptions raw = table(folder);
  raw.standardize = false;
  std::map<float, int> raw_seen;
  const Examples raw_got = examples(Task(raw, {}), kKey, 0, 4);
  for (int64_t t = 0; t < 4; ++t) {
    CHECK(raw_got.input(t)[1] == 5);
    raw_seen[raw_got.input(t)[0]] = raw_got.labels[static_cast<size_t>(t)];
  }
  CHECK(raw_seen == kind);
}

TEST_CASE("csv task: a column that is always the same becomes 0, whatever its mean rounds to") {
  const engine::test::TemporaryFolder folder;
  for (const std::string value : {"0.1", "-0.3", "1.7", "1e-30", "3e38"}) {
    for (const int64_t rows : {1, 3, 7, 49, 150}) {
      CAPTURE(value);
      CAPTURE(rows);
      std::string text = "same,i,kind\n";
      for (int64_t i = 0; i < rows; ++i) {
        text += value + "," + std::to_string(i) + (i % 2 == 0 ? ",a\n" : ",b\n");
      }
      text += value + ",-1,b\n";
      TaskOptions options;
      options.dataset = "csv";
      options.path = folder.write("same" + value + std::to_string(rows) + ".csv",
                                  Bytes(text.begin(), text.end()));
      const Examples got = examples(Task(options, {}), kKey, 0, rows + 1);
      for (int64_t t = 0; t <= rows; ++t) CHECK(got.input(t)[0] == 0);
    }
  }
}

TEST_CASE("csv task: classes are kept, drawn and renumbered") {
  const engine::test::TemporaryFolder folder;
  TaskOptions options = table(folder);
  options.standardize = false;
  options.classes = {2, 0};
  const Task kept(options, {});
  CHECK(kept.dims() == TaskDims{2, 2});
  CHECK(kept.max_examples() == 3);
  const Examples got = examples(kept, kKey, 0, 3);
  for (int64_t t = 0; t < 3; ++t) {
    CHECK(got.labels[static_cast<size_t>(t)] == (got.input(t)[0] == 4 ? 0 : 1));
  }
  options.classes = {};
  options.draw_classes = 2;
  options.repeat = options.permute_labels = options.permute_pixels = true;
  options.random_projection = 1;
  CHECK(examples(Task(options, {}), kKey, 0, 30).labels.size() == 30);
}

TEST_CASE("csv task: what is not for tables, and classes that are not there") {
  const engine::test::TemporaryFolder folder;
  TaskOptions options = table(folder);
  options.pad = 1;
  CHECK(failure(options) == "task kinds: pad: expected a data set of images, found csv");
  options = table(folder);
  options.classes = {3};
  CHECK(failure(options).find("expected some of those in") == 9);
  options = {};
  options.dataset = "csv";
  options.name = "none";
  CHECK(failure(options) == "task none: path: expected that of a table, found none");
}

TEST_CASE("csv task: a table is read once for all tasks that have it") {
  const engine::test::TemporaryFolder folder;
  TaskOptions options = table(folder);
  const Examples first = examples(Task(options, {}), kKey, 0, 4);
  std::filesystem::remove(options.path);
  options.permute_labels = true;
  CHECK(Task(options, {}).dims() == TaskDims{2, 3});
  options.classes = {2, 0};
  CHECK(Task(options, {}).max_examples() == 3);
  options.classes = {};
  options.permute_labels = false;
  CHECK(examples(Task(options, {}), kKey, 0, 4) == first);
  options.csv.header = CsvHeader::Yes;  // another table
  CHECK(failure(options).find("No such file") != std::string::npos);
}
