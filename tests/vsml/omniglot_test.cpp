// Omniglot as published: what is read of folders and archives, and what is refused.
#include "vsml/tasks/omniglot.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <map>
#include <set>

#include "engine/error.h"
#include "tests/temporary_folder.h"
#include "tests/vsml/image_archives.h"
#include "tests/vsml/task_examples.h"
#include "vsml/tasks/png.h"

using engine::IoError;
using engine::test::TemporaryFolder;
using vsml::Dataset;
using namespace vsml::test;

namespace {

// 3 x 10 pixels, white but for one.
Bytes image(int black) {
  Bytes pixels(30, 1);
  pixels[static_cast<size_t>(black)] = 0;
  return bit_png(3, 10, pixels);
}

// Two alphabets; the folders are not in order, and "a-b" comes before "a/..." in the order of
// whole names but after "a" in that of folders.
const std::vector<std::pair<std::string, int>> kFiles = {
    {"top/Greek/character02/0002_01.png", 5},
    {"top/Greek/character01/0001_02.png", 4},
    {"top/Greek/character01/0001_01.png", 3},
    {"top/Greek/character01-b/0009_01.png", 7},
    {"top/Balinese/character01/0008_01.png", 9}};

// Of the images in the order of their names: the black pixel and the class.
const std::vector<std::pair<int, int>> kWant = {{9, 0}, {7, 2}, {3, 1}, {4, 1}, {5, 3}};

std::vector<ZipEntry> entries() {
  std::vector<ZipEntry> all{{"top/", {}}, {"top/Greek/", {}}, {"__MACOSX/x", {}}, {"top/.x", {}}};
  bool packed = false;
  for (const auto& [name, black] : kFiles) {
    all.push_back({name, image(black), packed});
    packed = !packed;
  }
  return all;
}

void check_read(const Dataset& set) {
  REQUIRE(set.count == 5);
  CHECK(set.height == 3);
  CHECK(set.width == 10);
  CHECK(set.channels == 1);
  CHECK(set.num_classes == 4);
  for (size_t k = 0; k < 5; ++k) {
    CAPTURE(k);
    Bytes pixels(30, 0);
    pixels[static_cast<size_t>(kWant[k].first)] = 255;
    CHECK(Bytes(set.pixels.begin() + static_cast<std::ptrdiff_t>(k) * 30,
                set.pixels.begin() + static_cast<std::ptrdiff_t>(k) * 30 + 30) == pixels);
    CHECK(set.labels[k] == kWant[k].second);
  }
}

std::string failure(const std::string& path) {
  try {
    vsml::read_omniglot(path);
  } catch (const IoError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("omniglot: an archive and its folders are read alike, ink is high") {
  const TemporaryFolder folder;
  check_read(vsml::read_omniglot(folder.write("o.zip", zip_of(entries()))));
  for (const auto& [name, black] : kFiles) folder.write("unpacked/" + name, image(black));
  folder.write("unpacked/.hidden/notes", {1});
  check_read(vsml::read_omniglot(folder / "unpacked"));
  std::filesystem::create_directory_symlink("..", folder / "unpacked/loop");
  CHECK(failure(folder / "unpacked") ==
        folder / "unpacked/loop" + ": expected *.png, found another file");
}

TEST_CASE("png: every grey depth") {
  const auto decoded = [](const Bytes& rows, uint8_t depth) {
    const Bytes file = png_of_rows(1, 4, Bytes{0} + rows, {depth, 0});
    return vsml::decode_png(std::string(file.begin(), file.end()), "p", "").pixels;
  };
  CHECK(decoded({0xa0}, 1) == Bytes{255, 0, 255, 0});
  CHECK(decoded({0x1b}, 2) == Bytes{0, 85, 170, 255});
  CHECK(decoded({0x0f, 0x3c}, 4) == Bytes{0, 255, 51, 204});
  CHECK(decoded({0, 1, 128, 255}, 8) == Bytes{0, 1, 128, 255});
}

TEST_CASE("omniglot: an image of another size than the first") {
  const TemporaryFolder folder;
  std::vector<ZipEntry> all = entries();
  all[6].content = bit_png(10, 3, Bytes(30));
  const std::string path = folder.write("o.zip", zip_of(all));
  CHECK(failure(path) == path +
                             ":top/Greek/character01/0001_01.png: png: expected 3 x 10 pixels, as "
                             "top/Balinese/character01/0008_01.png has, found 10 x 3");
}

TEST_CASE("omniglot: damaged images") {
  const TemporaryFolder folder;
  const auto refused = [&](const Bytes& file, const std::string& problem) {
    CAPTURE(problem);
    std::vector<ZipEntry> all = entries();
    all[6].content = file;
    all[6].packed = true;
    const std::string path = folder.write("o.zip", zip_of(all));
    const std::string found = failure(path);
    CAPTURE(found);
    CHECK(found.starts_with(path + ":top/Greek/character01/0001_01.png: png: expected " + problem));
    const std::string plain = folder.write("f/c/a.png", file);
    CHECK(failure(folder / "f").starts_with(plain + ": png: expected " + problem));
  };
  const Bytes good = image(3);
  refused({}, "an image, found ");
  refused(bytes_of("GIF89a and more than eight bytes"), "an image, found ");
  refused(Bytes(good.begin(), good.begin() + 20), "an image, found ");
  refused(Bytes(good.begin(), good.begin() + 45), "an undamaged image, found ");
  refused(png_of_rows(0, 10, {}), "an image, found ");
  refused(png_of_rows(0x7fffffff, 0x7fffffff, {0}), "an image, found ");
  refused(png_of_rows(65536, 65536, {0}), "sides of at most 1024 pixels, found 65536 x 65536");
  refused(png_of_rows(1024, 1024, {0}), "at most ");
  refused(png_of_rows(3, 10, Bytes(8)), "an undamaged image, found ");
  refused(png_of_rows(1, 1, Bytes(4), {8, 2}), "grey pixels, found colours");
  refused(png_of_rows(1, 1, Bytes(3), {8, 4}), "opaque pixels, found an alpha channel");
  refused(png_of_rows(1, 1, Bytes(3), {16, 0}), "at most 8 bits per pixel, found 16");
  Bytes flipped = good;
  flipped[good.size() - 12 - 6] ^= 1;  // the checksum of the pixels
  refused(flipped, "an undamaged image, found ");
}

TEST_CASE("omniglot: archives that are made to do damage") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::vector<ZipEntry>& all, const std::string& rest) {
    CAPTURE(rest);
    const std::string path = folder.write("o.zip", zip_of(all));
    const std::string found = failure(path);
    CAPTURE(found);
    CHECK(found.starts_with(path + rest));
  };
  const auto with = [&](const ZipEntry& entry) {
    std::vector<ZipEntry> all = entries();
    all.push_back(entry);
    return all;
  };
  const Bytes good = image(3);
  for (const std::string name : {"../a/b.png", "a/../../b.png", "/etc/b.png", "a\\..\\b.png"}) {
    refused(with({name, good}),
            ":" + name + ": zip: expected a name within the archive, found one that leads out");
  }
  refused(with({"a/b.png", good, false, 1}), ":a/b.png: zip: expected an open entry");
  refused(with({"a/b.txt", good}), ":a/b.txt: zip: expected *.png, found another file");
  refused(with({"b.png", good}), ":b.png: expected CHARACTER/NAME.png, found no folder");
  refused(with({"a/b.png", good, true, 0, 0xfffffff0}),
          ":a/b.png: zip: expected at most 1048576 bytes, found 4294967280");
  refused(with({"a/b.png", Bytes(1 << 22), true, 0, 100}), ":a/b.png: zip: expected ");
  refused(with({"a/b.png", good, true, 0, 1000}), ":a/b.png: zip: expected ");
  refused(with({"a/b.png", good, true, 0, 0, 1}), ":a/b.png: zip: expected an undamaged entry");
  refused({{"top/", {}}}, ": expected files *.png, found none");
  refused({{"a/\xc3\xa9/b.png", {}}}, ":a/\xc3\xa9/b.png: png: expected an image");
  refused({}, ": ");
  refused({{"a/b.png", good}, {"a/b.png", good}}, ":");
}

TEST_CASE("omniglot: files that are no archives") {
  const TemporaryFolder folder;
  const Bytes good = zip_of(entries());
  const auto refused = [&](const Bytes& file, const std::string& part) {
    CAPTURE(part);
    const std::string path = folder.write("o.zip", file);
    const std::string found = failure(path);
    CAPTURE(found);
    CHECK(found.starts_with(path + ":"));
    CHECK(found.find(part) != std::string::npos);
  };
  refused({}, "expected a folder or a zip archive");
  refused(gzip(good), "expected a folder or a zip archive");
  refused(Bytes(good.begin(), good.end() - 30), "expected an undamaged archive");
  refused(Bytes(good.begin(), good.begin() + 100), "expected an undamaged archive");
  Bytes many = good;
  many[good.size() - 22 + 10] = 0xff;  // entries that the end record declares
  refused(many, "expected an undamaged archive");
  std::filesystem::create_directory(folder / "empty");
  CHECK(failure(folder / "empty") == folder / "empty" + ": expected files *.png, found none");
  CHECK(failure(folder / "none").starts_with(folder / "none" + ":"));
}

TEST_CASE("omniglot: as a task, resized and with classes drawn") {
  const TemporaryFolder folder;
  std::vector<ZipEntry> all;
  for (int c = 0; c < 300; ++c) {  // more classes than a byte counts
    for (int k = 0; k < 2; ++k) {
      // Class in the place of the ink: 20 x 30 pixels, ink in a block of 2 x 2 that becomes one.
      Bytes pixels(600, 1);
      const int block = c % 150, y = block / 15 * 2, x = block % 15 * 2;
      for (const int at : {y * 30 + x, y * 30 + x + 1, y * 30 + x + 30, y * 30 + x + 31}) {
        pixels[static_cast<size_t>(at)] = 0;
      }
      all.push_back({"a/c" + std::to_string(1000 + c) + "/" + std::to_string(k) + ".png",
                     bit_png(20, 30, pixels), true});
    }
  }
  vsml::TaskOptions options;
  options.dataset = "omniglot_images";
  options.path = folder.write("many.zip", zip_of(all));
  options.resize = {10, 15};
  options.standardize = false;
  const vsml::Task task(options, {});
  CHECK(task.name() == "many");
  CHECK(task.num_classes() == 300);
  CHECK(task.max_examples() == 600);
  const Examples got = examples(task, kKey, 0, 600);
  std::map<int, int> seen;
  for (int64_t t = 0; t < 600; ++t) {
    const int label = got.labels[static_cast<size_t>(t)];
    Values want(150, 0);
    want[static_cast<size_t>(label % 150)] = 1;
    REQUIRE(got.input(t) == want);
    ++seen[label];
  }
  CHECK(seen.size() == 300);

  options.draw_classes = 7;
  const vsml::Task drawn(options, {});
  CHECK(drawn.num_classes() == 7);
  CHECK(drawn.max_examples() == 14);
  std::set<Values> inputs;
  const Examples few = examples(drawn, kKey, 0, 14);
  for (int64_t t = 0; t < 14; ++t) inputs.insert(few.input(t));
  CHECK(inputs.size() <= 7);
  CHECK(vsml::load_dataset(options, {}) == vsml::load_dataset(options, {}));
}
