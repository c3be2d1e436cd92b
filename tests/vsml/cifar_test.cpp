// CIFAR-10's binary version: what is read, where it is found, what is refused, and what a task
// makes of images with three channels.
#include "vsml/tasks/cifar.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <filesystem>
#include <functional>

#include "engine/error.h"
#include "tests/temporary_folder.h"
#include "tests/vsml/idx_files.h"
#include "tests/vsml/task_examples.h"
#include "vsml/tasks/load_dataset.h"

using engine::IoError;
using engine::test::TemporaryFolder;
using vsml::Dataset;
using vsml::Split;
using vsml::Task;
using vsml::TaskOptions;
using namespace vsml::test;

namespace {

constexpr size_t kPlane = 1024;

// Any bytes that differ from pixel to pixel, plane to plane and image to image.
uint8_t pixel(size_t image, size_t channel, size_t at) {
  return static_cast<uint8_t>(at * 7 + at / 32 * 3 + channel * 83 + image * 29);
}

// Images first, first + 1, ..., of labels (image number) mod 10.
Bytes records(size_t first, size_t count) {
  Bytes bytes;
  for (size_t i = first; i < first + count; ++i) {
    bytes.push_back(static_cast<uint8_t>(i % 10));
    for (size_t c = 0; c < 3; ++c) {
      for (size_t at = 0; at < kPlane; ++at) bytes.push_back(pixel(i, c, at));
    }
  }
  return bytes;
}

// Files of 4 images each; the third is compressed.
void write_set(const TemporaryFolder& folder, const std::string& place) {
  for (size_t k = 0; k < 5; ++k) {
    const std::string name = place + "/data_batch_" + std::to_string(k + 1) + ".bin";
    const Bytes bytes = records(4 * k, 4);
    folder.write(name + (k == 2 ? ".gz" : ""), k == 2 ? gzip(bytes) : bytes);
  }
  folder.write(place + "/test_batch.bin", records(20, 4));
}

TaskOptions cifar(Split split = Split::Train) {
  TaskOptions options;
  options.dataset = "cifar10";
  options.split = split;
  return options;
}

std::string failure(const std::function<void()>& read) {
  try {
    read();
  } catch (const IoError& error) {
    return error.what();
  }
  return "no error";
}

// The number of the image that an example without any transform is.
size_t image_of(float first_pixel) {
  const auto byte = static_cast<uint8_t>(std::lround(first_pixel * 255));
  size_t i = 0;
  while (pixel(i, 0, 0) != byte) ++i;
  REQUIRE(i < 24);
  return i;
}

}  // namespace

TEST_CASE("cifar10: labels and planes of all files, in their order") {
  const TemporaryFolder folder;
  write_set(folder, "c/cifar10");
  const auto train = vsml::load_dataset(cifar(), {{folder / "c"}});
  REQUIRE(train->count == 20);
  CHECK(train->channels == 3);
  CHECK(train->height == 32);
  CHECK(train->width == 32);
  CHECK(train->num_classes == 10);
  REQUIRE(train->pixels.size() == 20 * 3 * kPlane);
  size_t wrong = 0;
  for (size_t i = 0; i < 20; ++i) {
    CHECK(train->labels[i] == static_cast<int32_t>(i % 10));
    for (size_t c = 0; c < 3; ++c) {
      for (size_t at = 0; at < kPlane; ++at) {
        wrong += train->pixels[(i * 3 + c) * kPlane + at] != pixel(i, c, at) ? 1 : 0;
      }
    }
  }
  CHECK(wrong == 0);
  const auto test = vsml::load_dataset(cifar(Split::Test), {{folder / "c"}});
  CHECK(test->count == 4);
  CHECK(test->pixels[0] == pixel(20, 0, 0));
  CHECK(vsml::load_dataset(cifar(), {{folder / "c"}}) == train);
}

TEST_CASE("cifar10: where it is found, and what is said when a part is missing") {
  const TemporaryFolder folder;
  for (const std::string place : {"a/cifar10", "b/cifar-10-batches-bin", "c"}) {
    write_set(folder, place);
    CHECK(vsml::load_dataset(cifar(), {{folder / place.substr(0, 1)}})->count == 20);
  }
  CHECK(
      failure([&] { vsml::load_dataset(cifar(Split::Test), {{folder / "none"}}); }) ==
      "data set cifar10: expected test_batch.bin[.gz] in the folder cifar-10-batches-bin, found no "
      "such folder in: " +
          (folder / "none"));
  std::filesystem::remove(folder / "c/data_batch_4.bin");
  CHECK(failure([&] { vsml::load_dataset(cifar(), {{folder / "c"}}); }) ==
        folder / "c" +
            ": expected data_batch_4.bin[.gz] of cifar10, found only other files of the "
            "set");
}

TEST_CASE("cifar10: files that are none") {
  const TemporaryFolder folder;
  const auto refused = [&](const Bytes& bytes, const std::string& rest) {
    CAPTURE(rest);
    for (const bool packed : {false, true}) {
      const std::string path = folder.write("batch.bin", packed ? gzip(bytes) : bytes);
      CHECK(failure([&] { vsml::read_cifar10({path}); }) == path + ":" + rest);
    }
  };
  const Bytes good = records(0, 4);
  refused({}, "0x0: cifar10 size: expected a multiple of 3073 bytes, found 0");
  refused(Bytes(good.begin(), good.end() - 1),
          "0x2403: cifar10 size: expected a multiple of 3073 bytes, found 12291");
  refused(good + Bytes{0}, "0x3004: cifar10 size: expected a multiple of 3073 bytes, found 12293");
  Bytes eleven = good;
  eleven[2 * 3073] = 10;
  refused(eleven, "0x1802: cifar10 label[2]: expected below 10, found 10");
  refused(Bytes(2 * 3074),
          "0x1802: cifar10 size: expected a multiple of 3073 bytes, found 6148: that of CIFAR-100");
  Bytes tar(10240);
  std::copy_n("ustar", 5, tar.begin() + 257);
  refused(tar, "0x0: cifar10 file: expected records of 3073 bytes, found a tar archive");
  const Bytes packed = gzip(good);
  const std::string cut =
      folder.write("batch.bin", Bytes(packed.begin(), packed.begin() + packed.size() / 2));
  CHECK(failure([&] { vsml::read_cifar10({cut}); }).find("gzip: expected") != std::string::npos);
  CHECK(failure([&] { vsml::read_cifar10({folder / "none"}); }).find("No such file") !=
        std::string::npos);
}

TEST_CASE("cifar10: resize, pad and standardise, plane by plane") {
  const TemporaryFolder folder;
  write_set(folder, "cifar10");
  TaskOptions options = cifar();
  options.standardize = false;
  const vsml::DataFolders where = {{folder.path()}};
  const Task plain(options, where);
  CHECK(plain.dims().image == vsml::ImageShape{3, 32, 32});
  const Examples raw = examples(plain, kKey, 0, 20);
  options.resize = {16, 8};
  options.pad = 1;
  options.standardize = true;
  const Task task(options, where);
  CHECK(task.dims().image == vsml::ImageShape{3, 18, 10});
  CHECK(task.inputs() == 3 * 18 * 10);
  const Examples got = examples(task, kKey, 0, 20);

  // Areas of 2 x 4 pixels, averaged in double; one mean and one deviation over all channels.
  const auto area = [](size_t image, size_t channel, size_t y, size_t x) {
    double sum = 0;
    for (size_t dy = 0; dy < 2; ++dy) {
      for (size_t dx = 0; dx < 4; ++dx) {
        sum += pixel(image, channel, (2 * y + dy) * 32 + 4 * x + dx) / 255.0;
      }
    }
    return sum / 8;
  };
  double sum = 0, squares = 0;
  for (size_t i = 0; i < 20; ++i) {
    for (size_t k = 0; k < 3 * 16 * 8; ++k) {
      const double value = area(i, k / 128, k % 128 / 8, k % 8);
      sum += value;
      squares += value * value;
    }
  }
  constexpr double kCount = 20 * 3 * 16 * 8;
  const double mean = sum / kCount, deviation = std::sqrt(squares / kCount - mean * mean);
  double worst = 0;
  for (int64_t t = 0; t < 20; ++t) {
    const size_t image = image_of(raw.input(t)[0]);
    CHECK(got.labels[static_cast<size_t>(t)] == static_cast<int>(image % 10));
    const Values input = got.input(t);
    for (size_t k = 0; k < input.size(); ++k) {
      const size_t y = k % 180 / 10, x = k % 10;
      const bool margin = y == 0 || y == 17 || x == 0 || x == 9;
      const double want = margin ? 0 : area(image, k / 180, y - 1, x - 1);
      worst = std::max(worst, std::fabs(input[k] - (want - mean) / deviation));
    }
  }
  CHECK(worst < 1e-5);  // of values up to 2 in single precision
}

TEST_CASE("cifar10: distort moves all planes of an image alike, each as an image of its own") {
  const TemporaryFolder folder;
  write_set(folder, "cifar10");
  TaskOptions options = cifar();
  options.standardize = false;
  options.distort = 0.3;
  const Examples got = examples(Task(options, {{folder.path()}}), kKey, 0, 20);
  bool moved = false;
  for (size_t c = 0; c < 3; ++c) {
    // The channel as a set of grey images.
    Bytes pixels, labels;
    for (size_t i = 0; i < 20; ++i) {
      labels.push_back(static_cast<uint8_t>(i % 10));
      for (size_t at = 0; at < kPlane; ++at) pixels.push_back(pixel(i, c, at));
    }
    TaskOptions grey = options;
    grey.dataset = "idx";
    const std::string name = "grey" + std::to_string(c);
    grey.images = folder.write(name + "-images", idx_header({20, 32, 32}) + pixels);
    grey.labels = folder.write(name + "-labels", idx_header({20}) + labels);
    const Examples want = examples(Task(grey, {}), kKey, 0, 20);
    grey.distort = 0;
    const Examples unmoved = examples(Task(grey, {}), kKey, 0, 20);
    for (int64_t t = 0; t < 20; ++t) {
      const Values input = got.input(t);
      const auto begin = input.begin() + static_cast<std::ptrdiff_t>(c * kPlane);
      CHECK(Values(begin, begin + kPlane) == want.input(t));
      moved = moved || want.input(t) != unmoved.input(t);
    }
  }
  CHECK(moved);
}
