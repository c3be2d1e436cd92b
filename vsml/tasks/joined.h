// vsml/tasks/joined.h: lists in messages.
#pragma once

#include <fmt/format.h>
#include <string>

namespace vsml {

// The elements of a range with `separator` between them.
template <typename Range>
std::string joined(const Range& range, const char* separator) {
  std::string text;
  const char* before = "";
  for (const auto& element : range) {
    text += fmt::format("{}{}", before, element);
    before = separator;
  }
  return text;
}

}  // namespace vsml
