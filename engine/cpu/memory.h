// engine/cpu/memory.h: the memory of the host, for the caching allocator.
#pragma once

#include "engine/caching_allocator.h"

namespace engine::cpu {

// Small blocks from the heap; large ones mapped, with huge pages where they fit.
class SystemMemory final : public MemorySource {
 public:
  void* obtain(int64_t size) override;
  void give_back(void* data, int64_t size) noexcept override;
  std::string name() const override { return "memory"; }
};

}  // namespace engine::cpu
