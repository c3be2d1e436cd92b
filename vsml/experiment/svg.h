// vsml/experiment/svg.h: line charts as SVG text, for documents.
#pragma once

#include <string>
#include <vector>

namespace vsml {

struct Curve {
  std::string name;
  std::vector<double> x, y;  // points that are not finite (or not positive, if log) are left out
  std::vector<double> low = {}, high = {};  // of a band around it, point by point; empty: none
};

struct Panel {
  std::string title, x_label;
  std::vector<Curve> curves;  // later ones lie on top, thinner
  bool logarithmic = false;   // the y axis
};

// What a picture stands in: a document of its own, on white; or an HTML page, whose text colour and
// ground it takes, light or dark.
enum class SvgPlace { Document, Page };

// Rows of panels of one size. Text and colours stand by themselves: no style sheet, no font file.
// `title` says what the picture is to those who do not see it.
std::string svg_of(const std::vector<std::vector<Panel>>& rows, SvgPlace place = SvgPlace::Document,
                   const std::string& title = {});

// Text between tags of HTML or XML: markup escaped, control characters as \xNN.
std::string escaped_markup(const std::string& text);

}  // namespace vsml
