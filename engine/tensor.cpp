#include "engine/tensor.h"

#include <atomic>
#include <fmt/format.h>

#include "engine/backend.h"
#include "engine/error.h"
#include "engine/storage.h"

namespace engine {
namespace {

uint64_t next_id() {
  static std::atomic<uint64_t> counter{1};
  return counter.fetch_add(1, std::memory_order_relaxed);
}

template <class T>
void require_access(const Tensor& tensor) {
  if (tensor.dtype() != dtype_of<T>()) {
    throw DTypeError(fmt::format("data: expected a tensor of {}, got {}", name_of(dtype_of<T>()),
                                 name_of(tensor.dtype())));
  }
  if (tensor.device().kind != Device::Kind::Cpu) {
    throw DeviceError(fmt::format("data: expected a tensor on cpu, got {}; use to()",
                                  to_string(tensor.device())));
  }
  if (!tensor.is_contiguous()) {
    throw ShapeError(fmt::format("data: expected a contiguous tensor, got a view of shape {}",
                                 to_string(tensor.shape())));
  }
}

}  // namespace

Storage::Storage(int64_t bytes, Device device)
    : data_(backend(device).allocate(bytes)), bytes_(bytes), device_(device) {}

Storage::~Storage() {
  backend(device_).release(data_, bytes_);
}

Tensor Tensor::empty(const Shape& shape, DType dtype, Device device) {
  int64_t bytes = size_of(dtype);
  for (const int64_t extent : shape) bytes = checked_mul(bytes, extent);
  Tensor result;
  result.storage_ = std::make_shared<Storage>(bytes, device);
  result.shape_ = shape;
  result.strides_ = contiguous_strides(shape);
  result.dtype_ = dtype;
  result.id_ = next_id();
  return result;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype, Device device) {
  Tensor result = empty(shape, dtype, device);
  if (result.size() > 0) backend(device).fill(value, result.view());
  return result;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Device device) {
  return full(shape, 0, dtype, device);
}

Tensor Tensor::scalar(double value, DType dtype, Device device) {
  return full({}, value, dtype, device);
}

template <class T>
Tensor Tensor::from(const std::vector<T>& values, const Shape& shape, Device device) {
  if (static_cast<int64_t>(values.size()) != shape.size()) {
    throw ShapeError(fmt::format("from: expected {} values for shape {}, got {}", shape.size(),
                                 to_string(shape), values.size()));
  }
  Tensor result = empty(shape, dtype_of<T>(), device);
  backend(device).copy_from_host(values.data(), result.storage_->data(),
                                 shape.size() * size_of(result.dtype_));
  return result;
}

Device Tensor::device() const {
  return storage_ ? storage_->device() : Device{};
}

bool Tensor::is_contiguous() const {
  const Strides expected = contiguous_strides(shape_);
  for (int axis = 0; axis < rank(); ++axis) {
    const auto k = static_cast<size_t>(axis);
    if (shape_[axis] != 1 && strides_[k] != expected[k]) return shape_.size() == 0;
  }
  return true;
}

double Tensor::item() const {
  if (!defined() || size() != 1) {
    throw ShapeError(fmt::format("item: expected one element, got shape {}", to_string(shape_)));
  }
  const Tensor wide = empty({1}, DType::f64, device());
  View out = wide.view();
  View in = view();
  in.rank = 1;
  in.shape[0] = 1;
  in.strides[0] = 1;
  backend(device()).copy(in, out);
  double value = 0;
  backend(device()).copy_to_host(out.data, &value, size_of(DType::f64));
  return value;
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  if (dtype_ != dtype_of<T>()) {
    throw DTypeError(fmt::format("to_vector: expected a tensor of {}, got {}",
                                 name_of(dtype_of<T>()), name_of(dtype_)));
  }
  const Tensor packed = contiguous();
  std::vector<T> values(static_cast<size_t>(size()));
  backend(device()).copy_to_host(packed.view().data, values.data(), size() * size_of(dtype_));
  return values;
}

Tensor Tensor::to(Device device) const {
  if (device == this->device()) return *this;
  const Tensor packed = contiguous();
  const int64_t bytes = size() * size_of(dtype_);
  Tensor result = empty(shape_, dtype_, device);
  std::vector<unsigned char> host(static_cast<size_t>(bytes));
  backend(this->device()).copy_to_host(packed.view().data, host.data(), bytes);
  backend(device).copy_from_host(host.data(), result.storage_->data(), bytes);
  return result;
}

Tensor Tensor::detached() const {
  Tensor result = *this;
  result.id_ = next_id();
  return result;
}

template <class T>
const T* Tensor::data() const {
  require_access<T>(*this);
  return static_cast<const T*>(view().data);
}

template <class T>
T* Tensor::data() {
  require_access<T>(*this);
  return static_cast<T*>(view().data);
}

View Tensor::view() const {
  if (!defined()) throw Error("tensor: expected a tensor with elements, got an empty handle");
  View view;
  view.data = static_cast<char*>(storage_->data()) + offset_ * size_of(dtype_);
  view.dtype = dtype_;
  view.rank = rank();
  for (int axis = 0; axis < rank(); ++axis) {
    view.shape[axis] = shape_[axis];
    view.strides[axis] = strides_[static_cast<size_t>(axis)];
  }
  return view;
}

Tensor Tensor::with_layout(const Shape& shape, const Strides& strides, int64_t offset) const {
  Tensor result = *this;
  result.shape_ = shape;
  result.strides_ = strides;
  result.offset_ += offset;
  result.id_ = next_id();
  return result;
}

Tensor Tensor::contiguous() const {
  if (is_contiguous()) return *this;
  Tensor result = empty(shape_, dtype_, device());
  if (size() > 0) backend(device()).copy(view(), result.view());
  return result;
}

template Tensor Tensor::from(const std::vector<float>&, const Shape&, Device);
template Tensor Tensor::from(const std::vector<double>&, const Shape&, Device);
template Tensor Tensor::from(const std::vector<int32_t>&, const Shape&, Device);
template Tensor Tensor::from(const std::vector<Bf16>&, const Shape&, Device);
template std::vector<float> Tensor::to_vector() const;
template std::vector<double> Tensor::to_vector() const;
template std::vector<int32_t> Tensor::to_vector() const;
template std::vector<Bf16> Tensor::to_vector() const;
template const float* Tensor::data() const;
template const double* Tensor::data() const;
template const int32_t* Tensor::data() const;
template const Bf16* Tensor::data() const;
template float* Tensor::data();
template double* Tensor::data();
template int32_t* Tensor::data();
template Bf16* Tensor::data();

}  // namespace engine
