// engine/caching_allocator.h: keeps freed blocks for reuse, so that an unroll whose tensors have
// the same sizes step after step asks its device for memory only once. For backends: the policy is
// the same everywhere, where the memory comes from is not.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/backend.h"

namespace engine {

// Where blocks come from and go back to. Sizes are size classes of the allocator, multiples of 64.
class MemorySource {
 public:
  virtual ~MemorySource() = default;
  // 64-byte aligned; null if there is no memory left.
  virtual void* obtain(int64_t size) = 0;
  virtual void give_back(void* data, int64_t size) noexcept = 0;
  // Begins the message of a ResourceError: "memory", "cuda:0: memory".
  virtual std::string name() const = 0;
};

// Thread-safe. Blocks come in size classes at most 25% above the request, above 256 KiB at most 3%.
// What is in use and what is kept together never exceed the most that was in use at one time (or 64
// MiB, if that is more), so keeping blocks does not raise a program's peak.
class CachingAllocator {
 public:
  // `source` must outlive the allocator.
  explicit CachingAllocator(MemorySource& source);
  ~CachingAllocator();
  CachingAllocator(const CachingAllocator&) = delete;
  CachingAllocator& operator=(const CachingAllocator&) = delete;

  // Throws ResourceError if the source has no memory left, also after the cache was given back.
  void* allocate(int64_t bytes);
  // `bytes` as given to allocate().
  void release(void* data, int64_t bytes) noexcept;

  MemoryUse use() const;
  void reset_peak();

 private:
  void drop_cache();
  void make_room(int64_t size);

  mutable std::mutex mutex_;
  MemorySource& source_;
  std::map<int64_t, std::vector<void*>> free_;  // by size class
  MemoryUse use_;
  int64_t most_;  // in use at one time so far, or the allowance
};

}  // namespace engine
