// Tensors in files: what is written is read again, and nothing else is.
#include "engine/io/safetensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <doctest/doctest.h>
#include <limits>

#include "engine/error.h"
#include "tests/temporary_folder.h"

namespace engine::test {
namespace {

const std::string kEntry = R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})";

std::string bytes_of(const void* data, size_t size) {
  return {static_cast<const char*>(data), size};
}

std::string file_of(uint64_t header_length, const std::string& header, const std::string& data) {
  return bytes_of(&header_length, sizeof header_length) + header + data;
}
std::string file_of(const std::string& header, const std::string& data) {
  return file_of(header.size(), header, data);
}

bool same(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape())) return false;
  const auto num_bytes = static_cast<size_t>(a.size() * size_of(a.dtype()));
  return bytes_of(a.contiguous().view().data, num_bytes) ==
         bytes_of(b.contiguous().view().data, num_bytes);
}

TensorFile small_file() {
  return {{{"b/n", Tensor::from<int32_t>({-1, 7}, {2})},
           {"z", Tensor::scalar(0.5, DType::f64)},
           {"a.w", Tensor::from<float>({1, -2, 3.5f}, {1, 3})}},
          {{"note", "a\"b"}},
          ""};
}

// The message for a file of these bytes, empty if it is read. Any message has to be one line that
// starts with the path and can be printed.
std::string message_for(const std::string& bytes) {
  static const TemporaryFolder folder;
  const std::string path = folder / "f";
  write_plain(path, bytes);
  try {
    read_safetensors(path);
  } catch (const IoError& error) {
    const std::string text = error.what();
    REQUIRE(text.starts_with(path + ":"));
    REQUIRE(text.size() < path.size() + 700);
    REQUIRE(std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
    return text.substr(path.size() + 1);
  }
  return "";
}

struct Refused {
  std::string bytes;
  std::string message;  // a part of it
};

void check_refused(const std::vector<Refused>& cases) {
  for (const Refused& one : cases) {
    const std::string message = message_for(one.bytes);
    CHECK_MESSAGE(message.find(one.message) != std::string::npos,
                  "expected '" << one.message << "', got '" << message << "'");
  }
}

std::string repeated(const std::string& text, int count) {
  std::string result;
  for (int k = 0; k < count; ++k) result += text;
  return result;
}

}  // namespace

TEST_CASE("safetensors: every dtype, scalars, empty tensors, views and odd values come back") {
  const TemporaryFolder folder;
  const std::string path = folder / "t.safetensors";
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor wide = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  TensorFile file;
  file.metadata = {{"", ""}, {"step", "12"}, {"text", std::string("\"\\\n\0\x7f \xc3\xa9", 8)}};
  file.tensors = {{"f32", Tensor::from<float>({-0.0f, nan, INFINITY, 1e-45f}, {2, 2})},
                  {"f64", Tensor::from<double>({M_PI, -5e-324}, {2, 1, 1})},
                  {"bf16", Tensor::from<Bf16>({{0x3f81}, {0x8000}, {0x7fc1}}, {3})},
                  {"i32", Tensor::from<int32_t>({INT32_MIN, INT32_MAX, 0}, {3})},
                  {"scalar.f32", Tensor::scalar(1.25, DType::f32)},
                  {"scalar.i32", Tensor::scalar(-3, DType::i32)},
                  {"empty.f64", Tensor::zeros({0}, DType::f64)},
                  {"empty.f32", Tensor::zeros({3, 0, 2}, DType::f32)},
                  {"all-axes", Tensor::full({1, 2, 1, 2, 1, 2, 1, 2}, 9, DType::f32)},
                  {"A_view/T", wide.with_layout({3, 2}, {1, 3})},
                  {std::string(256, 'n'), Tensor::scalar(1, DType::f64)}};
  write_safetensors(path, file);
  const TensorFile back = read_safetensors(path);
  CHECK(back.metadata == file.metadata);
  CHECK(back.path == path);
  REQUIRE(back.tensors.size() == file.tensors.size());
  for (const NamedTensor& named : file.tensors) {
    CHECK_MESSAGE(same(back.at(named.name), named.tensor), named.name);
  }
  CHECK(back.at("A_view/T").to_vector<float>() == std::vector<float>{1, 4, 2, 5, 3, 6});
  const std::string absent = path + ":absent: expected a tensor of this name, found none among 11";
  CHECK_THROWS_WITH_AS(back.at("absent"), absent.c_str(), IoError);
}

TEST_CASE("safetensors: the bytes are those of the format, whatever the order of the tensors") {
  const TemporaryFolder folder;
  // The digest is from Python's json and hashlib, over the header with 64 zeros in its place.
  const std::string header =
      R"({"__metadata__":{"format_version":"1","note":"a\"b",)"
      R"("sha256":"c6a157f10aa54874d2fb879e3330f6d8967f899348242930ae8d2f553bf51bd8"},)"
      R"("z":{"dtype":"F64","shape":[],"data_offsets":[0,8]},)"
      R"("a.w":{"dtype":"F32","shape":[1,3],"data_offsets":[8,20]},)"
      R"("b/n":{"dtype":"I32","shape":[2],"data_offsets":[20,28]}})";
  const double z = 0.5;
  const float w[] = {1, -2, 3.5f};
  const int32_t n[] = {-1, 7};
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  const std::string expected = file_of(padded, bytes_of(&z, 8) + bytes_of(w, 12) + bytes_of(n, 8));
  TensorFile file = small_file();
  std::sort(file.tensors.begin(), file.tensors.end(),
            [](const NamedTensor& a, const NamedTensor& b) { return a.name < b.name; });
  do {
    write_safetensors(folder / "f", file);
    CHECK(read_plain(folder / "f") == expected);
  } while (std::next_permutation(
      file.tensors.begin(), file.tensors.end(),
      [](const NamedTensor& a, const NamedTensor& b) { return a.name < b.name; }));

  write_safetensors(folder / "none", {});
  CHECK(read_safetensors(folder / "none").tensors.empty());
}

TEST_CASE("safetensors: files of other writers") {
  const TemporaryFolder folder;
  const std::string path = folder / "f";
  const float values[] = {1, 2, 3};
  const std::string data = bytes_of(values, sizeof values);
  // Data at an odd offset, keys in another order, white space between them.
  write_plain(path, file_of(R"({ "b" : {"shape":[1],"data_offsets":[8,12],"dtype":"F32"},)"
                            "\n\t"
                            R"("\u0061":{"data_offsets":[0,8],"dtype":"F32","shape":[2]},)"
                            R"("e":{"dtype":"F64","shape":[0,1099511627776],"data_offsets":[8,8]},)"
                            R"("__metadata__":{"format":"pt"}}   )",
                            data));
  const TensorFile file = read_safetensors(path);
  REQUIRE(file.tensors.size() == 3);
  CHECK(file.tensors[0].name == "a");
  CHECK(file.at("a").to_vector<float>() == std::vector<float>{1, 2});
  CHECK(file.at("b").to_vector<float>() == std::vector<float>{3});
  CHECK(file.at("e").size() == 0);
  CHECK(file.metadata == std::map<std::string, std::string>{{"format", "pt"}});
  write_plain(path, file_of("{}", ""));
  CHECK(read_safetensors(path).tensors.empty());
}

TEST_CASE("safetensors: a file cut anywhere, or with any byte changed, is refused") {
  const TemporaryFolder folder;
  write_safetensors(folder / "f", small_file());
  const std::string bytes = read_plain(folder / "f");
  REQUIRE(message_for(bytes).empty());
  for (size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE_MESSAGE(!message_for(bytes.substr(0, size)).empty(), size);
  }
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int change : {1, 2, 4, 8, 16, 32, 64, 128, 255, 'F' ^ 'I', ' ' ^ '\n'}) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ change);
      REQUIRE_MESSAGE(!message_for(changed).empty(), at << " ^ " << change);
    }
  }
}

TEST_CASE("safetensors: what is wrong with the start of a file is named") {
  const std::string header = R"({"a":)" + kEntry + "}";
  const std::string data(8, 'x');
  const uint64_t most = std::numeric_limits<uint64_t>::max();
  const std::string large(20 << 20, ' ');
  check_refused({
      {"", "expected at least 10 bytes, found 0"},
      {file_of(0, header, data), "0x0: expected a header of 2 to 62 bytes, found 0"},
      {file_of(most, header, data), "2 to 62 bytes, found 18446744073709551615"},
      {file_of(most / 2 + 1, header, data), "2 to 62 bytes, found 9223372036854775808"},
      {file_of(63, header, data), "0x0: expected a header of 2 to 62 bytes, found 63"},
      {file_of(uint64_t{16 << 20} + 1, large, ""), "2 to 16777216 bytes, found 16777217"},
      {file_of(header + std::string(2, '\0'), data), "0x3f: expected a header that ends with"},
      {file_of(header + "\n", data), "a brace and spaces, found '\\x0a'"},
      {file_of(" " + header, data), "0x8: expected a header that starts with a brace, found ' '"},
      {file_of("\xef\xbb\xbf" + header, data), "found '\\xef'"},
      {file_of(header + header, data), "expected a header in JSON, found an error at"},
      {file_of("{\"a\":" + kEntry + ",}", data), "0x3e: expected a header in JSON"},
      {file_of("{\"a\":\xff}", data), "expected a header in JSON"},
      {file_of("{\"\x01\":1}", data), "expected a header in JSON"},
      {"PK\x03\x04 and so on, for some time", "found a zip archive, as torch.save writes it"},
      {"\x80\x04\x95 and so on, for some time", "found a Python pickle"},
      {"\x80\x02}.", "found a Python pickle"},
      {"<!DOCTYPE html><html></html>", "found an HTML or XML page"},
      {"version https://git-lfs.github.com/spec/v1\n", "found a Git LFS pointer"},
  });
}

TEST_CASE("safetensors: a header that is not one of tensors is refused with the place") {
  const auto with = [](const std::string& entry) { return file_of("{\"a\":" + entry + "}", ""); };
  const auto metadata = [](const std::string& text) {
    return file_of("{\"__metadata__\":" + text + "}", "");
  };
  const std::string deep = repeated("[", 100000);
  check_refused({
      {with("1"), "a: expected an object, found 1"},
      {with("null"), "a: expected an object, found null"},
      {with("[]"), "a: expected an object, found an array"},
      {with("{}"), "a.dtype: expected the key, found none"},
      {with(R"({"dtype":"F32","shape":[]})"), "a.data_offsets: expected the key, found none"},
      {with(R"({"dtype":"F32","dtype":"F32"})"), "a.dtype: expected each key once"},
      {with(R"({"type":1})"), "a.type: expected only dtype, shape and data_offsets"},
      {with(R"({"dtype":["F32"]})"), "a.dtype: expected a text, found an array"},
      {with(R"({"dtype":"F16"})"), "a.dtype: expected F32, F64, I32 or BF16, found 'F16'"},
      {with(R"({"dtype":"\u001b[31m"})"), "found '\\x1b[31m'"},
      {with(R"({"shape":"2"})"), "a.shape: expected an array, found a text"},
      {with(R"({"shape":{}})"), "a.shape: expected an array, found an object"},
      {with(R"({"shape":[2,-3]})"), "a.shape[1]: expected a whole number from 0 to 2^40, found -3"},
      {with(R"({"shape":[2.0]})"), "a.shape[0]: expected a whole number from 0 to 2^40"},
      {with(R"({"shape":[9223372036854775808]})"), "found 9223372036854775808"},
      {with(R"({"shape":[99999999999999999999]})"), "found '99999999999999999999'"},
      {with(R"({"shape":[true]})"), "a.shape[0]: expected a whole number"},
      {with(R"({"shape":[[2]]})"), "a.shape[0]: expected a whole number"},
      {with(R"({"shape":[1,1,1,1,1,1,1,1,1]})"), "a.shape[8]: expected at most 8 axes"},
      {with(R"({"data_offsets":[0]})"), "a.data_offsets: expected 2 numbers, found 1"},
      {with(R"({"data_offsets":[0,1,2]})"), "a.data_offsets: expected 2 numbers, found 3"},
      {with(deep), "a: expected an object, found an array"},
      {with("{\"shape\":" + deep), "a.shape[0]: expected a whole number"},
      {with(repeated("{\"a\":", 100000) + "}"), "a.a: expected only dtype"},
      {metadata("[]"), "__metadata__: expected an object, found an array"},
      {metadata(R"({"k":1})"), "__metadata__.k: expected a text, found 1"},
      {metadata(R"({"k":{}})"), "__metadata__.k: expected a text, found an object"},
      {metadata(R"({"k":"","k":""})"), "__metadata__.k: expected each key once"},
      {metadata(R"({"format_version":"999"})"), "expected format version 1, found '999'"},
      {metadata(R"({"format_version":"1"})"), "__metadata__.sha256: expected the key, found none"},
      {metadata(R"({"sha256":"0\n"})"), "__metadata__.sha256: expected the digest 0\\x0a, found"},
      {file_of(R"({"__metadata__":{},"__metadata__":{}})", ""), "expected each name once"},
  });
}

TEST_CASE("safetensors: names, numbers of tensors, and their bytes") {
  const auto entry = [](const std::string& name, const std::string& rest) {
    return "\"" + name + "\":{\"dtype\":" + rest + "}";
  };
  const auto pair = [&](const std::string& first, const std::string& second) {
    return file_of("{" + entry("a", R"("F32","shape":[2],"data_offsets":)" + first) + "," +
                       entry("b", R"("F32","shape":[1],"data_offsets":)" + second) + "}",
                   std::string(12, 'x'));
  };
  const auto one = [&](const std::string& rest, size_t num_bytes = 8) {
    return file_of("{" + entry("a", rest) + "}", std::string(num_bytes, 'x'));
  };
  const auto named = [](const std::string& name) {
    return file_of("{\"" + name + "\":" + kEntry + "}", std::string(8, 'x'));
  };
  std::string many = "{", keys = R"({"__metadata__":{)";
  for (int k = 0; k < 5000; ++k) {
    many += entry(std::to_string(k), R"("F32","shape":[0],"data_offsets":[0,0])") + ",";
    keys += "\"" + std::to_string(k) + R"(":"",)";
  }
  many.back() = '}';
  keys.back() = '}';
  CHECK(message_for(pair("[0,8]", "[8,12]")).empty());
  CHECK(message_for(pair("[4,12]", "[0,4]")).empty());
  check_refused({
      {named(""), "expected tensor names of 1 to 256 characters of [A-Za-z0-9._/-], found ''"},
      {named("a b"), "found 'a b'"},
      {named("\\u001b[2J\\n\\u0000"), "found '\\x1b[2J\\x0a\\x00'"},
      {named("\xc2\x9b" + std::string("1m")), "found '\\xc2\\x9b1m'"},
      {named(std::string(257, 'n')), "nnnn...'"},
      {named("a\":" + kEntry + ",\"a"), "a: expected each name once, found it twice"},
      {file_of(many, ""), "4096: expected at most 4096 tensors, found more"},
      {file_of(keys + "}", ""), "expected at most 4096 keys, found more"},
      {pair("[0,8]", "[9,13]"), "b.data_offsets: expected data from byte 8, found 9: a gap"},
      {pair("[0,8]", "[4,8]"), "b.data_offsets: expected data from byte 8, found 4: an overlap"},
      {pair("[1,9]", "[9,13]"), "a.data_offsets: expected data from byte 0, found 1: a gap"},
      {pair("[0,8]", "[8,12]") + "x", "expected 12 bytes of data, found 13"},
      {one(R"("F32","shape":[2],"data_offsets":[0,8])", 7), "expected 8 bytes of data, found 7"},
      {one(R"("F64","shape":[2],"data_offsets":[0,8])"),
       "a.data_offsets: expected 16 bytes for F64 [2], found [0, 8]"},
      {one(R"("F32","shape":[2],"data_offsets":[8,0])"), "found [8, 0]"},
      {one(R"("F32","shape":[0],"data_offsets":[0,8])"), "expected 0 bytes for F32 [0]"},
      {one(R"("F32","shape":[4294967297,4294967297],"data_offsets":[0,8])"),
       "a.shape: expected a size below 2^63 bytes, found [4294967297, 4294967297]"},
      {one(R"("F64","shape":[1099511627776,0,1099511627776],"data_offsets":[0,0])", 0),
       "a.shape: expected a size below 2^63 bytes"},
      {one(R"("F32","shape":[1099511627776],"data_offsets":[0,0])", 0),
       "expected 4398046511104 bytes for F32 [1099511627776], found [0, 0]"},
      {one(R"("F32","shape":[274877906944],"data_offsets":[0,1099511627776])"),
       "expected 1099511627776 bytes of data, found 8"},
  });
}

TEST_CASE("write_safetensors: what could not be read again is not written") {
  const TemporaryFolder folder;
  const std::string path = folder / "f";
  write_plain(path, "old");
  const Tensor x = Tensor::scalar(1, DType::f32);
  const auto fails = [&](const TensorFile& file, const std::string& part) {
    std::string message;
    try {
      write_safetensors(path, file);
    } catch (const IoError& error) {
      message = error.what();
    }
    CHECK_MESSAGE(message.find(part) != std::string::npos, message);
    CHECK(read_plain(path) == "old");
  };
  fails({{{"a", x}, {"a", x}}, {}, ""}, "a: expected each name once");
  fails({{{"a b", x}}, {}, ""}, "expected tensor names of");
  fails({{{"a\":{},\"b", x}}, {}, ""}, "expected tensor names of");
  fails({{{"a\xff", x}}, {}, ""}, "in UTF-8");
  fails({{{"__metadata__", x}}, {}, ""}, "__metadata__: expected each name once");
  fails({{{"a", Tensor()}}, {}, ""}, "a: expected a tensor with values");
  fails({{}, {{"k", "\xff"}}, ""}, "in UTF-8");
  fails({{}, {{"sha256", "0"}}, ""}, "sha256: expected metadata without");
  fails({{}, {{"k", std::string(17 << 20, 'v')}}, ""}, "expected a header of at most 16777216");
}

TEST_CASE("require_finite: the first value that is not is named") {
  TensorFile file = small_file();
  require_finite("f", file);
  file.tensors.push_back({"w", Tensor::from<float>({1, 2, -INFINITY, NAN}, {2, 2})});
  CHECK_THROWS_WITH_AS(require_finite("f", file), "f:w[2]: expected finite values, found -inf",
                       IoError);
  file.tensors.back().tensor = Tensor::from<double>({NAN}, {});
  CHECK_THROWS_WITH_AS(require_finite("f", file), "f:w[0]: expected finite values, found nan",
                       IoError);
}

}  // namespace engine::test
