// tests/vsml/spec_failures.h: that a spec is refused, and with which words.
#pragma once

#include <doctest/doctest.h>
#include <string>

#include "tests/vsml/spec_files.h"

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The small spec with a piece of its text replaced.
inline std::string with(const std::string& old, const std::string& text) {
  std::string spec = small_spec();
  const size_t begin = spec.find(old);
  REQUIRE(begin != std::string::npos);
  return spec.replace(begin, old.size(), text);
}

// `message` is how it begins, `hint` a part of it.
inline void check_failure(const Failure& failure, const std::string& message,
                          const std::string& hint = {}) {
  CAPTURE(failure.message);
  CAPTURE(failure.hint);
  CHECK(failure.message.rfind(message, 0) == 0);
  CHECK(contains(failure.hint, hint));
  CHECK_FALSE(contains(failure.message + failure.hint, "\n"));
}

inline void check_file(const std::string& old, const std::string& text, const std::string& message,
                       const std::string& hint = {}) {
  CAPTURE(text);
  check_failure(failure_of(with(old, text)), message, hint);
}

inline void check_override(const std::string& override, const std::string& message,
                           const std::string& hint = {}) {
  CAPTURE(override.substr(0, 60));
  check_failure(failure_of(small_spec(), {override}), message, hint);
}
