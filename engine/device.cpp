#include "engine/device.h"

#include <charconv>
#include <fmt/format.h>

#include "engine/backend.h"
#include "engine/error.h"

namespace engine {

std::string to_string(const Device& device) {
  return device.kind == Device::Kind::Cpu ? "cpu" : fmt::format("cuda:{}", device.index);
}

Device parse_device(const std::string& text) {
  if (text == "cpu") return {};
  if (text == "cuda") return {Device::Kind::Cuda, 0};
  Device device{Device::Kind::Cuda, 0};
  if (text.starts_with("cuda:")) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + 5, end, device.index);
    if (error == std::errc() && stop == end && device.index >= 0 && device.index < 1024) {
      return device;
    }
  }
  throw DeviceError(fmt::format("device: expected cpu, cuda or cuda:N, got {}", printable(text)));
}

bool available(const Device& device) {
  return device.kind == Device::Kind::Cpu || cuda_backend(device.index) != nullptr;
}

std::string absence_hint(const Device& device) {
  if (available(device)) return "";
  return fmt::format("{}; use --device cpu, or a build with CUDA on a machine with a GPU",
                     cuda_absence(device.index));
}

Backend& backend(const Device& device) {
  if (device.kind == Device::Kind::Cpu) return cpu_backend();
  if (Backend* found = cuda_backend(device.index)) return *found;
  throw DeviceError(fmt::format("device: {} is not present", to_string(device)),
                    absence_hint(device));
}

}  // namespace engine
