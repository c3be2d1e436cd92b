// engine/tensor.h: the one tensor type.
//
// A Tensor is a value handle: copying it copies no elements. Its storage is reference-counted bytes
// on one device; shape, strides and offset say how the elements are laid out in it, so a view
// (transpose, slice, broadcast) shares the storage of its source. Ops never write to their inputs;
// whoever writes through data() must own the storage alone. A default-constructed Tensor is empty
// (defined() is false). Handles may be copied and read from several threads at once.
//
// Not here: arithmetic (engine/ops/), differentiation (engine/tape.h).
#pragma once

#include <memory>
#include <vector>

#include "engine/device.h"
#include "engine/dtype.h"
#include "engine/shape.h"

namespace engine {

class Storage;

class Tensor {
 public:
  Tensor() = default;

  // New contiguous tensors. empty() leaves the elements unset. Throw ResourceError if memory runs
  // out, DeviceError if the device is not present.
  static Tensor empty(const Shape& shape, DType dtype, Device device = {});
  static Tensor full(const Shape& shape, double value, DType dtype, Device device = {});
  static Tensor zeros(const Shape& shape, DType dtype, Device device = {});
  static Tensor scalar(double value, DType dtype, Device device = {});
  // A copy of host values, row-major; throws ShapeError if their number is not shape.size().
  // T is float, double, int32_t or Bf16.
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape, Device device = {});

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int axis) const { return shape_[axis]; }
  int64_t size() const { return shape_.size(); }
  DType dtype() const { return dtype_; }
  Device device() const;
  const Strides& strides() const { return strides_; }
  bool is_contiguous() const;

  // Identity for the tape: equal for copies of a handle, different for every other tensor.
  uint64_t id() const { return id_; }

  // The single element. Throws ShapeError if size() is not 1.
  double item() const;
  // All elements in row-major order, on the host. Throws DTypeError unless T is the dtype.
  template <class T>
  std::vector<T> to_vector() const;
  // The same values on another device; the same handle if it is there already. Not recorded.
  Tensor to(Device device) const;
  // A new tensor with the same values and an identity of its own. Not recorded: this is how a state
  // is detached from a tape.
  Tensor detached() const;

  // Direct access to a contiguous CPU tensor. Throws DTypeError, DeviceError or ShapeError.
  template <class T>
  const T* data() const;
  template <class T>
  T* data();

  // True if no other tensor shares this one's storage, so that an op that was handed this handle
  // for good may write its result there.
  bool is_sole_owner() const { return storage_.use_count() == 1; }

  // For ops: what a kernel sees, and a tensor over the same storage with another layout; `offset`
  // counts elements from this tensor's first one. No checks, not recorded.
  View view() const;
  Tensor with_layout(const Shape& shape, const Strides& strides, int64_t offset = 0) const;
  // This tensor if it is contiguous, else a contiguous copy. Not recorded.
  Tensor contiguous() const;

 private:
  std::shared_ptr<Storage> storage_;
  Shape shape_;
  Strides strides_{};
  int64_t offset_ = 0;
  DType dtype_ = DType::f32;
  uint64_t id_ = 0;
};

}  // namespace engine
