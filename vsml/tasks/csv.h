// vsml/tasks/csv.h: tables of numbers with one column of labels, as spreadsheets and textbooks have
// them.
//
// One example per line, plain or compressed with gzip, UTF-8, at most 1 GiB. Fields are parted by
// the comma, semicolon or tab that comes first in the first line; a field in double quotes may hold
// that character, and a quote written twice, but no end of line. Lines end in LF or CRLF. Empty
// lines at the end count for nothing.
#pragma once

#include <string>
#include <vector>

#include "vsml/tasks/dataset.h"

namespace vsml {

enum class CsvHeader { Auto, Yes, No };

struct CsvOptions {
  // Name (of a header) or number (from 1) of the column that has the labels; empty: the last one.
  std::string label_column;
  // Auto: the first line names the columns if none of its fields is a number.
  CsvHeader header = CsvHeader::Auto;

  friend bool operator==(const CsvOptions&, const CsvOptions&) = default;
};

struct CsvTable {
  std::string path;
  ExampleSet examples;               // inputs in the order of the columns, as they are in the file
  std::vector<std::string> columns;  // the inputs' names for messages: column 3 (width)
  std::string label_column;          // the labels' name for messages
  // Class k is the k-th label: in order of value if all are integers, else of the alphabet.
  std::vector<std::string> classes;
  int64_t first_line = 1;  // of the examples, counted from 1; each has a line
};

// Throws IoError, of the form "PATH:LINE: COLUMN: expected ..., found ...", for whatever is not
// such a table: no examples, lines of different lengths, a field that is missing or not a finite
// number in single precision (smaller ones are 0), a label that is missing, only one class, a label
// column that is not there or twice; and for files that cannot be read.
CsvTable read_csv(const std::string& path, const CsvOptions& options = {});

// A field in double quotes, quotes in it written twice.
std::string csv_quoted(const std::string& text);

}  // namespace vsml
