// engine/joined.h: lists in messages. For .cpp files only (it needs fmt).
#pragma once

#include <fmt/format.h>
#include <string>

namespace engine {

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

}  // namespace engine
