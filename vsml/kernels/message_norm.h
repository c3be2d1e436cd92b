// vsml/kernels/message_norm.h: what fused kernels know of normalised messages.
//
// A cell's messages, normalised, are x = z / sqrt(mean(z^2) + epsilon) with z = h m + b, where the
// messenger [m; b] has been centred over the channels of a message, so that z has a mean of 0.
// Kernels sum x over inputs or outputs; scale and offset are applied to the sums by engine ops.
#pragma once

#include <cstdint>

namespace vsml::kernels {

inline constexpr int kMostMessages = 16;      // channels of a message
inline constexpr double kNormEpsilon = 1e-5;  // that of engine::layer_norm()

// Numbers in a messenger: a row for each channel of h, and one for the bias; forward channels, then
// reverse ones if there are two directions.
constexpr int64_t messenger_numbers(int64_t state_size, int64_t directions, int64_t size) {
  return (state_size + 1) * directions * size;
}

}  // namespace vsml::kernels
