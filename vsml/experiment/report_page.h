// vsml/experiment/report_page.h: the parts of an HTML page.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vsml {

// Cells of a table, as text; `numeric` ones are set to the right. The first column names the rows.
struct HtmlTable {
  std::string caption;
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
  std::vector<bool> numeric;  // by column; missing: not
};
std::string html_of(const HtmlTable& table);

// `counts` [n, n]: of the row's class, taken for the column's. Cells are shaded by their share of
// the row and show it in percent; the diagonal is outlined.
std::string confusion_html(const std::string& caption, const std::vector<int64_t>& counts);

// The page's heading and a sentence below it.
std::string html_heading(const std::string& heading, const std::string& sentence);
// A section with a heading that links lead to.
std::string section(const std::string& id, const std::string& heading, const std::string& content);
// What is folded away until it is asked for.
std::string folded(const std::string& summary, const std::string& content, bool open = false);
// Text as it stands, line by line.
std::string preformatted(const std::string& text);

// The whole page around its sections. Light or dark as the reader prefers, and made for paper too;
// what the browser may load is: nothing.
std::string page(const std::string& title, const std::string& content);

}  // namespace vsml
