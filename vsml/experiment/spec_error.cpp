#include "vsml/experiment/spec_error.h"

#include <algorithm>
#include <fmt/format.h>

namespace vsml {
namespace {

constexpr size_t kLongestShown = 120;   // bytes of a text that are printed
constexpr size_t kLongestGuessed = 64;  // longer words are not looked up: no key is near them

std::string message(const Place& place, const std::string& path, const std::string& problem) {
  std::string where = "--set";
  if (place.file != nullptr) {
    where = engine::printable(*place.file);
    if (place.line > 0) where += fmt::format(":{}", place.line);
    where += ":";
  } else if (path.empty()) {
    where += ":";
  }
  return path.empty() ? fmt::format("{} {}", where, problem)
                      : fmt::format("{} {}: {}", where, path, problem);
}

std::string folded(std::string word) {
  for (char& letter : word) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    if (letter == '-' || letter == ' ') letter = '_';
  }
  return word;
}

// Edits between two words, an exchange of neighbours being one (optimal string alignment).
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> edits(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        edits[i][j] = i + j;
        continue;
      }
      edits[i][j] = std::min({edits[i - 1][j] + 1, edits[i][j - 1] + 1,
                              edits[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        edits[i][j] = std::min(edits[i][j], edits[i - 2][j - 2] + 1);
      }
    }
  }
  return edits[a.size()][b.size()];
}

}  // namespace

SpecError::SpecError(const Place& place, const std::string& path, const std::string& problem,
                     std::string hint)
    : Error(message(place, path, problem), std::move(hint)) {}

std::string nearest(const std::string& word, const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > kLongestGuessed) return {};
  std::string best;
  size_t fewest = kLongestGuessed;
  for (const std::string& candidate : candidates) {
    const size_t edits = edit_distance(folded(word), folded(candidate));
    if (edits >= fewest || edits > std::max<size_t>(1, candidate.size() / 3)) continue;
    fewest = edits;
    best = candidate;
  }
  return best;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates) {
  const std::string guess = nearest(word, candidates);
  return guess.empty() ? "" : fmt::format("did you mean \"{}\"?", guess);
}

std::string shortened(const std::string& text) {
  if (text.size() <= kLongestShown) return engine::printable(text);
  return engine::printable(text.substr(0, kLongestShown / 2)) + " ... " +
         engine::printable(text.substr(text.size() - kLongestShown / 2));
}

std::string quoted(const std::string& text) {
  return "\"" + shortened(text) + "\"";
}

std::string alternatives(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace vsml
