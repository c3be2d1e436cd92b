#include "engine/backend.h"

#include <cstring>

#include "engine/caching_allocator.h"
#include "engine/cpu/kernels.h"
#include "engine/cpu/memory.h"

namespace engine {
namespace {

class CpuBackend final : public Backend {
 public:
  CpuBackend() { cpu::check_blas(); }

  void* allocate(int64_t bytes) override { return allocator_.allocate(bytes); }
  void release(void* data, int64_t bytes) noexcept override { allocator_.release(data, bytes); }
  MemoryUse memory_use() const override { return allocator_.use(); }
  void reset_peak() override { allocator_.reset_peak(); }

  void copy_from_host(const void* host, void* device, int64_t bytes) override {
    if (bytes > 0) std::memcpy(device, host, static_cast<size_t>(bytes));
  }
  void copy_to_host(const void* device, void* host, int64_t bytes) override {
    if (bytes > 0) std::memcpy(host, device, static_cast<size_t>(bytes));
  }

  void fill(double value, const View& out) override { cpu::fill(value, out); }
  void copy(const View& in, const View& out) override { cpu::copy(in, out); }
  void unary(UnaryOp op, const View& in, const View& out) override { cpu::unary(op, in, out); }
  void binary(BinaryOp op, const View& a, const View& b, const View& out) override {
    cpu::binary(op, a, b, out);
  }
  void where(const View& mask, const View& a, const View& b, const View& out) override {
    cpu::where(mask, a, b, out);
  }
  void reduce(ReduceOp op, const View& in, const View& out) override { cpu::reduce(op, in, out); }
  void argmax(const View& in, int axis, const View& out) override { cpu::argmax(in, axis, out); }
  void matmul(const View& a, const View& b, const View& out, bool accumulate) override {
    cpu::matmul(a, b, out, accumulate);
  }
  void gather(const View& in, const View& index, int axis, const View& out) override {
    cpu::gather(in, index, axis, out);
  }
  void scatter_add(const View& in, const View& index, int axis, const View& out) override {
    cpu::scatter_add(in, index, axis, out);
  }
  void unfold(const View& image, const View& patches, int64_t stride, int64_t pad_y,
              int64_t pad_x) override {
    cpu::unfold(image, patches, stride, pad_y, pad_x);
  }
  void fold(const View& patches, const View& image, int64_t stride, int64_t pad_y,
            int64_t pad_x) override {
    cpu::fold(patches, image, stride, pad_y, pad_x);
  }
  void random(RandomKind kind, const RngKey& key, int64_t first, double scale,
              const View& out) override {
    cpu::random(kind, key, first, scale, out);
  }

 private:
  cpu::SystemMemory memory_;
  CachingAllocator allocator_{memory_};
};

}  // namespace

Backend& cpu_backend() {
  // Never destroyed: tensors with static storage may outlive any order of destruction.
  static CpuBackend* const instance = new CpuBackend;
  return *instance;
}

}  // namespace engine
