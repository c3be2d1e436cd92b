// engine/backend.h: the narrow waist between ops and devices.
//
// One virtual function per *kind of kernel*; which function an elementwise or reducing kernel
// applies is an enumerator, and its scalar maths is written once in kernels/scalar_ops.h. Arguments
// were checked by the op that calls: shapes agree, operands are broadcast to the output's shape
// with stride 0, outputs are contiguous unless said otherwise; an output overlaps an input only in
// unary and binary, and is then the very same view. Kernels throw nothing but ResourceError. To
// write a new backend, implement this class in a folder of its own.
//
// Determinism: for given arguments a kernel returns the same bits on every call, for any number of
// threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/device.h"
#include "engine/kernels/philox.h"
#include "engine/kernels/reduce_ops.h"
#include "engine/kernels/scalar_ops.h"
#include "engine/kernels/view.h"
#include "engine/rng.h"

namespace engine {

// Bytes handed out by a backend's caching allocator.
struct MemoryUse {
  int64_t live = 0;    // in use now
  int64_t peak = 0;    // largest `live` since the last reset_peak()
  int64_t cached = 0;  // kept for reuse, not in use
};

// Kernels that were noted once, with the memory that they use, to run again and again.
class Recording {
 public:
  virtual ~Recording() = default;
  // Asks for all of them, in order. What they read is read anew; it lies where it lay.
  virtual void replay() = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;

  // Memory, through a caching allocator; 64-byte aligned. Throws ResourceError.
  virtual void* allocate(int64_t bytes) = 0;
  virtual void release(void* data, int64_t bytes) noexcept = 0;
  virtual MemoryUse memory_use() const = 0;
  virtual void reset_peak() = 0;
  // Bytes that could be had besides those in use; -1 where the device does not say.
  virtual int64_t memory_left() const { return -1; }

  // Bytes between this device and the host; done when the call returns.
  virtual void copy_from_host(const void* host, void* device, int64_t bytes) = 0;
  virtual void copy_to_host(const void* device, void* host, int64_t bytes) = 0;

  // Copies between this device and the host that the calling thread has asked for, so far.
  virtual int64_t host_copies() const { return 0; }

  // Where can_record(): notes the kernels that the calling thread asks for in `body` instead of
  // running them. Copies to or from the host throw. Memory that body releases belongs to the
  // recording; what else its kernels use must stay alive for as long as it is replayed.
  virtual bool can_record() { return false; }
  virtual std::unique_ptr<Recording> record(const std::function<void()>&) { return nullptr; }

  // out[...] = value.
  virtual void fill(double value, const View& out) = 0;
  // out[...] = in[...], any strides on both sides, converting between dtypes (float to i32
  // truncates towards zero).
  virtual void copy(const View& in, const View& out) = 0;

  // Elementwise; comparisons and where() masks are 0 or 1 in the operands' dtype.
  virtual void unary(UnaryOp op, const View& in, const View& out) = 0;
  virtual void binary(BinaryOp op, const View& a, const View& b, const View& out) = 0;
  virtual void where(const View& mask, const View& a, const View& b, const View& out) = 0;

  // `out` has `in`'s rank; where its extent is 1 and in's is not, that axis is reduced. Sum of
  // nothing is 0; Max and Min of nothing are not asked for. Any NaN gives NaN.
  virtual void reduce(ReduceOp op, const View& in, const View& out) = 0;
  // First index of the largest element along `axis`, a NaN being largest; out is i32 with extent 1
  // there.
  virtual void argmax(const View& in, int axis, const View& out) = 0;

  // out[..., m, n] = a[..., m, k] b[..., k, n], added to what is in out if `accumulate`. Ranks are
  // equal, batch axes have out's extents (stride 0 repeats). In a's and b's last two axes one
  // stride is 1 and the other at least the extent it skips (or their extent is 1).
  virtual void matmul(const View& a, const View& b, const View& out, bool accumulate) = 0;

  // out = in with `axis` indexed by index[n] (i32, contiguous, in range).
  virtual void gather(const View& in, const View& index, int axis, const View& out) = 0;
  // out[index[j]] += in[j] along `axis`, in order of j; out holds what is added to.
  virtual void scatter_add(const View& in, const View& index, int axis, const View& out) = 0;

  // Patches of images, and the adjoint. image [N, Y, X, C] contiguous,
  // patches [N, Y', X', kernel_y, kernel_x, C] contiguous; outside the image is 0.
  virtual void unfold(const View& image, const View& patches, int64_t stride, int64_t pad_y,
                      int64_t pad_x) = 0;
  virtual void fold(const View& patches, const View& image, int64_t stride, int64_t pad_y,
                    int64_t pad_x) = 0;

  // Element i of out, which may have any strides, is `scale` times the value of number first + i of
  // the key's stream (engine/rng.h).
  virtual void random(RandomKind kind, const RngKey& key, int64_t first, double scale,
                      const View& out) = 0;
};

// The backend of a device. Throws DeviceError if the device is not present.
Backend& backend(const Device& device);

// Implemented by engine/cpu.
Backend& cpu_backend();
// Implemented by engine/cuda, or by engine/cuda/absent.cpp, which returns nullptr. Also nullptr if
// there is no such GPU.
Backend* cuda_backend(int index);
// Why cuda_backend() gives none, in a few words; empty if it gives one.
std::string cuda_absence(int index);

}  // namespace engine
