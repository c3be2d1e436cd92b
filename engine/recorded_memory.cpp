#include "engine/recorded_memory.h"

namespace engine {

RecordedMemory::~RecordedMemory() {
  for (const auto& [bytes, blocks] : free_) {
    for (void* block : blocks) source_.release(block, bytes);
  }
  for (const auto& [block, bytes] : kept_) source_.release(block, bytes);
}

void* RecordedMemory::allocate(int64_t bytes) {
  std::vector<void*>& blocks = free_[bytes];
  if (!blocks.empty()) {
    void* block = blocks.back();
    blocks.pop_back();
    return block;
  }
  void* block = source_.allocate(bytes);
  own_.insert(block);
  return block;
}

void RecordedMemory::release(void* data, int64_t bytes) {
  if (own_.count(data) == 1) {
    free_[bytes].push_back(data);
  } else {
    kept_.emplace_back(data, bytes);
  }
}

}  // namespace engine
