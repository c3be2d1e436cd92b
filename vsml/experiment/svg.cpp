#include "vsml/experiment/svg.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

#include "engine/error.h"

namespace vsml {
namespace {

constexpr double kWidth = 380, kHeight = 300;                     // of a panel
constexpr double kLeft = 52, kRight = 20, kTop = 30, kFoot = 44;  // around its plot
constexpr double kLegendLine = 14;
constexpr size_t kLegendLines = 4;  // that a panel has room for; with more it is higher

// Okabe and Ito's colours, told apart by nearly everybody; their black is the colour of text.
constexpr std::array<const char*, 7> kColours = {"#0072B2", "#D55E00", "#009E73",     "#CC79A7",
                                                 "#E69F00", "#56B4E9", "currentColor"};

// Curves beyond the colours are dashed.
const char* dashes_of(size_t curve) {
  return curve / kColours.size() % 2 == 0 ? "" : " stroke-dasharray=\"5 3\"";
}

std::string text_at(double x, double y, const std::string& text, const char* anchor) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                     escaped_markup(text));
}

std::string line_from(double x1, double y1, double x2, double y2) {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"currentColor\" "
      "stroke-opacity=\"0.2\"/>\n",
      x1, y1, x2, y2);
}

// An axis from data to a place on the page.
struct Axis {
  double low = 0, high = 1, from = 0, to = 1;
  bool logarithmic = false;

  double value(double v) const { return logarithmic ? std::log10(v) : v; }
  bool shows(double v) const { return std::isfinite(v) && (!logarithmic || v > 0); }
  double place(double v) const { return from + (to - from) * (value(v) - low) / (high - low); }

  void fit(double least, double most) {
    low = value(least);
    high = value(most);
    if (logarithmic) {
      low = std::floor(low);
      high = std::ceil(high);
    }
    if (!(high > low)) high = low + 1;
  }

  // Powers of ten, or about five multiples of 1, 2 or 5 times one.
  std::vector<double> ticks() const {
    double step = 1;
    if (!logarithmic) {
      step = std::pow(10, std::floor(std::log10((high - low) / 3)));
      for (const double factor : {2.0, 2.5, 2.0}) {
        if ((high - low) / step > 6) step *= factor;
      }
    } else {
      step = std::max(1.0, std::ceil((high - low) / 6));
    }
    std::vector<double> ticks;
    for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k) {
      ticks.push_back(logarithmic ? std::pow(10, k * step) : k * step + 0.0);  // not -0
    }
    return ticks;
  }
};

std::string band_of(const Curve& curve, const Axis& x, const Axis& y, const char* colour) {
  std::string there, back;
  for (size_t k = 0; k < curve.low.size(); ++k) {
    if (!x.shows(curve.x[k]) || !y.shows(curve.low[k]) || !y.shows(curve.high[k])) continue;
    there += fmt::format("{:.1f},{:.1f} ", x.place(curve.x[k]), y.place(curve.high[k]));
    back = fmt::format("{:.1f},{:.1f} ", x.place(curve.x[k]), y.place(curve.low[k])) + back;
  }
  if (there.empty()) return "";
  return fmt::format("<polygon fill=\"{}\" fill-opacity=\"0.18\" points=\"{}{}\"/>\n", colour,
                     there, back);
}

std::string polyline(const Curve& curve, const Axis& x, const Axis& y, const char* colour,
                     double width, const char* dashes) {
  std::string points;
  for (size_t k = 0; k < curve.x.size(); ++k) {
    if (!x.shows(curve.x[k]) || !y.shows(curve.y[k])) continue;
    points += fmt::format("{:.1f},{:.1f} ", x.place(curve.x[k]), y.place(curve.y[k]));
  }
  return fmt::format(
      "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{} points=\"{}\"/>\n", colour,
      width, dashes, points);
}

std::string panel_at(const Panel& panel, double left, double top, double height) {
  const double legend = kLegendLine * static_cast<double>(panel.curves.size());
  Axis x{0, 1, left + kLeft, left + kWidth - kRight};
  Axis y{0, 1, top + height - kFoot, top + kTop + legend, panel.logarithmic};
  double x_low = INFINITY, x_high = -INFINITY, y_low = INFINITY, y_high = -INFINITY;
  for (const Curve& curve : panel.curves) {
    for (size_t k = 0; k < curve.x.size(); ++k) {
      if (!y.shows(curve.y[k])) continue;
      x_low = std::min(x_low, curve.x[k]);
      x_high = std::max(x_high, curve.x[k]);
      y_low = std::min(y_low, curve.y[k]);
      y_high = std::max(y_high, curve.y[k]);
      if (k < curve.low.size() && y.shows(curve.low[k])) y_low = std::min(y_low, curve.low[k]);
      if (k < curve.high.size() && y.shows(curve.high[k])) y_high = std::max(y_high, curve.high[k]);
    }
  }
  std::string svg = text_at(left + kWidth / 2, top + 18, panel.title, "middle");
  if (!(x_high >= x_low)) return svg;  // nothing to show
  x.fit(std::min(0.0, x_low), x_high);
  y.fit(y_low, y_high);
  for (const double tick : y.ticks()) {
    svg += line_from(x.from, y.place(tick), x.to, y.place(tick));
    svg += text_at(x.from - 5, y.place(tick) + 4, fmt::format("{:g}", tick), "end");
  }
  for (const double tick : x.ticks()) {
    svg += line_from(x.place(tick), y.from, x.place(tick), y.from + 4);
    svg += text_at(x.place(tick), y.from + 16, fmt::format("{:g}", tick), "middle");
  }
  svg += text_at((x.from + x.to) / 2, y.from + 34, panel.x_label, "middle");
  for (size_t k = 0; k < panel.curves.size(); ++k) {
    const char* colour = kColours[k % kColours.size()];
    const bool bands = !panel.curves[k].low.empty();
    const double width = bands ? 2 : k + 1 < panel.curves.size() ? 4 : 1.5;
    const double line = top + kTop + kLegendLine * static_cast<double>(k);
    svg += band_of(panel.curves[k], x, y, colour);
    svg += polyline(panel.curves[k], x, y, colour, width, dashes_of(k));
    svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"14\" height=\"{}\" fill=\"{}\"/>\n",
                       x.from + 4, line + 4 - width / 2, width, colour);
    svg += text_at(x.from + 23, line + 8, panel.curves[k].name, "start");
  }
  return svg;
}

}  // namespace

std::string svg_of(const std::vector<std::vector<Panel>>& rows, SvgPlace place,
                   const std::string& title) {
  size_t columns = 0;
  std::vector<double> heights;
  double width = 0, height = 0;
  for (const auto& row : rows) {
    size_t lines = kLegendLines;
    for (const Panel& panel : row) lines = std::max(lines, panel.curves.size());
    heights.push_back(kHeight + kLegendLine * static_cast<double>(lines - kLegendLines));
    height += heights.back();
    columns = std::max(columns, row.size());
    width = kWidth * static_cast<double>(columns);
  }
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
      "viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\" font-size=\"11\"",
      width, height);
  if (place == SvgPlace::Page) {
    svg += " role=\"img\" fill=\"currentColor\">\n";
  } else {
    svg += " color=\"black\">\n";
  }
  if (!title.empty()) svg += "<title>" + escaped_markup(title) + "</title>\n";
  if (place == SvgPlace::Document) {
    svg += "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  }
  double top = 0;
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < rows[r].size(); ++c) {
      svg += panel_at(rows[r][c], kWidth * static_cast<double>(c), top, heights[r]);
    }
    top += heights[r];
  }
  return svg + "</svg>\n";
}

std::string escaped_markup(const std::string& text) {
  std::string safe;
  for (const char c : engine::printable(text)) {
    if (c == '&')
      safe += "&amp;";
    else if (c == '<')
      safe += "&lt;";
    else if (c == '>')
      safe += "&gt;";
    else
      safe += c;
  }
  return safe;
}

}  // namespace vsml
