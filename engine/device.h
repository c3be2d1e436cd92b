// engine/device.h: where a Tensor's bytes live.
#pragma once

#include <string>

namespace engine {

struct Device {
  enum class Kind { Cpu, Cuda };
  Kind kind = Kind::Cpu;
  int index = 0;

  friend bool operator==(const Device&, const Device&) = default;
};

// "cpu", "cuda:0".
std::string to_string(const Device& device);

// Reads "cpu", "cuda" (= cuda:0) or "cuda:N". Throws DeviceError for any other text; whether such a
// device is present is known by available().
Device parse_device(const std::string& text);

// True if tensors can be made on the device in this build and on this machine.
bool available(const Device& device);

// Why they cannot, and what to do instead; empty if they can.
std::string absence_hint(const Device& device);

}  // namespace engine
