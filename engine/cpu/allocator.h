// engine/cpu/allocator.h: keeps freed blocks for reuse, so that an unroll whose tensors have the
// same sizes step after step touches fresh pages only once.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "engine/backend.h"

namespace engine::cpu {

// Thread-safe. Blocks are 64-byte aligned and come in size classes at most 25% above the request,
// above 256 KiB at most 3%. What is in use and what is kept together never exceed the most that was
// in use at one time (or 64 MiB, if that is more), so keeping blocks does not raise a program's peak.
class CachingAllocator {
 public:
  CachingAllocator();
  ~CachingAllocator();
  CachingAllocator(const CachingAllocator&) = delete;
  CachingAllocator& operator=(const CachingAllocator&) = delete;

  // Throws ResourceError if the system has no memory left, also after the cache was given back.
  void* allocate(int64_t bytes);
  // `bytes` as given to allocate().
  void release(void* data, int64_t bytes) noexcept;

  MemoryUse use() const;
  void reset_peak();

 private:
  void drop_cache();
  void make_room(int64_t size);

  mutable std::mutex mutex_;
  std::map<int64_t, std::vector<void*>> free_;  // by size class
  MemoryUse use_;
  int64_t most_;  // in use at one time so far, or the allowance
};

}  // namespace engine::cpu
