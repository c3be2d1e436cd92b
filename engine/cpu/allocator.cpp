#include "engine/cpu/allocator.h"

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <fmt/format.h>
#include <sys/mman.h>

#include "engine/error.h"

namespace engine::cpu {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kLarge = int64_t{256} << 10;
constexpr int64_t kAllowance = int64_t{64} << 20;
// Blocks of this size and more ask for huge pages: fewer misses of the address cache, fewer faults.
constexpr int64_t kHugePage = int64_t{2} << 20, kHugeBlock = 2 * kHugePage;

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

constexpr int64_t kPage = 4096;

// Large blocks come from the system itself and go back to it: nothing else is in the way.
int64_t mapped_size(int64_t size) {
  return (size + kPage - 1) / kPage * kPage;
}

// Memory at a multiple of a huge page, so that huge pages fit; its last part, which does not fill
// one, does not ask for it.
void* huge_pages(int64_t size) {
  const int64_t wide = size + kHugePage;
  void* data = mmap(nullptr, static_cast<size_t>(wide), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  char* begin = static_cast<char*>(data);
  const auto address = reinterpret_cast<uintptr_t>(begin);
  const auto ahead = static_cast<int64_t>((kHugePage - address % kHugePage) % kHugePage);
  if (ahead > 0) munmap(begin, static_cast<size_t>(ahead));
  begin += ahead;
  munmap(begin + size, static_cast<size_t>(wide - ahead - size));
  madvise(begin, static_cast<size_t>(size / kHugePage * kHugePage), MADV_HUGEPAGE);  // a wish only
  return begin;
}

void* system_memory(int64_t size) {
  if (size <= kLarge) return std::aligned_alloc(kAlignment, static_cast<size_t>(size));
  if (size >= kHugeBlock) return huge_pages(mapped_size(size));
  void* data = mmap(nullptr, static_cast<size_t>(mapped_size(size)), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return data == MAP_FAILED ? nullptr : data;
}

void to_system(void* data, int64_t size) noexcept {
  if (size <= kLarge) return std::free(data);
  munmap(data, static_cast<size_t>(mapped_size(size)));
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
    to_system(data, size);
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
      to_system(blocks.back(), block_size);
      blocks.pop_back();
      use_.cached -= block_size;
    }
  }
}

void CachingAllocator::drop_cache() {
  for (auto& [size, blocks] : free_) {
    for (void* block : blocks) to_system(block, size);
  }
  free_.clear();
  use_.cached = 0;
}

}  // namespace engine::cpu
