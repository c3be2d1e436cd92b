// engine/error.h: the exceptions of the engine.
//
// Every misuse and every bad file ends in one of these. what() is one line and needs no context;
// hint(), possibly empty, says what to do about it. Ops throw before any work is done, so a caught
// error leaves all tensors as they were.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace engine {

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, std::string hint = {})
      : std::runtime_error(message), hint_(std::move(hint)) {}
  const std::string& hint() const noexcept { return hint_; }

 private:
  std::string hint_;
};

// Shapes, axes or indices that do not fit an op's rule.
class ShapeError : public Error {
  using Error::Error;
};
// Element types that differ where they must agree, or that an op does not support.
class DTypeError : public Error {
  using Error::Error;
};
// Devices that differ where they must agree, or that are not present.
class DeviceError : public Error {
  using Error::Error;
};
// Differentiation that cannot be done (not recorded, not twice differentiable).
class GradientError : public Error {
  using Error::Error;
};
// A file that cannot be read, is malformed, or cannot be written. `place` is a byte offset or a
// field name inside the file, empty if the whole file is meant; what() is "PATH:PLACE: problem".
class IoError : public Error {
 public:
  IoError(const std::string& path, const std::string& place, const std::string& problem,
          std::string hint = {});
};
// Memory or disk space that is not there.
class ResourceError : public Error {
  using Error::Error;
};

// `text` with control characters (and bytes that are not UTF-8) written as \xNN, so that a name
// taken from a file cannot steer the terminal it is printed on.
std::string printable(const std::string& text);

// a * b and a + b for sizes read from files: throw ShapeError if a factor is negative or the result
// does not fit int64_t.
int64_t checked_mul(int64_t a, int64_t b);
int64_t checked_add(int64_t a, int64_t b);

}  // namespace engine
