#include "tests/reference.h"

#include <algorithm>
#include <cmath>

namespace engine::test {

void each_index(const Shape& shape, const std::function<void(const Index&)>& body) {
  if (shape.size() == 0) return;
  Index index(static_cast<size_t>(shape.rank()), 0);
  for (;;) {
    body(index);
    int axis = shape.rank() - 1;
    while (axis >= 0 && ++index[static_cast<size_t>(axis)] == shape[axis]) {
      index[static_cast<size_t>(axis--)] = 0;
    }
    if (axis < 0) return;
  }
}

Array zeros(const Shape& shape) {
  return {shape, std::vector<double>(static_cast<size_t>(shape.size()), 0.0)};
}

namespace {

size_t place_of(const Shape& shape, const Index& index) {
  const size_t missing = index.size() - static_cast<size_t>(shape.rank());
  int64_t place = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const int64_t i = shape[axis] == 1 ? 0 : index[missing + static_cast<size_t>(axis)];
    place = place * shape[axis] + i;
  }
  return static_cast<size_t>(place);
}

int positive_axis(const Shape& shape, int axis) {
  return axis < 0 ? axis + shape.rank() : axis;
}

}  // namespace

double at(const Array& x, const Index& index) {
  return x.values[place_of(x.shape, index)];
}
double& element(Array& x, const Index& index) {
  return x.values[place_of(x.shape, index)];
}

namespace reference {

Array unary(const Array& x, Unary f) {
  Array out = x;
  for (double& value : out.values) value = f(value);
  return out;
}

Array binary(const Array& a, const Array& b, Binary f) {
  Array out = zeros(engine::broadcast("reference", a.shape, b.shape));
  each_index(out.shape, [&](const Index& i) { element(out, i) = f(at(a, i), at(b, i)); });
  return out;
}

Array where(const Array& mask, const Array& a, const Array& b) {
  const Shape both = engine::broadcast("reference", a.shape, b.shape);
  Array out = zeros(engine::broadcast("reference", mask.shape, both));
  each_index(out.shape,
             [&](const Index& i) { element(out, i) = at(mask, i) != 0 ? at(a, i) : at(b, i); });
  return out;
}

Array sum_to(const Array& x, const Shape& shape) {
  Array out = zeros(shape);
  each_index(x.shape, [&](const Index& i) { element(out, i) += at(x, i); });
  return out;
}

Array reduce(const Array& x, std::vector<int> axes, bool keep, double start, Binary f) {
  if (axes.empty()) {
    for (int axis = 0; axis < x.shape.rank(); ++axis) axes.push_back(axis);
  }
  Shape kept = x.shape, dropped;
  for (const int axis : axes) kept = kept.with(axis, 1);
  for (int axis = 0; axis < x.shape.rank(); ++axis) {
    const bool gone = std::any_of(axes.begin(), axes.end(), [&](int reduced) {
      return positive_axis(x.shape, reduced) == axis;
    });
    if (!gone) dropped.push_back(x.shape[axis]);
  }
  Array out = zeros(kept);
  std::fill(out.values.begin(), out.values.end(), start);
  each_index(x.shape, [&](const Index& i) { element(out, i) = f(element(out, i), at(x, i)); });
  if (!keep) out.shape = dropped;
  return out;
}

Array mean(const Array& x, const std::vector<int>& axes, bool keep) {
  Array out = reduce(x, axes, keep, 0, [](double a, double b) { return a + b; });
  const auto count = static_cast<double>(x.values.size()) / static_cast<double>(out.values.size());
  for (double& value : out.values) value /= count;
  return out;
}

Array argmax(const Array& x, int axis) {
  const auto k = static_cast<size_t>(positive_axis(x.shape, axis));
  Array out = zeros(x.shape.with(axis, 1));
  each_index(x.shape, [&](const Index& i) {
    Index best = i;
    best[k] = static_cast<int64_t>(element(out, i));
    if (at(x, i) > at(x, best)) element(out, i) = static_cast<double>(i[k]);
  });
  out.shape = x.shape.without(axis);
  return out;
}

Array add(const Array& a, const Array& b) {
  return binary(a, b, [](double x, double y) { return x + y; });
}

Array matmul(const Array& a, const Array& b) {
  const int64_t m = a.shape[-2], k = a.shape[-1], n = b.shape[-1];
  const Shape batch = engine::broadcast("reference", a.shape.part(0, a.shape.rank() - 2),
                                        b.shape.part(0, b.shape.rank() - 2));
  Array out = zeros(batch + Shape{m, n});
  // A batch axis that is as long as 1 repeats; the matrix axes are always indexed as they are.
  const auto matrix_element = [](const Array& x, const Index& outer, int64_t row, int64_t column) {
    const Shape outer_shape = x.shape.part(0, x.shape.rank() - 2);
    const auto base = static_cast<int64_t>(place_of(outer_shape, outer));
    return x.values[static_cast<size_t>((base * x.shape[-2] + row) * x.shape[-1] + column)];
  };
  size_t place = 0;
  each_index(batch, [&](const Index& outer) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j, ++place) {
        for (int64_t l = 0; l < k; ++l) {
          out.values[place] += matrix_element(a, outer, i, l) * matrix_element(b, outer, l, j);
        }
      }
    }
  });
  return out;
}

Array reshape(const Array& x, const Shape& shape) {
  return {shape, x.values};
}

Array permute(const Array& x, const std::vector<int>& order) {
  Shape shape;
  for (const int axis : order) shape.push_back(x.shape[axis]);
  Array out = zeros(shape);
  each_index(shape, [&](const Index& i) {
    Index from(i.size());
    for (size_t k = 0; k < i.size(); ++k) {
      from[static_cast<size_t>(positive_axis(x.shape, order[k]))] = i[k];
    }
    element(out, i) = at(x, from);
  });
  return out;
}

Array broadcast_to(const Array& x, const Shape& shape) {
  Array out = zeros(shape);
  each_index(shape, [&](const Index& i) { element(out, i) = at(x, i); });
  return out;
}

Array slice(const Array& x, int axis, int64_t first, int64_t last) {
  const auto k = static_cast<size_t>(positive_axis(x.shape, axis));
  Array out = zeros(x.shape.with(axis, last - first));
  each_index(out.shape, [&](const Index& i) {
    Index from = i;
    from[k] += first;
    element(out, i) = at(x, from);
  });
  return out;
}

Array pad(const Array& x, int axis, int64_t before, int64_t after) {
  const auto k = static_cast<size_t>(positive_axis(x.shape, axis));
  Array out = zeros(x.shape.with(axis, before + x.shape[axis] + after));
  each_index(x.shape, [&](const Index& i) {
    Index to = i;
    to[k] += before;
    element(out, to) = at(x, i);
  });
  return out;
}

Array concat(const std::vector<Array>& parts, int axis) {
  int64_t extent = 0;
  for (const Array& part : parts) extent += part.shape[axis];
  Array out = zeros(parts[0].shape.with(axis, extent));
  int64_t first = 0;
  for (const Array& part : parts) {
    out = add(out, pad(part, axis, first, extent - first - part.shape[axis]));
    first += part.shape[axis];
  }
  return out;
}

Array gather(const Array& x, const Array& index, int axis) {
  const auto k = static_cast<size_t>(positive_axis(x.shape, axis));
  Array out = zeros(x.shape.with(axis, index.shape[0]));
  each_index(out.shape, [&](const Index& i) {
    Index from = i;
    from[k] = static_cast<int64_t>(index.values[static_cast<size_t>(i[k])]);
    element(out, i) = at(x, from);
  });
  return out;
}

Array scatter_add(const Array& x, const Array& index, int axis, int64_t extent) {
  const auto k = static_cast<size_t>(positive_axis(x.shape, axis));
  Array out = zeros(x.shape.with(axis, extent));
  each_index(x.shape, [&](const Index& i) {
    Index to = i;
    to[k] = static_cast<int64_t>(index.values[static_cast<size_t>(i[k])]);
    element(out, to) += at(x, i);
  });
  return out;
}

Array one_hot(const Array& index, int64_t classes) {
  Array out = zeros(index.shape + Shape{classes});
  for (size_t k = 0; k < index.values.size(); ++k) {
    out.values[k * static_cast<size_t>(classes) + static_cast<size_t>(index.values[k])] = 1;
  }
  return out;
}

Array log_softmax(const Array& x, int axis) {
  const Array total =
      reduce(x, {axis}, true, 0, [](double a, double b) { return a + std::exp(b); });
  return binary(x, total, [](double value, double sum) { return value - std::log(sum); });
}

Array softmax(const Array& x, int axis) {
  return unary(log_softmax(x, axis), [](double value) { return std::exp(value); });
}

Array cross_entropy(const Array& logits, const Array& target) {
  const Array terms = binary(target, log_softmax(logits, -1),
                             [](double label, double log_p) { return -label * log_p; });
  return reduce(terms, {-1}, false, 0, [](double a, double b) { return a + b; });
}

Array layer_norm(const Array& x, const Array& scale, const Array& offset, double epsilon) {
  const Array average = mean(x, {-1}, true);
  const Array centred = binary(x, average, [](double a, double b) { return a - b; });
  const Array variance = mean(unary(centred, [](double a) { return a * a; }), {-1}, true);
  Array out = zeros(x.shape);
  each_index(x.shape, [&](const Index& i) {
    const double normal = at(centred, i) / std::sqrt(at(variance, i) + epsilon);
    element(out, i) = normal * at(scale, i) + at(offset, i);
  });
  return out;
}

namespace {

struct Side {
  int64_t patches, before;
};

Side side_of(int64_t extent, int64_t kernel, int64_t stride, bool same) {
  if (!same) return {(extent - kernel) / stride + 1, 0};
  int64_t patches = 0;
  while (patches * stride < extent) ++patches;
  const int64_t zeros_needed = (patches - 1) * stride + kernel - extent;
  return {patches, zeros_needed > 0 ? zeros_needed / 2 : 0};
}

// The pixel that kernel place (ky, kx) of patch (y, x) sees: {n, y, x, c} from
// {n, y, x, ky, kx, c}.
Index pixel_of(const Index& i, const Side& y, const Side& x, int64_t stride) {
  return {i[0], i[1] * stride + i[3] - y.before, i[2] * stride + i[4] - x.before, i[5]};
}

bool inside(const Shape& image, const Index& pixel) {
  return pixel[1] >= 0 && pixel[1] < image[1] && pixel[2] >= 0 && pixel[2] < image[2];
}

}  // namespace

Array unfold(const Array& image, int64_t kernel_y, int64_t kernel_x, int64_t stride, bool same) {
  const Side y = side_of(image.shape[1], kernel_y, stride, same);
  const Side x = side_of(image.shape[2], kernel_x, stride, same);
  Array out = zeros({image.shape[0], y.patches, x.patches, kernel_y, kernel_x, image.shape[3]});
  each_index(out.shape, [&](const Index& i) {
    const Index pixel = pixel_of(i, y, x, stride);
    if (inside(image.shape, pixel)) element(out, i) = at(image, pixel);
  });
  return out;
}

Array fold(const Array& patches, int64_t height, int64_t width, int64_t stride, bool same) {
  const Side y = side_of(height, patches.shape[3], stride, same);
  const Side x = side_of(width, patches.shape[4], stride, same);
  Array out = zeros({patches.shape[0], height, width, patches.shape[5]});
  each_index(patches.shape, [&](const Index& i) {
    const Index pixel = pixel_of(i, y, x, stride);
    if (inside(out.shape, pixel)) element(out, pixel) += at(patches, i);
  });
  return out;
}

Array conv2d(const Array& image, const Array& kernel, int64_t stride, bool same) {
  const Array seen = unfold(image, kernel.shape[0], kernel.shape[1], stride, same);
  Array out = zeros({seen.shape[0], seen.shape[1], seen.shape[2], kernel.shape[3]});
  each_index(seen.shape, [&](const Index& i) {
    for (int64_t k = 0; k < kernel.shape[3]; ++k) {
      element(out, {i[0], i[1], i[2], k}) += at(seen, i) * at(kernel, {i[3], i[4], i[5], k});
    }
  });
  return out;
}

}  // namespace reference
}  // namespace engine::test
