// engine/recorded_memory.h: the memory of kernels that are recorded (Backend::record), for
// backends.
//
// A recording holds addresses, so a block that its kernels use must not go to anybody else while it
// may be replayed.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "engine/caching_allocator.h"

namespace engine {

// Serves the thread that records. Blocks that were allocated here are handed out again once they
// are released; blocks that were there before are only kept, so that they still hold what they
// held when a replay begins. All that was released goes back with this object.
class RecordedMemory {
 public:
  // `source` must outlive this object.
  explicit RecordedMemory(CachingAllocator& source) : source_(source) {}
  ~RecordedMemory();
  RecordedMemory(const RecordedMemory&) = delete;
  RecordedMemory& operator=(const RecordedMemory&) = delete;

  void* allocate(int64_t bytes);
  void release(void* data, int64_t bytes);

 private:
  CachingAllocator& source_;
  std::set<void*> own_;                          // allocated here
  std::map<int64_t, std::vector<void*>> free_;   // of these, by bytes
  std::vector<std::pair<void*, int64_t>> kept_;  // from before
};

}  // namespace engine
