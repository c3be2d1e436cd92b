// Data sets and trained algorithms that are damaged or made to do damage: status, message, no
// trace. Every malformed byte is tested with the readers; here it is that each kind comes to the
// user.
#include <cstring>
#include <doctest/doctest.h>
#include <filesystem>
#include <limits>
#include <sys/stat.h>

#include "tests/tools/vsml_runs.h"
#include "tests/vsml/image_archives.h"

namespace tools::test {
namespace {

namespace fs = std::filesystem;

using ::operator+;

// Of a process that was given a small file. The sanitizers keep what was freed, and need some 250
// MiB of their own.
#if defined(__SANITIZE_ADDRESS__)
constexpr int64_t kMostMemory = int64_t{1} << 30;
#else
constexpr int64_t kMostMemory = int64_t{512} << 20;
#endif

void write_bytes(const std::string& path, const Bytes& bytes) {
  write_plain(path, std::string(bytes.begin(), bytes.end()));
}

// 30 images of 3 x 2 pixels with labels 0, 1, 2.
Bytes images() {
  return idx_header({30, 3, 2}) + counting(180, 7);
}
Bytes labels() {
  Bytes bytes = idx_header({30});
  for (uint8_t k = 0; k < 30; ++k) bytes.push_back(k % 3);
  return bytes;
}

const char* kIdx = R"(tasks.test=[{"dataset": "idx", "images": "images", "labels": "labels"}])";

struct IdxPlace {
  TemporaryFolder folder;
  IdxPlace() {
    write_plain(folder / "spec.json", small_spec());
    write_bytes(folder / "images", images());
    write_bytes(folder / "labels", labels());
  }
  Command command() const { return vsml(folder.path(), {"run", "spec.json", "--set", kIdx}); }
};

void check_refused(const Command& command, int status, const std::vector<std::string>& parts) {
  const auto before = listing(command.folder);
  const Outcome outcome = run_program(command);
  check_error(outcome, status, parts);
  CHECK(outcome.peak_bytes < kMostMemory);
  check_same(listing(command.folder), before);
}

void check_file(const std::string& name, const Bytes& bytes, const std::string& part) {
  CAPTURE(part);
  const IdxPlace place;
  write_bytes(place.folder / name, bytes);
  check_refused(place.command(), 3, {name, part});
}

// Behind the good start zeros that are packed, again and again: 4 GiB from 4 MiB.
Bytes bomb(const Bytes& start) {
  Bytes bytes = gzip(start, Z_FULL_FLUSH);
  const Bytes zeros = gzip(Bytes(1 << 22), Z_FULL_FLUSH);
  const Bytes block(zeros.begin() + 10, zeros.end());  // without the gzip header
  for (int k = 0; k < 1024; ++k) bytes.insert(bytes.end(), block.begin(), block.end());
  return bytes;
}

std::string file_of(uint64_t header_length, const std::string& rest) {
  std::string bytes(sizeof header_length, '\0');
  std::memcpy(bytes.data(), &header_length, sizeof header_length);
  return bytes + rest;
}
std::string file_of(const std::string& header, const std::string& data) {
  return file_of(header.size(), header + data);
}

// The header and the data of a safetensors file.
std::pair<std::string, std::string> parts_of(const std::string& file) {
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  return {file.substr(8, length), file.substr(8 + length)};
}

// A trained algorithm without the digest, so that it can be changed as by another writer.
std::string without_digest(std::string header) {
  for (const std::string key : {"\"format_version\":\"1\",", ",\"sha256\":\""}) {
    const size_t at = header.find(key);
    REQUIRE(at != std::string::npos);
    header.erase(at, key.size() + (key[0] == ',' ? 65 : 0));
  }
  return header;
}

std::string replaced(std::string text, const std::string& old, const std::string& by) {
  const size_t at = text.find(old);
  REQUIRE(at != std::string::npos);
  return text.replace(at, old.size(), by);
}

const char* kTest = R"({
  "experiment": "meta_test", "name": "test",
  "learner": {"init": {"type": "file", "path": "algorithm"}},
  "tasks": {"test": [{"dataset": "sum_sign", "inputs": 4}]},
  "evaluate": {"episodes": 2, "episode_length": 5}})";

}  // namespace

TEST_CASE("idx: what the rows below break is right") {
  const IdxPlace place;
  check_done(run_program(place.command()));
  for (const char* name : {"images", "labels"}) {
    write_bytes(place.folder / name, gzip(name[0] == 'i' ? images() : labels()));
  }
  fs::remove_all(place.folder / "runs");
  check_done(run_program(place.command()));
}

TEST_CASE("idx: malformed files") {
  const Bytes good = images();
  check_file("images", {}, "4 bytes");
  check_file("images", Bytes{0, 1} + good, "0x0: idx magic");
  check_file("images", idx_header({30, 3, 2}, 13) + counting(180), "0x2: idx type");
  check_file("images", idx_header({30, 6}) + counting(180), "0x3: idx rank");
  check_file("images", labels(), "0x3: idx rank");
  check_file("labels", images(), "0x3: idx rank");
  check_file("images", Bytes(good.begin(), good.end() - 1), "30 x 3 x 2");
  check_file("images", good + Bytes{0}, "30 x 3 x 2");
  check_file("images", idx_header({0xffffffff, 0xffffffff, 0xffffffff}), "4294967295");
  check_file("images", idx_header({0x80000000, 0x80000000, 4}), "2147483648");
  check_file("images", idx_header({1024, 1024, 4096}) + counting(180), "4294967296");
  check_file("images", idx_header({0, 3, 2}), "at least one pixel");
  check_file("images", gzip(gzip(good)), "gzip inside gzip");
  check_file("images", gzip(good) + Bytes{0}, "gzip");
  const Bytes packed = gzip(good);
  check_file("images", Bytes(packed.begin(), packed.begin() + 30), "gzip");
  check_file("images", bomb(good), "30 x 3 x 2");
  const Bytes few = labels();
  check_file("labels", idx_header({29}) + Bytes(few.begin() + 8, few.end() - 1), "30 labels");
}

TEST_CASE("idx: what is no file, or is not there") {
  const auto refused = [](const std::string& part, const auto& put) {
    CAPTURE(part);
    const IdxPlace place;
    fs::remove(place.folder / "images");
    put(place.folder / "images");
    check_refused(place.command(), 3, {"images", part});
  };
  refused("No such file", [](const std::string&) {});
  refused("a directory", [](const std::string& path) { fs::create_directory(path); });
  refused("a FIFO", [](const std::string& path) { mkfifo(path.c_str(), 0600); });
  refused("a device", [](const std::string& path) { fs::create_symlink("/dev/zero", path); });
  refused("symbolic links", [](const std::string& path) { fs::create_symlink("images", path); });
}

TEST_CASE("named sets: a label beyond the classes, half a set, no set") {
  const TemporaryFolder folder;
  write_plain(folder / "spec.json", small_spec());
  fs::create_directories(folder / "data/kmnist");
  const Arguments arguments{"run", "spec.json", "--set",
                            R"(tasks.test=[{"dataset": "kmnist", "split": "train"}])"};
  const auto refused = [&](const std::string& data, const std::string& part) {
    CAPTURE(data);
    check_refused(vsml(folder.path(), arguments + Arguments{"--set", "data=" + data}), 3, {part});
  };
  refused("none", "kmnist");
  refused("spec.json", "kmnist");
  refused("data", "kmnist");
  write_bytes(folder / "data/kmnist/train-images-idx3-ubyte", images());
  refused("data", "train-labels-idx1-ubyte");
  const Bytes ten = idx_header({30}) + Bytes(29) + Bytes{10};
  write_bytes(folder / "data/kmnist/train-labels-idx1-ubyte", ten);
  refused("data", "idx label[29]: expected below 10, found 10");
  write_bytes(folder / "data/kmnist/train-labels-idx1-ubyte", labels());
  check_done(run_vsml(folder.path(), arguments + Arguments{"--set", "data=data"}));
}

TEST_CASE("algorithms: broken, foreign, or of another network") {
  const TemporaryFolder folder;
  write_plain(folder / "spec.json", small_spec());
  write_plain(folder / "test.json", kTest);
  check_done(run_vsml(folder.path(), {"run", "spec.json"}));
  const std::string good = read_plain(folder / "runs/small/algorithm.safetensors");
  const std::string checkpoint =
      read_plain(folder / "runs/small/checkpoints/step-00000006.safetensors");
  fs::remove_all(folder / "runs");
  const Command command = vsml(folder.path(), {"run", "test.json"});
  const auto refused = [&](const std::string& name, const std::string& bytes,
                           const std::string& part) {
    CAPTURE(name);
    write_plain(folder / "algorithm", bytes);
    check_refused(command, 3, {"algorithm", part});
  };
  const auto [full_header, data] = parts_of(good);
  const std::string header = without_digest(full_header);
  const size_t first = header.find("\"cell."), second = header.find(",\"", header.find("}", first));
  REQUIRE(second != std::string::npos);
  const std::string entry = header.substr(first, second - first);

  fs::remove(folder / "algorithm");
  check_refused(command, 3, {"algorithm", "No such file"});
  refused("empty", "", "at least 10 bytes");
  refused("no header", file_of(0, full_header + data), "0x0");
  refused("endless header", file_of(std::numeric_limits<uint64_t>::max(), full_header), "0x0");
  refused("long header", file_of(full_header.size() + data.size() + 1, full_header + data), "0x0");
  refused("NUL behind the header", file_of(full_header + std::string(8, '\0'), data), "brace");
  refused("cut", good.substr(0, good.size() - 1), "bytes of data");
  refused("more bytes", good + "x", "bytes of data");
  refused("twice", file_of(replaced(header, entry, entry + "," + entry), data), "twice");
  const auto with_extra = [&](size_t begin, size_t behind) {
    const std::string extra = ",\"extra\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" +
                              std::to_string(begin) + "," + std::to_string(begin + 4) + "]}}";
    return file_of(header.substr(0, header.rfind('}')) + extra, data + std::string(behind, '\0'));
  };
  refused("gap", with_extra(data.size() + 4, 8), "a gap");
  refused("overlap", with_extra(data.size() - 4, 0), "an overlap");
  refused("one too many", with_extra(data.size(), 4), "extra: expected no such parameter");
  refused("dtype", file_of(replaced(header, "\"F32\"", "\"F64\""), data), "F64");
  refused("integers", file_of(replaced(header, "\"F32\"", "\"I32\""), data), "f32");
  refused("one too few",
          file_of(replaced(header, entry, "\"x\"" + entry.substr(entry.find(':'))), data),
          "found nothing");
  for (const size_t place : {good.find("\"sha256\":\"") + 12, good.size() - 1}) {
    std::string flipped = good;
    flipped[place] = static_cast<char>(flipped[place] ^ 1);
    refused("a flipped bit", flipped, "__metadata__.sha256: expected the digest");
  }
  refused("a version to come",
          file_of(replaced(full_header, "\"format_version\":\"1\"", "\"format_version\":\"999\""),
                  data),
          "999");
  refused("NaN", file_of(header, std::string("\0\0\xc0\x7f", 4) + data.substr(4)), "nan");
  refused("infinity", file_of(header, std::string("\0\0\x80\x7f", 4) + data.substr(4)), "inf");
  refused("zip", "PK\x03\x04" + std::string(100, 'x'), "zip");
  refused("pickle", "\x80\x04\x95" + std::string(100, 'x'), "pickle");
  refused("HTML", "<!DOCTYPE html>" + std::string(100, ' '), "HTML");
  refused("a checkpoint", checkpoint, "vsml.checkpoint");
  refused("no options", file_of(replaced(header, "\"options\"", "\"notions\""), data), "options");
  refused("odd options", file_of(replaced(header, "state_size", "state_sise"), data), "options");
  for (const std::string size : {"4", "1024"}) {
    const std::string resized = replaced(header, "state_size\\\":3", "state_size\\\":" + size);
    refused("of state size " + size, file_of(resized, data), "cell.");
  }

  write_plain(folder / "algorithm", good);
  check_refused(vsml(folder.path(), {"run", "test.json", "--set", "learner.state_size=4"}), 2,
                {"learner.state_size", "expected 3", "got 4"});
  write_plain(folder / "algorithm", file_of(header, data));
  check_done(run_program(command));
}

TEST_CASE("tables that are no tables, or not wanted as such, are refused with their place") {
  const TemporaryFolder folder;
  write_plain(folder / "spec.json", small_spec());
  const auto refused = [&](const std::string& text, const std::string& task, int status,
                           const std::vector<std::string>& parts) {
    CAPTURE(text);
    write_plain(folder / "t.csv", text);
    const std::string set = "tasks.test=[{\"dataset\": \"csv\", \"repeat\": true" + task + "}]";
    check_refused(vsml(folder.path(), {"run", "spec.json", "--set", set}), status, parts);
  };
  const std::string path = ", \"path\": \"t.csv\"", good = "a,b\n1,x\n2,y\n";
  refused("a,b\n1,x\none,y\n", path, 3, {"t.csv:3: column 1 (a): expected a finite number"});
  refused("a,b\n1,x\n,y\n", path, 3, {"t.csv:3: column 1 (a)", "found nothing"});
  refused("", path, 3, {"t.csv:1"});
  refused(good, path + ", \"label_column\": \"colour\"", 3, {"t.csv:1", "colour"});
  refused(good, ", \"path\": \"none.csv\"", 3, {"none.csv"});
  refused(good, path + ", \"classes\": [7]", 3, {"t.csv", "found 7"});
  refused(good, "", 2, {"tasks.test[0].path", "got none"});
  refused(good, path + ", \"pad\": 1", 2, {"tasks.test[0].pad", "got csv"});
  write_plain(folder / "t.csv", good);
  check_done(run_vsml(folder.path(),
                      {"run", "spec.json", "--quiet", "--set",
                       "tasks.test=[{\"dataset\": \"csv\", \"repeat\": true" + path + "}]"}));
}

TEST_CASE("omniglot: archives and images that are damaged or made to do damage") {
  const Bytes black(64 * 64);
  std::vector<ZipEntry> good;
  for (int k = 0; k < 30; ++k) {
    good.push_back({"a/c" + std::to_string(k % 3) + "/" + std::to_string(k) + ".png",
                    bit_png(64, 64, black), true});
  }
  const TemporaryFolder folder;
  write_plain(folder / "spec.json", small_spec());
  const Command command =
      vsml(folder.path(), {"run", "spec.json", "--quiet", "--set",
                           R"(tasks.test=[{"dataset": "omniglot_images", "path": "o.zip",
                              "resize": [2, 2]}])"});
  const auto refused = [&](const std::vector<ZipEntry>& entries, const std::string& part) {
    CAPTURE(part);
    write_bytes(folder / "o.zip", zip_of(entries));
    check_refused(command, 3, {"o.zip", part});
  };
  const auto with = [&](const ZipEntry& entry) {
    std::vector<ZipEntry> entries = good;
    entries.push_back(entry);
    return entries;
  };
  check_refused(command, 3, {"o.zip", "No such file"});
  mkfifo((folder / "o.zip").c_str(), 0600);
  check_refused(command, 3, {"o.zip", "a FIFO"});
  fs::remove(folder / "o.zip");
  refused({}, "o.zip");
  refused(with({"a/c/\x1b[31m.png", {}}), "\\x1b[31m.png: png");
  refused(with({"../c.png", good[0].content}), "leads out of it");
  refused(with({"a/c/b.png", good[0].content, false, 1}), "an encrypted one");
  // 64 MiB of zeros in 64 KiB, declared and not; and as the lines of an image.
  refused(with({"a/c/b.png", Bytes(1 << 26), true}), "found 67108864");
  refused(with({"a/c/b.png", Bytes(1 << 26), true, 0, 64}), "b.png: zip: expected");
  refused(with({"a/c/b.png", png_of_rows(1 << 19, 1 << 9, Bytes((64 + 1) << 19)), true}),
          "b.png: png: expected sides of at most 1024 pixels, found 524288 x 512");
  refused(with({"a/c/b.png", png_of_rows(1 << 19, 1 << 19, {})}), "found 524288 x 524288");
  refused(with({"a/c/b.png", png_of_rows(64, 63, Bytes(9 * 64))}), "expected 64 x 63 pixels");
  refused(with({"a/c/b.png", Bytes(good[0].content.begin(), good[0].content.end() - 20)}),
          "an undamaged image");
  refused(with({"a/c/b.jpg", good[0].content}), "b.jpg: zip: expected *.png");
  write_bytes(folder / "o.zip", zip_of(good) + Bytes{0});
  check_refused(command, 3, {"o.zip", "an undamaged archive"});
  write_bytes(folder / "o.zip", zip_of(good));
  check_done(run_program(command));
}

TEST_CASE("cifar10: files that are cut, of another set, or made to do damage; conv layers on it") {
  Bytes good;
  for (int i = 0; i < 30; ++i) good = good + Bytes{static_cast<uint8_t>(i % 3)} + counting(3072);
  const TemporaryFolder folder;
  write_plain(folder / "spec.json", small_spec());
  fs::create_directory(folder / "cifar10");
  const auto command = [&](const Arguments& more) {
    return vsml(folder.path(), Arguments{"run", "spec.json", "--quiet", "--set", "data=.", "--set",
                                         R"(tasks.test=[{"dataset": "cifar10", "split": "test",
                             "resize": [4, 4], "distort": 0.1}])"} +
                                   more);
  };
  const auto refused = [&](const Bytes& bytes, const std::string& part) {
    CAPTURE(part);
    write_bytes(folder / "cifar10/test_batch.bin", bytes);
    check_refused(command({}), 3, {"cifar10", part});
  };
  check_refused(command({}), 3, {"cifar10", "test_batch.bin"});
  refused(good, "data_batch_1.bin");  // whose mean and deviation are wanted
  for (int k = 1; k <= 5; ++k) {
    write_bytes(folder / ("cifar10/data_batch_" + std::to_string(k) + ".bin"), good);
  }
  refused({}, "found 0");
  refused(Bytes(good.begin(), good.end() - 1), "a multiple of 3073 bytes");
  refused(Bytes(3074 * 4), "that of CIFAR-100");
  refused(good + Bytes{77} + counting(3072), "0x1681e: cifar10 label[30]: expected below 10");
  refused(bomb(good), "cifar10 size: expected at most 65536 records");
  write_bytes(folder / "cifar10/test_batch.bin", good);
  check_done(run_program(command({"--set", R"(learner.layers=[
      {"type": "conv", "outputs": 2, "kernel_size": [3, 3]}, {"type": "dense"}])"})));
}

}  // namespace tools::test
