#include "engine/cpu/allocator.h"

#include <bit>
#include <cstdlib>
#include <fmt/format.h>
#include <sys/mman.h>

#include "engine/error.h"

namespace engine::cpu {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kAllowance = int64_t{1} << 30;
// Blocks of this size and more ask for huge pages: fewer misses of the address cache, fewer faults.
constexpr int64_t kHugePage = int64_t{2} << 20, kHugeBlock = 2 * kHugePage;

// Four classes between two powers of two.
int64_t size_class(int64_t bytes) {
  if (bytes <= 4 * kAlignment) {
    return (std::max<int64_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  }
  const auto step = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(bytes - 1))) / 4;
  return (bytes + step - 1) / step * step;
}

void* system_memory(int64_t size) {
  if (size < kHugeBlock) return std::aligned_alloc(kAlignment, static_cast<size_t>(size));
  void* data = std::aligned_alloc(kHugePage, static_cast<size_t>(size));
  if (data != nullptr) madvise(data, static_cast<size_t>(size), MADV_HUGEPAGE);  // a wish only
  return data;
}

}  // namespace

CachingAllocator::CachingAllocator() : most_(kAllowance) {}

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
    data = system_memory(size);
    if (data == nullptr) {
      drop_cache();
      data = system_memory(size);
    }
    if (data == nullptr) {
      throw ResourceError(
          fmt::format("memory: {} bytes cannot be had; {} bytes are in use", bytes, use_.live),
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
    std::free(data);
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
      std::free(blocks.back());
      blocks.pop_back();
      use_.cached -= block_size;
    }
  }
}

void CachingAllocator::drop_cache() {
  for (auto& [size, blocks] : free_) {
    for (void* block : blocks) std::free(block);
  }
  free_.clear();
  use_.cached = 0;
}

}  // namespace engine::cpu
