#include "engine/shape.h"

#include <algorithm>
#include <fmt/format.h>

#include "engine/error.h"
#include "engine/joined.h"

namespace engine {

Shape::Shape(std::initializer_list<int64_t> extents) {
  for (const int64_t extent : extents) push_back(extent);
}

int64_t Shape::operator[](int axis) const {
  return extents_[static_cast<size_t>(normal_axis("shape", axis, rank_))];
}

int64_t Shape::size() const {
  int64_t count = 1;
  for (const int64_t extent : *this) count *= extent;
  return count;
}

void Shape::push_back(int64_t extent) {
  if (rank_ == kMaxRank) {
    throw ShapeError(fmt::format("shape: expected at most {} axes, got one more", kMaxRank));
  }
  if (extent < 0) {
    throw ShapeError(fmt::format("shape: expected extents of 0 or more, got {}", extent));
  }
  extents_[static_cast<size_t>(rank_++)] = extent;
}

Shape Shape::with(int axis, int64_t extent) const {
  Shape result = *this;
  result.extents_[static_cast<size_t>(normal_axis("shape", axis, rank_))] = extent;
  return result;
}

Shape Shape::without(int axis) const {
  const int removed = normal_axis("shape", axis, rank_);
  return part(0, removed) + part(removed + 1, rank_);
}

Shape Shape::inserted(int axis, int64_t extent) const {
  const int place = normal_axis("shape", axis, rank_ + 1);
  return part(0, place) + Shape{extent} + part(place, rank_);
}

Shape Shape::part(int first, int last) const {
  if (first < 0) first += rank_;
  if (last < 0) last += rank_;
  Shape result;
  for (int axis = std::max(first, 0); axis < std::min(last, rank_); ++axis) {
    result.push_back(extents_[static_cast<size_t>(axis)]);
  }
  return result;
}

bool operator==(const Shape& a, const Shape& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

std::string to_string(const Shape& shape) {
  return "[" + joined(shape, ", ") + "]";
}

int normal_axis(const char* op, int axis, int rank) {
  if (axis < -rank || axis >= rank) {
    throw ShapeError(
        fmt::format("{}: expected an axis in [{}, {}), got {}", op, -rank, rank, axis));
  }
  return axis < 0 ? axis + rank : axis;
}

Shape operator+(const Shape& a, const Shape& b) {
  Shape result = a;
  for (const int64_t extent : b) result.push_back(extent);
  return result;
}

Shape broadcast(const char* op, const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  Shape result;
  for (int axis = -rank; axis < 0; ++axis) {
    const int64_t x = axis < -a.rank() ? 1 : a[axis];
    const int64_t y = axis < -b.rank() ? 1 : b[axis];
    if (x != y && x != 1 && y != 1) {
      throw ShapeError(
          fmt::format("{}: expected shapes that broadcast (extents equal or 1), got {} "
                      "and {}",
                      op, to_string(a), to_string(b)));
    }
    result.push_back(x == 1 ? y : x);
  }
  return result;
}

Strides contiguous_strides(const Shape& shape) {
  Strides strides{};
  int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[static_cast<size_t>(axis)] = step;
    step *= shape[axis];
  }
  return strides;
}

}  // namespace engine
