// engine/shape.h: the extents of a tensor and the rules that combine them.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "engine/kernels/view.h"

namespace engine {

// Extents of up to kMaxRank axes; rank 0 is a scalar with one element. A plain value.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> extents);

  int rank() const { return rank_; }
  // Extent of an axis; axis -1 is the last. Throws ShapeError if there is no such axis.
  int64_t operator[](int axis) const;
  // Number of elements.
  int64_t size() const;

  const int64_t* begin() const { return extents_.data(); }
  const int64_t* end() const { return extents_.data() + rank_; }

  // Appends an axis. Throws ShapeError above kMaxRank axes or for a negative extent.
  void push_back(int64_t extent);
  // A copy with one axis replaced, removed, or inserted before `axis`.
  Shape with(int axis, int64_t extent) const;
  Shape without(int axis) const;
  Shape inserted(int axis, int64_t extent) const;
  // Axes [first, last); negative counts from the end, as everywhere.
  Shape part(int first, int last) const;

  friend bool operator==(const Shape& a, const Shape& b);

 private:
  std::array<int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

using Strides = std::array<int64_t, kMaxRank>;

// "[2, 3, 4]".
std::string to_string(const Shape& shape);

// Axis in [0, rank) for an axis in [-rank, rank). Throws ShapeError naming `op`.
int normal_axis(const char* op, int axis, int rank);

// The axes of a followed by those of b.
Shape operator+(const Shape& a, const Shape& b);

// The shape both broadcast to: extents are aligned at the last axis and must be equal or 1.
// Throws ShapeError naming `op` and both shapes.
Shape broadcast(const char* op, const Shape& a, const Shape& b);

// Strides, in elements, of a row-major array.
Strides contiguous_strides(const Shape& shape);

}  // namespace engine
