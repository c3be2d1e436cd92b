#include "engine/cpu/memory.h"

#include <cstdint>
#include <cstdlib>
#include <sys/mman.h>

namespace engine::cpu {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kLarge = int64_t{256} << 10;
// Blocks of this size and more ask for huge pages: fewer misses of the address cache, fewer faults.
constexpr int64_t kHugePage = int64_t{2} << 20, kHugeBlock = 2 * kHugePage;
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

}  // namespace

void* SystemMemory::obtain(int64_t size) {
  if (size <= kLarge) return std::aligned_alloc(kAlignment, static_cast<size_t>(size));
  if (size >= kHugeBlock) return huge_pages(mapped_size(size));
  void* data = mmap(nullptr, static_cast<size_t>(mapped_size(size)), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return data == MAP_FAILED ? nullptr : data;
}

void SystemMemory::give_back(void* data, int64_t size) noexcept {
  if (size <= kLarge) return std::free(data);
  munmap(data, static_cast<size_t>(mapped_size(size)));
}

}  // namespace engine::cpu
