// CSV files: what is read, and that each malformed file is refused with the line and the column.
#include "vsml/tasks/csv.h"

#include <doctest/doctest.h>
#include <filesystem>

#include "engine/error.h"
#include "tests/temporary_folder.h"
#include "tests/vsml/idx_files.h"

using engine::test::TemporaryFolder;
using vsml::CsvHeader;
using vsml::CsvOptions;
using vsml::CsvTable;

namespace {

using Floats = std::vector<float>;
using Labels = std::vector<int32_t>;
using Names = std::vector<std::string>;

CsvTable read(const std::string& text, const CsvOptions& options = {}) {
  const TemporaryFolder folder;
  return vsml::read_csv(folder.write("t.csv", Bytes(text.begin(), text.end())), options);
}

// What comes behind the path.
std::string refusal(const std::string& text, const CsvOptions& options = {}) {
  const TemporaryFolder folder;
  const std::string path = folder.write("t.csv", Bytes(text.begin(), text.end()));
  try {
    vsml::read_csv(path, options);
  } catch (const engine::IoError& error) {
    const std::string what = error.what();
    CHECK(what.starts_with(path + ":"));
    return what.substr(path.size() + 1);
  }
  return "read";
}

}  // namespace

TEST_CASE("csv: with and without a header, labels last, first or named") {
  const CsvTable plain = read("5.1,3.5,setosa\n-7,1e-2,virginica\n4.9,+3,setosa\n");
  CHECK(plain.examples.count == 3);
  CHECK(plain.examples.num_inputs == 2);
  CHECK(plain.examples.num_classes == 2);
  CHECK(plain.examples.inputs == Floats{5.1f, 3.5f, -7.0f, 0.01f, 4.9f, 3.0f});
  CHECK(plain.examples.labels == Labels{0, 1, 0});
  CHECK(plain.classes == Names{"setosa", "virginica"});
  CHECK(plain.columns == Names{"column 1", "column 2"});
  CHECK(plain.first_line == 1);

  const std::string text = "kind;length;\"width; cm\"\nb;1;2\na;3;4";
  for (const std::string wanted : {"kind", "1"}) {
    const CsvTable table = read(text, {wanted, CsvHeader::Auto});
    CHECK(table.examples.inputs == Floats{1, 2, 3, 4});
    CHECK(table.examples.labels == Labels{1, 0});
    CHECK(table.classes == Names{"a", "b"});
    CHECK(table.columns == Names{"column 2 (length)", "column 3 (width; cm)"});
    CHECK(table.label_column == "column 1 (kind)");
    CHECK(table.first_line == 2);
  }
}

TEST_CASE("csv: integer labels are in order of value, and a header can be asked for or denied") {
  const CsvTable digits = read("0.5,10\n0.25,9\n0,-1\n");
  CHECK(digits.classes == Names{"-1", "9", "10"});
  CHECK(digits.examples.labels == Labels{2, 1, 0});
  const CsvTable named = read("1,2\n3,4\n5,6\n", {"", CsvHeader::Yes});
  CHECK(named.examples.count == 2);
  CHECK(named.columns == Names{"column 1 (1)"});
  CHECK(refusal("x,y\n3,4\n", {"", CsvHeader::No}) ==
        "1: column 1: expected a finite number, of at most 3.4e38, found \"x\"");
}

TEST_CASE("csv: byte order mark, CRLF, quotes, tabs, spaces, empty lines at the end, gzip") {
  const CsvTable table = read("\xef\xbb\xbf\"a\"\tb\r\n 1 \t\"x \"\"y\"\"\"\r\n2\tz\r\n\r\n\n");
  CHECK(table.columns == Names{"column 1 (a)"});
  CHECK(table.examples.inputs == Floats{1, 2});
  CHECK(table.classes == Names{"x \"y\"", "z"});
  const TemporaryFolder folder;
  const std::string text = "1,a\n2,b\n";
  const std::string path = folder.write("t.csv.gz", gzip(Bytes(text.begin(), text.end())));
  CHECK(vsml::read_csv(path).examples.inputs == Floats{1, 2});
}

TEST_CASE("csv: numbers of every size, to the nearest float") {
  const CsvTable table = read("3.4028234e38,-1e-400,a\n-3.4028234e38,1e-320,b\n.5,5.,a\n");
  CHECK(table.examples.inputs == Floats{3.4028234e38f, 0, -3.4028234e38f, 0, 0.5f, 5});
  // The nearest float to 0.1 with more digits than any float has.
  CHECK(read("0.1000000000000000055511151231257827,a\n2,b\n").examples.inputs[0] == 0.1f);
}

TEST_CASE("csv: what is malformed is refused by line and column") {
  const std::string number = "expected a finite number, of at most 3.4e38, found ";
  CHECK(refusal("") == "1: expected a line of fields, found an empty file");
  CHECK(refusal("\n\n") == "1: expected a line of fields, found an empty file");
  CHECK(refusal("\xef\xbb\xbf") == "1: expected a line of fields, found an empty file");
  CHECK(refusal("\xef\xbb\xbf\r\n") == "1: expected a line of fields, found an empty file");
  CHECK(refusal("1\n2\n") ==
        "1: expected at least two columns, one of them for the labels, found 1");
  CHECK(refusal("x,y\n1,a\n,b\n") == "3: column 1 (x): expected a number, found nothing");
  CHECK(refusal("x,y\r\n1,a\r\n\"\",b\r\n") == "3: column 1 (x): expected a number, found nothing");
  for (const std::string word : {"NA", "nan", "NaN", "inf", "-inf", "infinity", "1e39", "-1e39",
                                 "1e999", "1 2", "0x10", "1,5", "--1", "+-1", "1e", "."}) {
    CHECK(refusal("x;y\n1;a\n" + word + ";b\n") == "3: column 1 (x): " + number + '"' + word + '"');
  }
  CHECK(refusal("x,y\n1,a\n" + std::string(100, '9') + ",b\n") ==
        "3: column 1 (x): " + number + '"' + std::string(40, '9') + "\"...");
  CHECK(refusal("1,2,a\n1,x\x1b[2J,b\n") == "2: column 2: " + number + "\"x\\x1b[2J\"");
  CHECK(refusal("x,y\n1,a\n2,\n") == "3: column 2 (y): expected a label, found nothing");
  CHECK(refusal("x,y\n1,a\n2,b,c\n") == "3: expected 2 fields as in line 1, found 3");
  CHECK(refusal("x,y\n1,a\n2\n") == "3: expected 2 fields as in line 1, found 1");
  CHECK(refusal("x,y\n1,a\n\n2,b\n") == "3: expected 2 fields as in line 1, found an empty line");
  CHECK(refusal("x,y\r\n1,a\r\n\r\n2,b\r\n") ==
        "3: expected 2 fields as in line 1, found an empty line");
  CHECK(refusal("x,y\n1,a\n2,a\n") ==
        "3: column 2 (y): expected labels of at least two classes, found 1 in all lines");
  CHECK(refusal("x,y\n") ==
        "1: column 2 (y): expected labels of at least two classes, found 0 in all lines");
  CHECK(refusal("x,y\n1,\"a\n2,b\n") ==
        "2: field 2: expected a closing quote in the same line, found the end of the line");
  CHECK(refusal("x,y\n1,\"a\"b\n2,b\n") ==
        "2: field 2: expected ',' or the end of the line after the closing quote, found \"b\"");
  CHECK(refusal(std::string("x,y\n1,a\n2,\0\n", 12)) == "3: expected text (UTF-8), found a byte 0");
  CHECK(refusal("x,y\n1,a\n2,a\n", {"z", CsvHeader::Auto}) ==
        "1: expected a column \"z\" for the labels, found 2 columns, the last called \"y\"");
  CHECK(refusal("x,y\n1,a\n", {"3", CsvHeader::Auto}) ==
        "1: expected a column \"3\" for the labels, found 2 columns, the last called \"y\"");
  CHECK(refusal("1,a\n", {"y", CsvHeader::Auto}) ==
        "1: expected a column \"y\" for the labels, found 2 columns without names");
  CHECK(refusal("y,y,z\n1,a,2\n", {"y", CsvHeader::Auto}) ==
        "1: expected one column \"y\" for the labels, found two");
  CHECK(refusal("x,y\x1b\n1,a\n", {"0", CsvHeader::Auto}) ==
        "1: expected a column \"0\" for the labels, found 2 columns, the last called \"y\\x1b\"");
}

TEST_CASE("csv: gzip that is damaged, files that are none, sizes beyond the limit") {
  const TemporaryFolder folder;
  Bytes packed = gzip(Bytes{'1', ',', 'a', '\n', '2', ',', 'b', '\n'});
  packed.resize(packed.size() - 4);
  CHECK_THROWS_AS(vsml::read_csv(folder.write("t.csv.gz", packed)), engine::IoError);
  CHECK_THROWS_AS(vsml::read_csv(folder.path()), engine::IoError);
  CHECK_THROWS_AS(vsml::read_csv(folder / "none.csv"), engine::IoError);
  // A file with a hole: 1 GiB and one byte that take no space, refused before they are read.
  const std::string large = folder.write("large.csv", {});
  std::filesystem::resize_file(large, (uintmax_t{1} << 30) + 1);
  CHECK_THROWS_WITH_AS(vsml::read_csv(large),
                       (large + ": expected at most 1073741824 bytes, found 1073741825").c_str(),
                       engine::IoError);
}
