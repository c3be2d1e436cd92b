#include "engine/backend.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "engine/recorded_memory.h"
#include "tests/stand_in/stand_in.h"

namespace engine {
namespace {

std::atomic<int64_t> alone{0}, replayed{0};

// Memory with two addresses: that of the device, which may not be touched, and the host's.
class Memory final : public MemorySource {
 public:
  Memory() {
    const char* wanted = std::getenv("VSML_STAND_IN_BYTES");
    if (wanted != nullptr) size_ = std::atoll(wanted);
    const int file = memfd_create("stand-in", 0);
    const auto size = static_cast<size_t>(size_);
    if (file < 0 || ftruncate(file, size_) != 0) throw std::runtime_error("stand-in: no memory");
    device_ = map(file, size, PROT_NONE);
    host_ = map(file, size, PROT_READ | PROT_WRITE);
    close(file);
  }
  void* obtain(int64_t size) override {
    if (used_ + size > size_) return nullptr;
    used_ += size;
    std::vector<int64_t>& known = free_[size];
    if (!known.empty()) {
      const int64_t place = known.back();
      known.pop_back();
      return device_ + place;
    }
    // Addresses may run out where sizes change much; no test comes near it.
    if (next_ + size > size_) return nullptr;
    next_ += size;
    return device_ + next_ - size;
  }
  void give_back(void* data, int64_t size) noexcept override {
    used_ -= size;
    free_[size].push_back(static_cast<char*>(data) - device_);
  }
  std::string name() const override { return "cuda:0 memory"; }

  int64_t left() const { return size_ - used_; }
  void* on_host(const void* device) const {
    const std::ptrdiff_t place = static_cast<const char*>(device) - device_;
    if (place < 0 || place >= size_) throw std::logic_error("stand-in: not an address of its own");
    return host_ + place;
  }

 private:
  static char* map(int file, size_t size, int access) {
    void* at = mmap(nullptr, size, access, MAP_SHARED | MAP_NORESERVE, file, 0);
    if (at == MAP_FAILED) throw std::runtime_error("stand-in: no addresses");
    return static_cast<char*>(at);
  }
  int64_t size_ = int64_t{4} << 30, used_ = 0, next_ = 0;
  char *device_ = nullptr, *host_ = nullptr;
  std::map<int64_t, std::vector<int64_t>> free_;
};

struct Kernels final : Recording {
  explicit Kernels(CachingAllocator& allocator) : memory(allocator) {}
  void replay() override {
    for (const std::function<void()>& kernel : list) kernel();
    replayed += static_cast<int64_t>(list.size());
  }
  RecordedMemory memory;
  std::vector<std::function<void()>> list;
};
thread_local Kernels* recording = nullptr;
thread_local int64_t num_host_copies = 0;

class StandIn final : public Backend {
 public:
  void* allocate(int64_t bytes) override {
    if (recording != nullptr) return recording->memory.allocate(bytes);
    void* data = allocator_.allocate(bytes);
    std::memset(memory_.on_host(data), 0xff, static_cast<size_t>(bytes));  // NaN, and -1
    return data;
  }
  void release(void* data, int64_t bytes) noexcept override {
    if (recording != nullptr) return recording->memory.release(data, bytes);
    allocator_.release(data, bytes);
  }
  MemoryUse memory_use() const override { return allocator_.use(); }
  void reset_peak() override { allocator_.reset_peak(); }
  int64_t memory_left() const override { return memory_.left() + allocator_.use().cached; }

  void copy_from_host(const void* host, void* device, int64_t bytes) override {
    transfer(on_host_or_null(device, bytes), host, bytes);
  }
  void copy_to_host(const void* device, void* host, int64_t bytes) override {
    transfer(host, on_host_or_null(device, bytes), bytes);
  }
  int64_t host_copies() const override { return num_host_copies; }

  bool can_record() override {
    const char* wanted = std::getenv("ENGINE_GRAPHS");
    return wanted == nullptr || std::strcmp(wanted, "off") != 0;
  }
  std::unique_ptr<Recording> record(const std::function<void()>& body) override {
    auto kernels = std::make_unique<Kernels>(allocator_);
    recording = kernels.get();
    try {
      body();
    } catch (...) {
      recording = nullptr;
      throw;
    }
    recording = nullptr;
    return kernels;
  }

  void fill(double value, const View& out) override {
    ask([=, o = here(out)] { cpu_backend().fill(value, o); });
  }
  void copy(const View& in, const View& out) override {
    ask([i = here(in), o = here(out)] { cpu_backend().copy(i, o); });
  }
  void unary(UnaryOp op, const View& in, const View& out) override {
    ask([=, i = here(in), o = here(out)] { cpu_backend().unary(op, i, o); });
  }
  void binary(BinaryOp op, const View& a, const View& b, const View& out) override {
    ask([=, x = here(a), y = here(b), o = here(out)] { cpu_backend().binary(op, x, y, o); });
  }
  void where(const View& mask, const View& a, const View& b, const View& out) override {
    ask([m = here(mask), x = here(a), y = here(b), o = here(out)] {
      cpu_backend().where(m, x, y, o);
    });
  }
  void reduce(ReduceOp op, const View& in, const View& out) override {
    ask([=, i = here(in), o = here(out)] { cpu_backend().reduce(op, i, o); });
  }
  void argmax(const View& in, int axis, const View& out) override {
    ask([=, i = here(in), o = here(out)] { cpu_backend().argmax(i, axis, o); });
  }
  void matmul(const View& a, const View& b, const View& out, bool accumulate) override {
    ask([=, x = here(a), y = here(b), o = here(out)] {
      cpu_backend().matmul(x, y, o, accumulate);
    });
  }
  void gather(const View& in, const View& index, int axis, const View& out) override {
    ask([=, i = here(in), n = here(index), o = here(out)] { cpu_backend().gather(i, n, axis, o); });
  }
  void scatter_add(const View& in, const View& index, int axis, const View& out) override {
    ask([=, i = here(in), n = here(index), o = here(out)] {
      cpu_backend().scatter_add(i, n, axis, o);
    });
  }
  void unfold(const View& image, const View& patches, int64_t stride, int64_t pad_y,
              int64_t pad_x) override {
    ask([=, i = here(image), o = here(patches)] {
      cpu_backend().unfold(i, o, stride, pad_y, pad_x);
    });
  }
  void fold(const View& patches, const View& image, int64_t stride, int64_t pad_y,
            int64_t pad_x) override {
    ask([=, i = here(patches), o = here(image)] {
      cpu_backend().fold(i, o, stride, pad_y, pad_x);
    });
  }
  void random(RandomKind kind, const RngKey& key, int64_t first, double scale,
              const View& out) override {
    ask([=, o = here(out)] { cpu_backend().random(kind, key, first, scale, o); });
  }

  const Memory& memory() const { return memory_; }
  template <class Kernel>
  static void ask(Kernel&& kernel) {
    if (recording != nullptr) {
      recording->list.emplace_back(kernel);
      return;
    }
    kernel();
    ++alone;
  }

 private:
  View here(View view) const {
    if (element_count(view) > 0) view.data = memory_.on_host(view.data);
    return view;
  }
  void* on_host_or_null(const void* device, int64_t bytes) const {
    return bytes == 0 ? nullptr : memory_.on_host(device);
  }
  static void transfer(void* to, const void* from, int64_t bytes) {
    if (bytes == 0) return;
    if (recording != nullptr) throw std::logic_error("stand-in: a copy cannot be recorded");
    ++num_host_copies;
    std::memcpy(to, from, static_cast<size_t>(bytes));
  }

  Memory memory_;
  CachingAllocator allocator_{memory_};
};

StandIn& stand_in() {
  static auto* const only = new StandIn;  // tensors may outlive any order of destruction
  return *only;
}

}  // namespace

Backend* cuda_backend(int index) {
  return index == 0 ? &stand_in() : nullptr;
}

std::string cuda_absence(int index) {
  return index == 0 ? "" : "there is one stand-in";
}

namespace test {

void* on_host(const void* device) {
  return device == nullptr ? nullptr : stand_in().memory().on_host(device);
}

void ask_for(const std::function<void()>& kernel) {
  StandIn::ask(kernel);
}

StandInWork stand_in_work() {
  return {alone, replayed};
}

}  // namespace test
}  // namespace engine
