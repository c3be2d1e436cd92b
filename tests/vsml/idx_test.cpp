// IDX files: what is read, and that each malformed file is refused with a message that says why.
#include "vsml/tasks/idx.h"

#include <cstdio>
#include <doctest/doctest.h>
#include <functional>
#include <string>
#include <sys/stat.h>

#include "engine/error.h"
#include "tests/temporary_folder.h"
#include "tests/vsml/idx_files.h"
#include "vsml/tasks/load_dataset.h"

using engine::IoError;
using engine::test::TemporaryFolder;

namespace {

// Reading must fail with an IoError whose text is exactly PATH:`rest`.
void check_refused(const std::string& path, const std::function<void()>& read,
                   const std::string& rest) {
  CAPTURE(rest);
  std::string found = "no error";
  try {
    read();
  } catch (const IoError& error) {
    found = error.what();
  }
  CHECK(found == path + ":" + rest);
}

void check_images_refused(const TemporaryFolder& folder, const Bytes& bytes,
                          const std::string& rest) {
  const std::string path = folder.write("images", bytes);
  check_refused(
      path, [&] { vsml::read_idx_images(path); }, rest);
}

bool refused(const std::string& path) {
  try {
    vsml::read_idx_images(path);
    return false;
  } catch (const IoError& error) {
    return std::string(error.what()).starts_with(path + ":") &&
           std::string(error.what()).find("expected") != std::string::npos &&
           std::string(error.what()).find("found") != std::string::npos;
  }
}

vsml::TaskOptions idx_options(const std::string& images, const std::string& labels) {
  vsml::TaskOptions options;
  options.dataset = "idx";
  options.images = images;
  options.labels = labels;
  return options;
}

const Bytes kImages = idx_header({3, 2, 4}) + counting(24, 100);
const Bytes kLabels = idx_header({3}) + Bytes{2, 0, 1};

}  // namespace

TEST_CASE("idx: images and labels, plain and gzip under any name") {
  const TemporaryFolder folder;
  for (const std::string name : {"plain", "plain.gz"}) {
    for (const bool packed : {false, true}) {
      CAPTURE(name);
      CAPTURE(packed);
      const std::string images = folder.write(name, packed ? gzip(kImages) : kImages);
      const vsml::IdxImages got = vsml::read_idx_images(images);
      CHECK(got.count == 3);
      CHECK(got.height == 2);
      CHECK(got.width == 4);
      CHECK(got.pixels == counting(24, 100));
      const std::string labels = folder.write("l" + name, packed ? gzip(kLabels) : kLabels);
      CHECK(vsml::read_idx_labels(labels) == Bytes{2, 0, 1});
    }
  }
}

TEST_CASE("idx: a large gzip file is read whole") {
  const TemporaryFolder folder;
  const Bytes pixels = counting(5000 * 28 * 28);
  const std::string path = folder.write("i", gzip(idx_header({5000, 28, 28}) + pixels));
  CHECK(vsml::read_idx_images(path).pixels == pixels);
}

TEST_CASE("idx: zero dimensions are legal, also beside huge ones") {
  const TemporaryFolder folder;
  for (const bool packed : {false, true}) {
    const Bytes bytes = idx_header({0, 0xffffffff, 0xffffffff});
    const std::string path = folder.write("zero", packed ? gzip(bytes) : bytes);
    const vsml::IdxImages got = vsml::read_idx_images(path);
    CHECK(got.count == 0);
    CHECK(got.height == 4294967295);
    CHECK(got.pixels.empty());
  }
}

TEST_CASE("idx: malformed headers") {
  const TemporaryFolder folder;
  const auto check = [&](const Bytes& bytes, const std::string& rest) {
    check_images_refused(folder, bytes, rest);
    check_images_refused(folder, gzip(bytes), rest);
  };
  check({'P', 'K', 3, 4}, "0x0: idx magic: expected 0x0000, found 0x504b");
  check({0, 1, 8, 3}, "0x0: idx magic: expected 0x0000, found 0x0001");
  for (const int type : {0, 9, 11, 12, 13, 14, 255}) {
    const std::string found = type == 0     ? "0x00"
                              : type == 9   ? "0x09"
                              : type == 255 ? "0xff"
                                            : "0x0" + std::string(1, "bcde"[type - 11]);
    check(idx_header({3, 2, 4}, static_cast<uint8_t>(type)) + counting(24),
          "0x2: idx type: expected 0x08 (unsigned byte), found " + found);
  }
  check({0, 0, 8, 0}, "0x3: idx rank: expected 3 (images), found 0");
  check(Bytes{0, 0, 8, 255} + Bytes(1020), "0x3: idx rank: expected 3 (images), found 255");
  check(idx_header({3}) + Bytes{1, 2, 3}, "0x3: idx rank: expected 3 (images), found 1");
  check({}, "0x0: idx magic: expected 4 bytes, found 0");
  check({0, 0}, "0x0: idx magic: expected 4 bytes, found 2");
  check({0, 0, 8, 3, 0, 0, 0, 1, 7}, "0x8: idx dim[1]: expected 4 bytes, found 1");
}

TEST_CASE("idx: sizes that the file does not hold are refused before memory is taken") {
  const TemporaryFolder folder;
  check_images_refused(folder, idx_header({0xffffffff, 0xffffffff, 0xffffffff}),
                       "0x4: idx dim[0]: expected at most 1099511627776 bytes of elements, found "
                       "4294967295 x 4294967295 x 4294967295");
  // 2^32 x 2^31 x 2 would be 0 modulo 2^64.
  check_images_refused(folder, idx_header({0x80000000, 0x80000000, 4}),
                       "0x4: idx dim[0]: expected at most 1099511627776 bytes of elements, found "
                       "2147483648 x 2147483648 x 4");
  const Bytes terabyte = idx_header({1024, 1024, 1048576});
  const std::string declared = "1024 x 1024 x 1048576 = 1099511627776 bytes of elements";
  check_images_refused(folder, terabyte + counting(24),
                       "0x4: idx dim[0]: expected " + declared + ", found 24");
  const Bytes packed = gzip(terabyte + counting(24));
  check_images_refused(folder, packed,
                       "0x4: idx dim[0]: expected " + declared + ", found at most " +
                           std::to_string(packed.size() * 1032 - 16));
}

TEST_CASE("idx: contents shorter and longer than declared") {
  const TemporaryFolder folder;
  const std::string declared = "0x4: idx dim[0]: expected 3 x 2 x 4 = 24 bytes of elements, found ";
  const Bytes short_file = idx_header({3, 2, 4}) + counting(23);
  check_images_refused(folder, short_file, declared + "23");
  check_images_refused(folder, gzip(short_file), declared + "23");
  const Bytes long_file = kImages + Bytes{0};
  check_images_refused(folder, long_file, declared + "25");
  check_images_refused(folder, gzip(long_file), declared + "25 or more");
  const Bytes longer_file = kImages + kImages;
  check_images_refused(folder, longer_file, declared + "64");
  check_images_refused(folder, gzip(longer_file), declared + "25 or more");
}

TEST_CASE("idx: truncation at every byte, plain and gzip") {
  const TemporaryFolder folder;
  for (const Bytes& whole : {kImages, gzip(kImages)}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      const std::string path = folder.write(
          "cut", Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
      CHECK(refused(path));
    }
  }
}

TEST_CASE("idx: every flipped bit of a gzip file's checksum and length is found") {
  const TemporaryFolder folder;
  const Bytes whole = gzip(kImages);
  for (size_t i = whole.size() - 8; i < whole.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes damaged = whole;
      damaged[i] = static_cast<uint8_t>(damaged[i] ^ (1 << bit));
      CHECK(refused(folder.write("damaged", damaged)));
    }
  }
}

TEST_CASE("idx: gzip streams that are nested, repeated or followed by garbage") {
  const TemporaryFolder folder;
  check_images_refused(folder, gzip(gzip(kImages)),
                       "0x0: idx magic: expected 0x0000, found 0x1f8b: gzip inside gzip");
  const Bytes packed = gzip(kImages);
  char place[32];
  std::snprintf(place, sizeof place, "0x%zx", packed.size());
  const std::string behind = std::string(place) +
                             ": gzip: expected the end of the file, found more bytes behind the "
                             "stream";
  check_images_refused(folder, packed + Bytes{0}, behind);
  check_images_refused(folder, packed + packed, behind);
  check_images_refused(folder, packed + gzip({}), behind);
}

TEST_CASE("idx: a bomb is refused without being inflated") {
  // After a full flush deflate starts afresh, so that one packed block can be repeated: 4 MiB that
  // inflate to 4 GiB, behind a header that declares 3 images. That it stops early is seen from the
  // damaged end, which reading on would report instead.
  const TemporaryFolder folder;
  Bytes bomb = gzip(kImages, Z_FULL_FLUSH);
  const Bytes zeros = gzip(Bytes(1 << 20), Z_FULL_FLUSH);
  const Bytes block(zeros.begin() + 10, zeros.end());  // without the gzip header
  for (int i = 0; i < 4096; ++i) bomb.insert(bomb.end(), block.begin(), block.end());
  bomb = bomb + Bytes{0xff, 0xff, 0xff};
  check_images_refused(folder, bomb,
                       "0x4: idx dim[0]: expected 3 x 2 x 4 = 24 bytes of elements, found 25 or "
                       "more");
}

TEST_CASE("idx: only regular files are opened") {
  const TemporaryFolder folder;
  const auto check = [](const std::string& path, const std::string& rest) {
    check_refused(
        path, [&] { vsml::read_idx_images(path); }, rest);
    check_refused(
        path, [&] { vsml::read_idx_labels(path); }, rest);
  };
  check(folder / "missing", " expected a readable file, found: No such file or directory");
  check(folder / "", " expected a regular file, found a directory");
  const std::string fifo = folder / "fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  check(fifo, " expected a regular file, found a FIFO");
  check("/dev/zero", " expected a regular file, found a device");
}

TEST_CASE("idx: control characters in a path do not reach the message") {
  const TemporaryFolder folder;
  try {
    vsml::read_idx_images(folder / "a\x1b[31m");
    FAIL("no error");
  } catch (const IoError& error) {
    CHECK(std::string(error.what()).find("a\\x1b[31m:") != std::string::npos);
  }
}

TEST_CASE("load_dataset: pairs of files that do not belong together") {
  const TemporaryFolder folder;
  const std::string images = folder.write("images", kImages);
  const std::string labels = folder.write("labels", kLabels);
  const std::string few = folder.write("few", idx_header({2}) + Bytes{1, 0});
  const auto load = [](const std::string& i, const std::string& l) {
    return [=] { vsml::load_dataset(idx_options(i, l), {}); };
  };
  check_refused(
      few, load(images, few),
      "0x4: idx dim[0]: expected 3 labels, one for each image of " + images + ", found 2");
  check_refused(labels, load(labels, images), "0x3: idx rank: expected 3 (images), found 1");
  check_refused(images, load(images, images), "0x3: idx rank: expected 1 (labels), found 3");
  const std::string none = folder.write("none", idx_header({0, 2, 4}));
  const std::string no_label = folder.write("no_label", idx_header({0}));
  check_refused(none, load(none, no_label),
                "0x4: idx dim[0]: expected images of at least one pixel, found 0 x 2 x 4");
  const std::string flat = folder.write("flat", idx_header({3, 0, 4}));
  check_refused(flat, load(flat, labels),
                "0x4: idx dim[0]: expected images of at least one pixel, found 3 x 0 x 4");
  CHECK_THROWS_WITH_AS(load(images, "")(),
                       "data set idx: expected the paths images and labels, found none for labels",
                       engine::Error);
}

TEST_CASE("load_dataset: idx files are read once and shared") {
  const TemporaryFolder folder;
  const vsml::TaskOptions options =
      idx_options(folder.write("images", kImages), folder.write("labels", kLabels));
  const auto set = vsml::load_dataset(options, {});
  CHECK(set->count == 3);
  CHECK(set->height == 2);
  CHECK(set->width == 4);
  CHECK(set->image_size() == 8);
  CHECK(set->pixels == counting(24, 100));
  CHECK(set->labels == std::vector<int32_t>{2, 0, 1});
  CHECK(set->num_classes == 3);
  CHECK(vsml::load_dataset(options, {}) == set);
}

TEST_CASE("load_dataset: named sets, where they are found and what is said when not") {
  const TemporaryFolder folder;
  const auto write_set = [&](const std::string& place, uint8_t first_pixel, bool packed) {
    const std::string ending = packed ? ".gz" : "";
    const Bytes images = idx_header({3, 2, 4}) + counting(24, first_pixel);
    folder.write(place + "/train-images-idx3-ubyte" + ending, packed ? gzip(images) : images);
    folder.write(place + "/train-labels-idx1-ubyte" + ending, packed ? gzip(kLabels) : kLabels);
  };
  write_set("first/mnist", 1, false);
  write_set("second/mnist", 2, true);
  write_set("second/fashion-mnist", 3, true);
  write_set("direct", 4, false);
  vsml::TaskOptions options;
  const auto first_pixel = [&](const std::string& dataset, std::vector<std::string> folders) {
    options.dataset = dataset;
    return int{vsml::load_dataset(options, {std::move(folders)})->pixels[0]};
  };
  const std::string first = folder / "first", second = folder / "second";
  const std::string direct = folder / "direct", missing = folder / "missing";
  CHECK(first_pixel("mnist", {missing, first, second}) == 1);
  CHECK(first_pixel("mnist", {second, first}) == 2);
  CHECK(first_pixel("fashion_mnist", {first, second}) == 3);
  CHECK(first_pixel("kmnist", {first, direct}) == 4);

  check_refused(
      "data set emnist",
      [&] {
        first_pixel("emnist", {first, second});
      },
      " expected train-images-idx3-ubyte[.gz] and train-labels-idx1-ubyte[.gz] in the "
      "folder emnist, found no such folder in: " +
          first + ", " + second);
  try {
    first_pixel("fashion_mnist", {first});
    FAIL("no error");
  } catch (const IoError& error) {
    CHECK(error.hint().find("dataset-fashion-mnist") != std::string::npos);
  }
  options.split = vsml::Split::Test;
  check_refused(
      first + "/mnist",
      [&] {
        first_pixel("mnist", {first, second});
      },
      " expected t10k-images-idx3-ubyte[.gz] of mnist, found only other files of the "
      "set");
  CHECK_THROWS_WITH_AS(first_pixel("fashion", {first}),
                       "data set: expected fashion_mnist, mnist, kmnist, emnist, emnist_balanced, "
                       "emnist_byclass, emnist_bymerge, emnist_digits, emnist_letters, "
                       "emnist_mnist, omniglot, digits, letter, satellite, cifar10, idx or "
                       "omniglot_images, found \"fashion\"",
                       engine::Error);
}

TEST_CASE("load_dataset: parts of EMNIST under their published names") {
  const TemporaryFolder folder;
  folder.write("gzip/emnist-letters-train-images-idx3-ubyte.gz", gzip(kImages));
  folder.write("gzip/emnist-letters-train-labels-idx1-ubyte.gz", gzip(kLabels));
  folder.write("gzip/emnist-letters-test-images-idx3-ubyte", kImages);
  folder.write("gzip/emnist-letters-test-labels-idx1-ubyte", kLabels);
  vsml::TaskOptions options;
  options.dataset = "emnist_letters";
  for (const vsml::Split split : {vsml::Split::Train, vsml::Split::Test}) {
    options.split = split;
    CHECK(vsml::load_dataset(options, {{folder / "gzip"}})->count == 3);
  }
  options.dataset = "emnist_digits";
  check_refused(
      "data set emnist_digits", [&] { vsml::load_dataset(options, {{folder / "gzip"}}); },
      " expected emnist-digits-test-images-idx3-ubyte[.gz] and "
      "emnist-digits-test-labels-idx1-ubyte[.gz] in the folder emnist_digits, found no such folder "
      "in: " +
          (folder / "gzip"));
}

TEST_CASE("load_dataset: a label beyond the classes of a named set") {
  const TemporaryFolder folder;
  folder.write("mnist/train-images-idx3-ubyte", kImages);
  const std::string labels =
      folder.write("mnist/train-labels-idx1-ubyte", idx_header({3}) + Bytes{9, 10, 255});
  vsml::TaskOptions options;
  options.dataset = "mnist";
  check_refused(
      labels, [&] { vsml::load_dataset(options, {{folder / ""}}); },
      "0x9: idx label[1]: expected below 10, found 10");
}

TEST_CASE("load_dataset: the shipped part of Fashion-MNIST") {
  vsml::TaskOptions options;
  options.dataset = "fashion_mnist";
  const vsml::DataFolders where = {{VSML_DATA_DIR}};
  const auto train = vsml::load_dataset(options, where);
  CHECK(train->name == "fashion_mnist/train");
  CHECK(train->count == 8000);
  CHECK(train->height == 28);
  CHECK(train->width == 28);
  CHECK(train->num_classes == 10);
  const std::vector<int32_t> first(train->labels.begin(), train->labels.begin() + 8);
  CHECK(first == std::vector<int32_t>{9, 0, 0, 3, 0, 2, 7, 2});
  options.split = vsml::Split::Test;
  const auto test = vsml::load_dataset(options, where);
  CHECK(test->count == 2500);
  CHECK(test->num_classes == 10);
  CHECK(test->pixels.size() == 2500 * 784);
}
