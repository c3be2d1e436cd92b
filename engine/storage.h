// engine/storage.h: reference-counted bytes on one device. Only tensor.cpp and the backends use it.
#pragma once

#include <cstdint>

#include "engine/device.h"

namespace engine {

// Owns one allocation of the device's backend for as long as it lives.
class Storage {
 public:
  // Throws ResourceError if the bytes cannot be had.
  Storage(int64_t bytes, Device device);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  Device device() const { return device_; }

 private:
  void* data_;
  int64_t bytes_;
  Device device_;
};

}  // namespace engine
