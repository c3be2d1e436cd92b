// vsml/tasks/example_stream.h: endless generated tasks: what one lifetime of them has drawn.
//
// A stream is a function of the key of its lifetime, and its example `index` of index and key, so
// that any example can be asked for at any time and on any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/rng.h"

namespace vsml {

class ExampleStream {
 public:
  virtual ~ExampleStream() = default;
  // Writes inputs [D] and returns the label. Throws Error if index is negative or above 2^32 - 1.
  virtual int32_t example(int64_t index, float* inputs) const = 0;
};

struct StreamOptions {
  int64_t inputs = 8;       // D
  int64_t num_classes = 2;  // C
  int64_t clusters = 3;     // clusters: most clusters of a class
};

// Data set sum_sign (vsml/tasks/generated.h), clusters or teacher (vsml/tasks/families.h). Throws
// Error if it is none of them or a number is below 1.
std::shared_ptr<const ExampleStream> example_stream(const std::string& dataset,
                                                    const StreamOptions& options,
                                                    const engine::RngKey& key);

}  // namespace vsml
