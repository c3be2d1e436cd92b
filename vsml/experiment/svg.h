// vsml/experiment/svg.h: line charts as SVG text, for documents.
#pragma once

#include <string>
#include <vector>

namespace vsml {

struct Curve {
  std::string name;
  std::vector<double> x, y;  // points that are not finite (or not positive, if log) are left out
};

struct Panel {
  std::string title, x_label;
  std::vector<Curve> curves;  // later ones lie on top, thinner
  bool logarithmic = false;   // the y axis
};

// Rows of panels of one size. Text and colours stand by themselves: no style sheet, no font file.
std::string svg_of(const std::vector<std::vector<Panel>>& rows);

}  // namespace vsml
