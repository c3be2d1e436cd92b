#include "vsml/experiment/report_page.h"

#include <cmath>
#include <fmt/format.h>
#include <sstream>

#include "vsml/experiment/svg.h"

namespace vsml {
namespace {

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --text: #1c1c1c; --ground: #ffffff; --faint: #5c5c5c;
  --line: #c8c8c8; --link: #00538a; --shade: 0, 114, 178; }
@media (prefers-color-scheme: dark) { :root { --text: #ececec; --ground: #161616; --faint: #b0b0b0;
  --line: #4a4a4a; --link: #7cc4f2; --shade: 86, 180, 233; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--ground);
  max-width: 78rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; margin: .5rem 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
a { color: var(--link); } nav a { margin-right: 1rem; } p.faint, .faint { color: var(--faint); }
table { border-collapse: collapse; margin: .6rem 0 1.4rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .2rem 0 .4rem; }
th, td { padding: .22rem .7rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; } thead th { border-bottom: 2px solid var(--line); }
.number { text-align: right; white-space: nowrap; } tbody th { font-weight: 500; }
.wide { overflow-x: auto; } .wide svg { max-width: none; display: block; }
.panels { display: flex; flex-wrap: wrap; gap: .5rem; } .panels svg { max-width: 100%; }
table.confusion td, table.confusion th { padding: .15rem .3rem; text-align: center; border: 0;
  min-width: 1.9rem; font-size: .8rem; } table.confusion td.right { outline: 1px solid var(--text);
  outline-offset: -1px; } table.confusion caption { font-size: .9rem; }
.matrices { display: flex; flex-wrap: wrap; gap: 1.5rem; }
pre { overflow-x: auto; border: 1px solid var(--line); padding: .7rem; font-size: .82rem; }
summary { cursor: pointer; padding: .2rem 0; } summary:focus-visible, a:focus-visible {
  outline: 2px solid var(--link); outline-offset: 2px; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; }
  section > h2 { break-after: avoid; } table, svg { break-inside: avoid; }
  table.confusion td { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  pre { white-space: pre-wrap; } }
)";

}  // namespace

std::string html_of(const HtmlTable& table) {
  const auto kind = [&](size_t column) {
    const bool numeric = column < table.numeric.size() && table.numeric[column];
    return numeric ? " class=\"number\"" : "";
  };
  std::string html = "<div class=\"wide\"><table>\n<caption>" + escaped_markup(table.caption) +
                     "</caption>\n<thead><tr>";
  for (size_t c = 0; c < table.head.size(); ++c) {
    html += fmt::format("<th scope=\"col\"{}>{}</th>", kind(c), escaped_markup(table.head[c]));
  }
  html += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string text = escaped_markup(row[c]);
      html += c == 0 ? fmt::format("<th scope=\"row\">{}</th>", text)
                     : fmt::format("<td{}>{}</td>", kind(c), text);
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string confusion_html(const std::string& caption, const std::vector<int64_t>& counts) {
  const auto n = static_cast<size_t>(std::llround(std::sqrt(static_cast<double>(counts.size()))));
  std::string html = "<table class=\"confusion\">\n<caption>" + escaped_markup(caption) +
                     "</caption>\n<thead><tr><th scope=\"col\">class</th>";
  for (size_t c = 0; c < n; ++c) html += fmt::format("<th scope=\"col\">{}</th>", c);
  html += "</tr></thead>\n<tbody>\n";
  for (size_t r = 0; r < n; ++r) {
    int64_t total = 0;
    for (size_t c = 0; c < n; ++c) total += counts[r * n + c];
    html += fmt::format("<tr><th scope=\"row\">{}</th>", r);
    for (size_t c = 0; c < n; ++c) {
      const double share =
          total > 0 ? static_cast<double>(counts[r * n + c]) / static_cast<double>(total) : 0;
      // At most 0.6, so that text stays readable on it.
      html += fmt::format("<td{} style=\"background: rgba(var(--shade), {:.2f})\">{}</td>",
                          r == c ? " class=\"right\"" : "", 0.6 * share,
                          counts[r * n + c] > 0 ? fmt::format("{:.0f}", 100 * share) : "");
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table>\n";
}

std::string html_heading(const std::string& heading, const std::string& sentence) {
  return fmt::format("<h1>{}</h1>\n<p>{}</p>\n", escaped_markup(heading), escaped_markup(sentence));
}

std::string section(const std::string& id, const std::string& heading, const std::string& content) {
  return fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n{}</section>\n", id,
                     escaped_markup(heading), content);
}

std::string folded(const std::string& summary, const std::string& content, bool open) {
  return fmt::format("<details{}><summary>{}</summary>\n{}</details>\n", open ? " open" : "",
                     escaped_markup(summary), content);
}

std::string preformatted(const std::string& text) {
  std::istringstream lines(text);
  std::string html = "<pre>";
  for (std::string line; std::getline(lines, line);) html += escaped_markup(line) + "\n";
  return html + "</pre>\n";
}

std::string page(const std::string& title, const std::string& content) {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" "
         "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
         escaped_markup(title) + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n" +
         content + "</body>\n</html>\n";
}

}  // namespace vsml
