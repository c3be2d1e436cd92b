// tests/reference.h: what every op should give, as plain loops in double.
//
// Nothing here calls the engine's kernels or ops; Shape is the only thing shared. Slow and obvious
// on purpose: this is the oracle of the value tests.
#pragma once

#include <functional>
#include <vector>

#include "engine/shape.h"

namespace engine::test {

// Elements in row-major order.
struct Array {
  Shape shape;
  std::vector<double> values;
};

using Index = std::vector<int64_t>;

// Calls body(index) for every index of a shape, in row-major order.
void each_index(const Shape& shape, const std::function<void(const Index&)>& body);
Array zeros(const Shape& shape);
// The element at an index; extents of 1 and missing leading axes repeat.
double at(const Array& x, const Index& index);
double& element(Array& x, const Index& index);

namespace reference {

using Unary = double (*)(double);
using Binary = double (*)(double, double);

Array unary(const Array& x, Unary f);
Array binary(const Array& a, const Array& b, Binary f);
Array where(const Array& mask, const Array& a, const Array& b);
// Sums over the axes along which `shape` was broadcast.
Array sum_to(const Array& x, const Shape& shape);

// Folds f over `axes` (all, if there are none) starting with `start`.
Array reduce(const Array& x, std::vector<int> axes, bool keep, double start, Binary f);
Array mean(const Array& x, const std::vector<int>& axes, bool keep);
Array argmax(const Array& x, int axis);

Array matmul(const Array& a, const Array& b);
Array add(const Array& a, const Array& b);

Array reshape(const Array& x, const Shape& shape);
Array permute(const Array& x, const std::vector<int>& order);
Array broadcast_to(const Array& x, const Shape& shape);
Array slice(const Array& x, int axis, int64_t first, int64_t last);
Array pad(const Array& x, int axis, int64_t before, int64_t after);
Array concat(const std::vector<Array>& parts, int axis);
Array gather(const Array& x, const Array& index, int axis);
Array scatter_add(const Array& x, const Array& index, int axis, int64_t extent);
Array one_hot(const Array& index, int64_t classes);

Array log_softmax(const Array& x, int axis);
Array softmax(const Array& x, int axis);
Array cross_entropy(const Array& logits, const Array& target);
Array layer_norm(const Array& x, const Array& scale, const Array& offset, double epsilon);

// `same`: zeros around the image so that ceil(extent / stride) patches fit.
Array unfold(const Array& image, int64_t kernel_y, int64_t kernel_x, int64_t stride, bool same);
Array fold(const Array& patches, int64_t height, int64_t width, int64_t stride, bool same);
Array conv2d(const Array& image, const Array& kernel, int64_t stride, bool same);

}  // namespace reference
}  // namespace engine::test
