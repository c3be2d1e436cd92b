#include "vsml/tasks/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <string_view>

#include "engine/error.h"
#include "vsml/tasks/data_file.h"

namespace vsml {
namespace {

constexpr int64_t kMostBytes = int64_t{1} << 30;
constexpr size_t kMostColumns = 1 << 20;
constexpr size_t kMostClasses = 65536;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

using Row = std::vector<std::string>;

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// All of the text, as a number; none if it is something else, too large, or not finite.
template <class T>
std::optional<T> as_number(std::string_view text) {
  T value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

// A finite number of single precision.
std::optional<float> number(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  std::optional<double> value = as_number<double>(text);
  // What is too small for a double is out of its range, too, but not of a long double's.
  if (!value) {
    const auto tiny = as_number<long double>(text);
    if (tiny && std::fabs(*tiny) < 1) value = 0;
  }
  if (!value || !std::isfinite(static_cast<float>(*value))) return std::nullopt;
  return static_cast<float>(*value);
}

std::string quoted(const std::string& text) {
  constexpr size_t kLongest = 40;
  return '"' + engine::printable(text.substr(0, kLongest)) + '"' +
         (text.size() > kLongest ? "..." : "");
}

// Cuts the bytes of a file into rows of fields.
class Reader {
 public:
  Reader(std::string path, const std::vector<uint8_t>& bytes)
      : path_(std::move(path)), text_(reinterpret_cast<const char*>(bytes.data()), bytes.size()) {
    const size_t zero = text_.find('\0');
    if (zero != std::string_view::npos) {
      line_ = 1 + std::count(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(zero), '\n');
      refuse("", "text (UTF-8)", "a byte 0", "save the table as CSV in UTF-8");
    }
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
    while (!done() && (text_.back() == '\n' || text_.back() == '\r')) text_.remove_suffix(1);
    delimiter_ = first_delimiter();
  }

  bool done() const { return at_ >= text_.size(); }
  int64_t line() const { return line_; }  // of the row that next_row() gave

  Row next_row() {
    ++line_;
    Row row;
    do {
      if (row.size() == kMostColumns) {
        refuse("", fmt::format("at most {} fields", kMostColumns), "more");
      }
      row.push_back(!done() && text_[at_] == '"' ? quoted_field(row.size()) : plain_field());
    } while (take(delimiter_));
    take('\r');
    if (!done() && !take('\n')) {
      refuse(fmt::format("field {}", row.size()),
             fmt::format("{} or the end of the line after the closing quote",
                         delimiter_ == '\t' ? "a tab" : fmt::format("'{}'", delimiter_)),
             quoted(std::string(text_.substr(at_, 1))), "a quote inside quotes is written twice");
    }
    return row;
  }

  [[noreturn]] void refuse(const std::string& column, const std::string& expected,
                           const std::string& found, const std::string& hint = {}) const {
    throw engine::IoError(
        path_, fmt::format("{}", line_),
        fmt::format("{}expected {}, found {}",
                    column.empty() ? "" : engine::printable(column) + ": ", expected, found),
        hint);
  }

 private:
  char first_delimiter() const {
    bool in_quotes = false;
    for (size_t k = at_; k < text_.size() && text_[k] != '\n'; ++k) {
      if (text_[k] == '"') in_quotes = !in_quotes;
      if (!in_quotes && (text_[k] == ',' || text_[k] == ';' || text_[k] == '\t')) return text_[k];
    }
    return ',';
  }
  bool take(char wanted) {
    if (done() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  std::string plain_field() {
    const size_t first = at_;
    while (!done() && text_[at_] != delimiter_ && text_[at_] != '\n') ++at_;
    std::string_view field = text_.substr(first, at_ - first);
    if (field.ends_with('\r')) field.remove_suffix(1);
    return std::string(trimmed(field));
  }
  std::string quoted_field(size_t place) {
    std::string field;
    ++at_;
    while (true) {
      if (done() || text_[at_] == '\n') {
        refuse(fmt::format("field {}", place + 1), "a closing quote in the same line",
               "the end of the line");
      }
      if (text_[at_] == '"') {
        ++at_;
        if (!take('"')) return field;
        field += '"';
      } else {
        field += text_[at_++];
      }
    }
  }

  std::string path_;
  std::string_view text_;
  size_t at_ = 0;
  int64_t line_ = 0;
  char delimiter_ = ',';
};

std::vector<uint8_t> bytes_of(const std::string& path) {
  DataFile file(path);
  const auto refuse = [&](const std::string& found) {
    throw engine::IoError(path, "",
                          fmt::format("expected at most {} bytes, found {}", kMostBytes, found));
  };
  if (!file.compressed() && file.most_bytes_left() > kMostBytes) {
    refuse(fmt::format("{}", file.most_bytes_left()));
  }
  std::vector<uint8_t> bytes = file.read_bytes(kMostBytes + 1);
  if (static_cast<int64_t>(bytes.size()) > kMostBytes) refuse("more");
  return bytes;
}

bool is_header(const Row& row, CsvHeader header) {
  if (header != CsvHeader::Auto) return header == CsvHeader::Yes;
  return std::none_of(row.begin(), row.end(),
                      [](const std::string& field) { return number(field).has_value(); });
}

// What the columns are called in messages.
Row column_names(const Row& first, bool named) {
  Row names;
  for (size_t k = 0; k < first.size(); ++k) {
    names.push_back(fmt::format("column {}", k + 1));
    if (named && !first[k].empty()) names.back() += fmt::format(" ({})", first[k]);
  }
  return names;
}

size_t label_place(const Reader& reader, const std::string& wanted, const Row& first, bool named) {
  if (wanted.empty()) return first.size() - 1;
  const auto found = named ? std::find(first.begin(), first.end(), wanted) : first.end();
  if (found != first.end()) {
    if (std::find(found + 1, first.end(), wanted) != first.end()) {
      reader.refuse("", fmt::format("one column {} for the labels", quoted(wanted)), "two",
                    "say the number of the column, from 1 on");
    }
    return static_cast<size_t>(found - first.begin());
  }
  const auto place = as_number<int64_t>(wanted);
  if (place && *place >= 1 && *place <= static_cast<int64_t>(first.size())) {
    return static_cast<size_t>(*place - 1);
  }
  reader.refuse("", fmt::format("a column {} for the labels", quoted(wanted)),
                fmt::format("{} columns{}", first.size(),
                            named ? ", the last called " + quoted(first.back()) : " without names"),
                named ? "" : "a header is seen as such if none of its fields is a number");
}

// The labels in the order of their classes.
std::vector<std::string> ordered_classes(const std::map<std::string, int32_t>& labels) {
  std::vector<std::string> classes;
  for (const auto& [label, unused] : labels) classes.push_back(label);
  const auto value = [](const std::string& label) { return as_number<int64_t>(label); };
  if (std::all_of(classes.begin(), classes.end(), value)) {
    std::stable_sort(classes.begin(), classes.end(),
                     [&](const auto& a, const auto& b) { return *value(a) < *value(b); });
  }
  return classes;
}

// Labels were numbered as they came: gives them the numbers of their classes.
void number_classes(std::map<std::string, int32_t> labels, CsvTable& table) {
  table.classes = ordered_classes(labels);
  std::vector<int32_t> number_of(labels.size());
  for (size_t k = 0; k < table.classes.size(); ++k) {
    number_of[static_cast<size_t>(labels[table.classes[k]])] = static_cast<int32_t>(k);
  }
  for (int32_t& label : table.examples.labels) label = number_of[static_cast<size_t>(label)];
  table.examples.num_classes = static_cast<int64_t>(table.classes.size());
}

void require_length(const Reader& reader, const Row& row, size_t wanted) {
  if (row.size() == wanted) return;
  const bool empty = row.size() == 1 && row[0].empty();
  reader.refuse("", fmt::format("{} fields as in line 1", wanted),
                empty ? "an empty line" : fmt::format("{}", row.size()));
}

float input(const Reader& reader, const std::string& column, const std::string& field) {
  const std::optional<float> value = number(field);
  if (value) return *value;
  if (field.empty()) {
    reader.refuse(column, "a number", "nothing", "fill in missing values, or leave the line out");
  }
  reader.refuse(column, "a finite number, of at most 3.4e38", quoted(field),
                "words can be labels, not inputs");
}

}  // namespace

CsvTable read_csv(const std::string& path, const CsvOptions& options) {
  const std::vector<uint8_t> bytes = bytes_of(path);
  Reader reader(path, bytes);
  if (reader.done()) {
    throw engine::IoError(path, "1", "expected a line of fields, found an empty file");
  }
  Row row = reader.next_row();
  const bool named = is_header(row, options.header);
  const Row names = column_names(row, named);
  if (names.size() < 2) {
    reader.refuse("", "at least two columns, one of them for the labels", "1",
                  "fields are parted by a comma, a semicolon or a tab");
  }
  const size_t label = label_place(reader, options.label_column, row, named);
  CsvTable table;
  table.path = path;
  table.label_column = names[label];
  table.first_line = named ? 2 : 1;
  for (size_t k = 0; k < names.size(); ++k) {
    if (k != label) table.columns.push_back(names[k]);
  }
  ExampleSet& examples = table.examples;
  examples.num_inputs = static_cast<int64_t>(table.columns.size());
  std::map<std::string, int32_t> labels;  // numbered as they come
  for (bool fresh = !named; fresh || !reader.done(); fresh = false) {
    if (!fresh) row = reader.next_row();
    require_length(reader, row, names.size());
    for (size_t k = 0; k < row.size(); ++k) {
      if (k != label) examples.inputs.push_back(input(reader, names[k], row[k]));
    }
    if (row[label].empty()) reader.refuse(names[label], "a label", "nothing");
    const auto next = static_cast<int32_t>(labels.size());
    examples.labels.push_back(labels.emplace(row[label], next).first->second);
    if (labels.size() > kMostClasses) {
      reader.refuse(names[label], fmt::format("at most {} classes", kMostClasses), "more",
                    "is this the column of the labels?");
    }
    ++examples.count;
  }
  if (labels.size() < 2) {
    reader.refuse(names[label], "labels of at least two classes",
                  fmt::format("{} in all lines", labels.size()));
  }
  number_classes(std::move(labels), table);
  return table;
}

std::string csv_quoted(const std::string& text) {
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? std::string("\"\"") : std::string(1, c);
  return field + "\"";
}

}  // namespace vsml
