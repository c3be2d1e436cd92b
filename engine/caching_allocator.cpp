#include "engine/caching_allocator.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <fmt/format.h>

#include "engine/error.h"

namespace engine {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kLarge = int64_t{256} << 10;
constexpr int64_t kAllowance = int64_t{64} << 20;

// Four classes between two powers of two; of large blocks, where the rest would be felt, 32.
int64_t size_class(int64_t bytes) {
  if (bytes <= 4 * kAlignment) {
    return (std::max<int64_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  }
  const int64_t classes = bytes > kLarge ? 32 : 4;
  const auto step =
      static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(bytes - 1))) / classes;
  return (bytes + step - 1) / step * step;
}

}  // namespace

CachingAllocator::CachingAllocator(MemorySource& source) : source_(source), most_(kAllowance) {}

CachingAllocator::~CachingAllocator() {
  drop_cache();
}

void* CachingAllocator::allocate(int64_t bytes) {
  const int64_t size = size_class(bytes);
  const std::lock_guard lock(mutex_);
  void* data = nullptr;
  const auto found = free_.find(size);
  if (found != free_.end() && !found->second.empty()) {
    data = found->second.back();
    found->second.pop_back();
    use_.cached -= size;
  } else {
    make_room(size);
    data = source_.obtain(size);
    if (data == nullptr) {
      drop_cache();
      data = source_.obtain(size);
    }
    if (data == nullptr) {
      throw ResourceError(fmt::format("{}: {} bytes cannot be had; {} bytes are in use",
                                      source_.name(), bytes, use_.live),
                          "use a smaller population, chunk_size, network or memory_budget");
    }
  }
  use_.live += size;
  use_.peak = std::max(use_.peak, use_.live);
  most_ = std::max(most_, use_.live);
  return data;
}

void CachingAllocator::release(void* data, int64_t bytes) noexcept {
  const int64_t size = size_class(bytes);
  const std::lock_guard lock(mutex_);
  use_.live -= size;
  try {
    free_[size].push_back(data);
    use_.cached += size;
  } catch (const std::bad_alloc&) {
    source_.give_back(data, size);
  }
}

MemoryUse CachingAllocator::use() const {
  const std::lock_guard lock(mutex_);
  return use_;
}

void CachingAllocator::reset_peak() {
  const std::lock_guard lock(mutex_);
  use_.peak = use_.live;
}

// Gives kept blocks back, the largest first, until a new one of this size fits.
void CachingAllocator::make_room(int64_t size) {
  for (auto place = free_.rbegin(); place != free_.rend(); ++place) {
    auto& [block_size, blocks] = *place;
    while (!blocks.empty() && use_.live + use_.cached + size > most_) {
      source_.give_back(blocks.back(), block_size);
      blocks.pop_back();
      use_.cached -= block_size;
    }
  }
}

void CachingAllocator::drop_cache() {
  for (auto& [size, blocks] : free_) {
    for (void* block : blocks) source_.give_back(block, size);
  }
  free_.clear();
  use_.cached = 0;
}

}  // namespace engine
