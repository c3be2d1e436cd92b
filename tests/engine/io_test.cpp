// SHA-256 and whole files.
#include <csignal>
#include <doctest/doctest.h>
#include <set>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "engine/error.h"
#include "engine/io/atomic_file.h"
#include "engine/io/sha256.h"
#include "tests/temporary_folder.h"

namespace engine::test {
namespace {

std::set<std::string> names_in(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& item : std::filesystem::directory_iterator(folder)) {
    names.insert(item.path().filename().string());
  }
  return names;
}

// The message of the error that `act` throws, empty if it throws none.
template <class Failure, class Act>
std::string message_of(const Act& act) {
  try {
    act();
  } catch (const Failure& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Lets no file of the process grow beyond `bytes`, as long as it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_ = {};
};

}  // namespace

TEST_CASE("sha256: the examples of NIST") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_hex(std::string(1000000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256: every length around two blocks, whole and in pieces") {
  // Python: sha256("".join(sha256(b"b" * n).hexdigest() for n in range(130)))
  std::string digests;
  for (size_t n = 0; n < 130; ++n) {
    const std::string text(n, 'b');
    digests += sha256_hex(text);
    for (size_t cut = 0; cut <= n; ++cut) {
      Sha256 pieces;
      pieces.update(text.substr(0, cut));
      const std::string so_far = pieces.hex();
      pieces.update(text.substr(cut));
      REQUIRE(so_far == sha256_hex(text.substr(0, cut)));
      REQUIRE(pieces.hex() == sha256_hex(text));
    }
  }
  CHECK(sha256_hex(digests) == "5a26a264153ac527ffe6dc06a7def56e6df0c23515a6974fe14a0932a5117884");
}

TEST_CASE("write_file_atomically: the file holds the chunks and nothing else is left") {
  const TemporaryFolder folder;
  const std::string path = folder / "a.bin";
  write_plain(path + ".tmp." + std::to_string(getpid()), "left by a killed process");
  write_file_atomically(path, "old");
  CHECK(read_plain(path) == "old");

  const std::string large(3000000, 'x');
  const std::vector<std::string_view> chunks = {"one", "", large, std::string_view("\0end", 4)};
  write_file_atomically(path, chunks);
  CHECK(read_plain(path) == "one" + large + std::string("\0end", 4));
  CHECK(read_file(path, 3000007) == read_plain(path));

  write_file_atomically(path, "");
  CHECK(read_file(path, 0).empty());
  CHECK(names_in(folder.path()) == std::set<std::string>{"a.bin"});
}

TEST_CASE("write_file_atomically: a link is replaced, what it led to stays") {
  const TemporaryFolder folder;
  write_plain(folder / "target", "target");
  std::filesystem::create_symlink("target", folder / "link");
  write_file_atomically(folder / "link", "new");
  CHECK(read_plain(folder / "target") == "target");
  CHECK(read_plain(folder / "link") == "new");
  CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(folder / "link")));
}

TEST_CASE("write_file_atomically: a failed write leaves the old file and no other") {
  const TemporaryFolder folder;
  const std::string path = folder / "a.bin";
  write_plain(path, "old");
  for (const size_t size : {size_t{8193}, size_t{100000}}) {
    const std::string bytes(size, 'x');
    const std::string message = message_of<ResourceError>([&] {
      const FileSizeLimit limit(8192);
      write_file_atomically(path, bytes);
    });
    CHECK(contains(message, path + ": "));
    CHECK(contains(message, "File too large"));
    CHECK(read_plain(path) == "old");
    CHECK(names_in(folder.path()) == std::set<std::string>{"a.bin"});
  }
  const FileSizeLimit limit(8192);
  write_file_atomically(path, std::string(8192, 'y'));
  CHECK(read_plain(path) == std::string(8192, 'y'));
}

TEST_CASE("write_file_atomically: a folder that takes no file") {
  const TemporaryFolder folder;
  const auto fails = [&](const std::string& path, const std::string& reason) {
    const std::string message = message_of<IoError>([&] { write_file_atomically(path, "new"); });
    CHECK_MESSAGE(contains(message, reason), message);
  };
  fails(folder / "missing/a.bin", "missing/a.bin: expected a directory to write into");
  fails(folder / std::string(250, 'n'), "File name too long");
  fails(folder.path(), "expected a regular file to replace, found a directory");
  fails("/dev/full", "/dev/full: expected a regular file to replace, found a device");
  fails("", "expected a file name, found an empty text");
  fails(folder / std::string("a\0b", 3), "a\\x00b: expected a file name, found a NUL byte");
  CHECK(names_in(folder.path()).empty());

  if (geteuid() == 0) return;  // to whom a read-only folder is not
  write_plain(folder / "a.bin", "old");
  chmod(folder.path().c_str(), 0500);
  fails(folder / "a.bin", "Permission denied");
  chmod(folder.path().c_str(), 0700);
  CHECK(read_plain(folder / "a.bin") == "old");
  CHECK(names_in(folder.path()) == std::set<std::string>{"a.bin"});
}

TEST_CASE("read_file: only regular files, only up to the limit") {
  const TemporaryFolder folder;
  const auto fails = [&](const std::string& path, const std::string& reason) {
    const std::string message = message_of<IoError>([&] { read_file(path, 4); });
    CHECK_MESSAGE(contains(message, reason), message);
  };
  mkfifo((folder / "fifo").c_str(), 0600);
  write_plain(folder / "five", "12345");
  write_plain(folder / "four", "1234");
  std::filesystem::create_symlink("loop", folder / "loop");
  CHECK(read_file(folder / "four", 4) == "1234");
  fails(folder / "five", "five: expected at most 4 bytes, found 5");
  fails(folder / "fifo", "fifo: expected a regular file, found a FIFO");
  fails(folder.path(), "expected a regular file, found a directory");
  fails("/dev/zero", "expected a regular file, found a device");
  fails(folder / "none", "none: expected a readable file, found: No such file or directory");
  fails(folder / "loop", "Too many levels of symbolic links");
  fails(folder / "new\nline", "new\\x0aline: expected a readable file");
  fails("", "expected a file name, found an empty text");
}

TEST_CASE("InputFile: a file that ends early is named with the offset") {
  const TemporaryFolder folder;
  write_plain(folder / "a", "0123456789");
  InputFile file(folder / "a");
  CHECK(file.size() == 10);
  char bytes[16] = {};
  file.read(bytes, 4);
  CHECK(std::string(bytes) == "0123");
  const std::string message = message_of<IoError>([&] { file.read(bytes, 7); });
  CHECK(message == (folder / "a") + ":0xa: expected 1 more bytes, found the end of the file");
}

}  // namespace engine::test
