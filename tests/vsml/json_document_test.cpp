#include "vsml/experiment/json_document.h"

#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "engine/error.h"
#include "tests/temporary_folder.h"

namespace {

using engine::test::TemporaryFolder;
using vsml::JsonValue;

JsonValue parse(const std::string& text) {
  return vsml::parse_json(text, std::make_shared<const std::string>("f.json"));
}

// what() of the error that parsing ends in; empty if there is none.
std::string error_of(const std::string& text) {
  try {
    parse(text);
  } catch (const vsml::SpecError& error) {
    return error.what();
  }
  return {};
}

std::string nested(int levels) {
  return std::string(static_cast<size_t>(levels), '[') +
         std::string(static_cast<size_t>(levels), ']');
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every value and key knows its line") {
  const JsonValue root = parse(
      "\n"
      "{\"a\":\n"
      "   1\n"
      ", \"b\": [true,\n"
      "  -2.5,\n"
      "  {\"c\"\n"
      "    : \"x\"}],\r\n"
      " \"d\": null}\n");
  CHECK(root.place.line == 2);
  CHECK(*root.place.file == "f.json");
  REQUIRE(root.object() != nullptr);
  REQUIRE(root.object()->size() == 3);
  CHECK(root.find("a")->place.line == 2);
  CHECK(root.find("a")->value.place.line == 3);
  CHECK(root.find("b")->place.line == 4);
  const vsml::JsonArray& list = *root.find("b")->value.array();
  REQUIRE(list.size() == 3);
  CHECK(list[0].place.line == 4);
  CHECK(list[1].place.line == 5);
  CHECK(list[2].place.line == 6);
  CHECK(list[2].find("c")->place.line == 6);
  CHECK(list[2].find("c")->value.place.line == 7);
  CHECK(root.find("d")->place.line == 8);
  CHECK(root.find("e") == nullptr);
}

TEST_CASE("members keep the order of the file and values their type") {
  const JsonValue root = parse(
      R"({"z": 9007199254740993, "y": 18446744073709551615, "x": -9223372036854775808,
          "w": 0.1, "v": -0, "u": "t\u00e9\n", "t": false, "s": 1e3,
          "r": 18446744073709551616})");
  std::string keys;
  for (const vsml::JsonMember& member : *root.object()) keys += member.key;
  CHECK(keys == "zyxwvutsr");
  CHECK(std::get<int64_t>(root.find("z")->value.data) == 9007199254740993);
  CHECK(std::get<uint64_t>(root.find("y")->value.data) == std::numeric_limits<uint64_t>::max());
  CHECK(std::get<int64_t>(root.find("x")->value.data) == std::numeric_limits<int64_t>::min());
  CHECK(std::get<double>(root.find("w")->value.data) == 0.1);
  CHECK(std::get<int64_t>(root.find("v")->value.data) == 0);
  CHECK(*root.find("u")->value.text() == "t\xc3\xa9\n");
  CHECK(std::get<bool>(root.find("t")->value.data) == false);
  CHECK(std::get<double>(root.find("s")->value.data) == 1000.0);
  CHECK(std::get<double>(root.find("r")->value.data) == 18446744073709551616.0);
}

TEST_CASE("what is not plain JSON is refused with file and line") {
  struct Case {
    std::string text, where, says;
  };
  const std::vector<Case> cases = {
      {"", "f.json:1:", "unexpected end of input"},
      {" \n \n", "f.json:2:", "unexpected end of input"},
      {"\xef\xbb\xbf{}", "f.json:1:", "byte order mark"},
      {std::string("\xff\xfe{\0}\0", 6), "f.json:1:", "UTF-16"},
      {std::string("\xfe\xff\0{\0}", 6), "f.json:1:", "UTF-16"},
      {std::string("{\0}\0", 4), "f.json:1:", "NUL at byte 1"},
      {std::string("{}\n\0", 4), "f.json:2:", "NUL at byte 3"},
      {"{\n\"a\": \"\xff\"}", "f.json:2: a:", "UTF-8"},
      {"{\n\"a\": \"\xc3\"}", "f.json:2: a:", "UTF-8"},
      {"{\n\"a\": \"\xed\xa0\x80\"}", "f.json:2: a:", "UTF-8"},
      {"{\n\"a\": \"\\u0000\"}", "f.json:2: a:", "without NUL"},
      {"{\n\"a\\u0000\": 1}", "f.json:2:", "without NUL"},
      {"{\"a\": \"\\ud800\"}", "f.json:1: a:", "surrogate"},
      {"{\"a\": 1,\n}", "f.json:2:", "unexpected '}'"},
      {"[1,\n2,]", "f.json:2: [2]:", "unexpected ']'"},
      {"{\n// no\n}", "f.json:2:", "invalid literal"},
      {"{\n\"a\": /* no */ 1}", "f.json:2: a:", "invalid literal"},
      {"{\"a\":\nNaN}", "f.json:2: a:", "invalid literal"},
      {"{\"a\":\nInfinity}", "f.json:2: a:", "invalid literal"},
      {"{\"a\":\n-Infinity}", "f.json:2: a:", "invalid number"},
      {"{\"a\":\n1e999\n}", "f.json:2: a:", "overflow"},
      {"{\"a\":\n-1e999}", "f.json:2: a:", "overflow"},
      {"{\"a\": 01}", "f.json:1:", "unexpected number"},
      {"{\"a\": +1}", "f.json:1: a:", "invalid literal"},
      {"{\"a\": .5}", "f.json:1: a:", "invalid literal"},
      {"{'a': 1}", "f.json:1:", "invalid literal"},
      {"{\"a\": 1} {}", "f.json:1:", "expected end of input"},
      {"{\"a\": \"x\ny\"}", "f.json:1: a:", "control character"},
      {"{\"a\": {\"b\": [0, {\"c\": tru}]}}", "f.json:1: a.b[1].c:", "invalid literal"},
      {"{\n\"a\": 1,\n\"b\": {\"a\": 2},\n\"a\": 3}", "f.json:4: a:", "on line 2 before"},
      {"[{\"k\": 1, \"\\u006b\": 2}]", "f.json:1: [0].k:", "on line 1 before"},
      {nested(33), "f.json:1:", "at most 32 deep"},
      {std::string(1'000'000, '['), "f.json:1:", "at most 32 deep"},
      {std::string((1 << 20) + 1, ' '), "f.json:1:", "at most 1048576 bytes"},
  };
  for (const Case& test : cases) {
    CAPTURE(test.text.substr(0, 40));
    const std::string message = error_of(test.text);
    CAPTURE(message);
    CHECK(message.rfind(test.where + " ", 0) == 0);
    CHECK(contains(message, test.says));
    CHECK_FALSE(contains(message, "\n"));
    CHECK_FALSE(contains(message, "json.exception"));
    CHECK(message.size() < 400);
  }
}

TEST_CASE("the limits themselves are allowed") {
  CHECK(error_of(nested(32)).empty());
  CHECK(error_of("[]" + std::string((1 << 20) - 2, ' ')).empty());
  std::string many = "[0";
  for (int64_t k = 2; k < vsml::kMaxJsonValues; ++k) many += ",0";  // and the list is one more
  CHECK(error_of(many + "]").empty());
  CHECK(contains(error_of(many + ",0]"), "at most 65536 values"));
}

TEST_CASE("a text cut anywhere is refused") {
  const std::string text =
      "{\"a\": [1, -2.5e3, true, null],\n \"b\": {\"c\": \"\\u00e9\xc3\xa9\"}}";
  REQUIRE(error_of(text).empty());
  for (size_t length = 0; length < text.size(); ++length) {
    CAPTURE(length);
    const std::string message = error_of(text.substr(0, length));
    CHECK(message.rfind(length <= text.find('\n') + 1 ? "f.json:1: " : "f.json:2: ", 0) == 0);
  }
}

TEST_CASE("messages escape what the file holds, and hint at the usual mistakes") {
  CHECK_FALSE(contains(error_of("{\"\x1b[31m\": 1}"), "\x1b"));
  CHECK(
      contains(error_of("{\"a\": 1, \"\\u001b\": 1, \"\\u001b\": 1}"), "\\x1b: expected each key"));
  const auto hint_of = [](const std::string& text) {
    try {
      parse(text);
    } catch (const vsml::SpecError& error) {
      return error.hint();
    }
    return std::string("no error");
  };
  CHECK(contains(hint_of("{\"a\": 1,\n }"), "no comma after the last"));
  CHECK(contains(hint_of("[1, ]"), "no comma after the last"));
  CHECK(contains(hint_of("{ // x\n}"), "$comment"));
  CHECK(contains(hint_of("[NaN]"), "NaN"));
  CHECK(contains(hint_of("{'a': 1}"), "double quotes"));
  CHECK(hint_of("[1 2]").empty());
}

TEST_CASE("only regular files of at most 1 MiB are read") {
  const TemporaryFolder folder;
  const auto write = [&](const std::string& name, const std::string& text) {
    return folder.write(name, std::vector<uint8_t>(text.begin(), text.end()));
  };
  const std::string file = write("good.json", "{\n \"a\": 1}");
  CHECK(vsml::read_json_file(file).find("a")->place.line == 2);
  CHECK(*vsml::read_json_file(file).place.file == file);
  CHECK_THROWS_AS(vsml::read_json_file(folder / "none.json"), engine::IoError);
  CHECK_THROWS_AS(vsml::read_json_file(folder / "."), engine::IoError);
  CHECK_THROWS_AS(vsml::read_json_file(write("big.json", std::string((1 << 20) + 1, ' '))),
                  engine::IoError);
  REQUIRE(mkfifo((folder / "fifo.json").c_str(), 0600) == 0);
  CHECK_THROWS_AS(vsml::read_json_file(folder / "fifo.json"), engine::IoError);
}
