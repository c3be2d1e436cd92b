// vsml/experiment/spec_error.h: what is said when a spec is wrong.
//
// Every message is one line: where it was said, which key, what was expected and what was got. The
// hint names the nearest thing that would have been right.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/error.h"

namespace vsml {

// Where a value was said: in a file, or (no file) with --set on the command line.
struct Place {
  std::shared_ptr<const std::string> file;  // the path as it is to be printed
  int64_t line = 0;                         // from 1; 0: the file as a whole
};

// A spec that cannot be read or contradicts itself. what() is "FILE:LINE: key.path: problem", or
// "--set key.path: problem" where the command line said it. An empty path means the whole spec.
class SpecError : public engine::Error {
 public:
  SpecError(const Place& place, const std::string& path, const std::string& problem,
            std::string hint = {});
};

// The candidate that takes the fewest single-character edits (insertion, deletion, substitution,
// exchange of neighbours; case and the kind of dash do not count) to become `word`. Empty if even
// that takes more than a third of its length, or than 1 where it is short.
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);

// `did you mean "..."?`, or nothing if no candidate is near.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates);

// Text from a file, safe to print: control characters escaped, the middle of long text left out.
std::string shortened(const std::string& text);
// The same in quotes.
std::string quoted(const std::string& text);

// "a, b or c".
std::string alternatives(const std::vector<std::string>& words);

}  // namespace vsml
