#include "vsml/tasks/transform.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <functional>
#include <set>
#include <utility>

#include "engine/error.h"
#include "engine/joined.h"

namespace vsml {
namespace {

constexpr int64_t kMostSide = 1 << 16;

// What one new pixel reads along one axis.
struct Taps {
  int64_t first, second;
  double weight;  // of the second
};

std::vector<Taps> bilinear_taps(int64_t from, int64_t to) {
  std::vector<Taps> taps;
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  for (int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale - 0.5;
    const double clamped = std::clamp(centre, 0.0, static_cast<double>(from - 1));
    const auto first = static_cast<int64_t>(clamped);
    taps.push_back({first, std::min(first + 1, from - 1), clamped - static_cast<double>(first)});
  }
  return taps;
}

void resize_bilinear(const float* in, int64_t width, const std::vector<Taps>& rows,
                     const std::vector<Taps>& columns, float* out) {
  for (const Taps& row : rows) {
    const float* upper = in + row.first * width;
    const float* lower = in + row.second * width;
    for (const Taps& column : columns) {
      const double top =
          upper[column.first] * (1 - column.weight) + upper[column.second] * column.weight;
      const double bottom =
          lower[column.first] * (1 - column.weight) + lower[column.second] * column.weight;
      *out++ = static_cast<float>(top * (1 - row.weight) + bottom * row.weight);
    }
  }
}

void resize_area(const float* in, int64_t width, int64_t to_height, int64_t to_width,
                 int64_t row_factor, int64_t column_factor, float* out) {
  const double area = static_cast<double>(row_factor * column_factor);
  for (int64_t y = 0; y < to_height; ++y) {
    for (int64_t x = 0; x < to_width; ++x) {
      double sum = 0;
      for (int64_t dy = 0; dy < row_factor; ++dy) {
        const float* row = in + (y * row_factor + dy) * width + x * column_factor;
        for (int64_t dx = 0; dx < column_factor; ++dx) sum += row[dx];
      }
      *out++ = static_cast<float>(sum / area);
    }
  }
}

Images empty_images(int64_t count, int64_t channels, int64_t height, int64_t width) {
  const int64_t pixels = engine::checked_mul(height, width);
  const int64_t total = engine::checked_mul(engine::checked_mul(count, channels), pixels);
  Images images{count, channels, height, width, {}};
  images.values.resize(static_cast<size_t>(total));
  return images;
}

}  // namespace

Images to_images(const Dataset& set) {
  return to_images(set, 0, set.count);
}

Images to_images(const Dataset& set, int64_t first, int64_t count) {
  Images images = empty_images(count, set.channels, set.height, set.width);
  const auto start = set.pixels.begin() + first * set.image_size();
  std::transform(start, start + count * set.image_size(), images.values.begin(),
                 [](uint8_t pixel) { return static_cast<float>(pixel) / 255.0f; });
  return images;
}

Images resize(const Images& images, int64_t height, int64_t width) {
  if (std::min(height, width) < 1 || std::max(height, width) > kMostSide) {
    throw engine::Error(fmt::format("resize: expected sides from 1 to {}, found {} x {}", kMostSide,
                                    height, width));
  }
  const bool whole = images.height % height == 0 && images.width % width == 0;
  const std::vector<Taps> rows = bilinear_taps(images.height, height);
  const std::vector<Taps> columns = bilinear_taps(images.width, width);
  Images resized = empty_images(images.count, images.channels, height, width);
  for (int64_t plane = 0; plane < images.count * images.channels; ++plane) {
    const float* in = images.values.data() + plane * images.height * images.width;
    float* out = resized.values.data() + plane * height * width;
    if (whole) {
      resize_area(in, images.width, height, width, images.height / height, images.width / width,
                  out);
    } else {
      resize_bilinear(in, images.width, rows, columns, out);
    }
  }
  return resized;
}

Images pad(const Images& images, int64_t margin) {
  if (margin < 0 || margin > kMostSide) {
    throw engine::Error(
        fmt::format("pad: expected a margin from 0 to {}, found {}", kMostSide, margin));
  }
  Images padded = empty_images(images.count, images.channels, images.height + 2 * margin,
                               images.width + 2 * margin);
  for (int64_t plane = 0; plane < images.count * images.channels; ++plane) {
    for (int64_t y = 0; y < images.height; ++y) {
      const float* in = images.values.data() + (plane * images.height + y) * images.width;
      float* out =
          padded.values.data() + (plane * padded.height + margin + y) * padded.width + margin;
      std::copy_n(in, images.width, out);
    }
  }
  return padded;
}

Moments moments(const std::vector<float>& values) {
  if (values.empty()) throw engine::Error("moments: expected at least one value, found none");
  const auto count = static_cast<double>(values.size());
  double sum = 0;
  for (const float value : values) sum += value;
  const double mean = sum / count;
  double squares = 0;
  for (const float value : values) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / count);
  const bool equal =
      std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end();
  return {mean, equal ? 1.0 : deviation};
}

Images standardize(Images images, const Moments& moments) {
  for (float& value : images.values) {
    value = static_cast<float>((value - moments.mean) / moments.deviation);
  }
  return images;
}

std::vector<Moments> moments_of_inputs(const ExampleSet& set) {
  std::vector<Moments> all;
  std::vector<float> values(static_cast<size_t>(set.count));
  const auto inputs = static_cast<size_t>(set.num_inputs);
  for (size_t d = 0; d < inputs; ++d) {
    for (size_t k = 0; k < values.size(); ++k) values[k] = set.inputs[k * inputs + d];
    all.push_back(moments(values));
  }
  return all;
}

void standardize_inputs(ExampleSet& set, const std::vector<Moments>& moments) {
  for (size_t k = 0; k < set.inputs.size(); ++k) {
    const Moments& own = moments[k % moments.size()];
    set.inputs[k] = static_cast<float>((set.inputs[k] - own.mean) / own.deviation);
  }
}

ExampleSet as_examples(Images images, std::vector<int32_t> labels, int64_t num_classes) {
  ExampleSet set;
  set.count = images.count;
  set.num_inputs = images.image_size();
  set.num_classes = num_classes;
  set.image = ImageShape{images.channels, images.height, images.width};
  set.inputs = std::move(images.values);
  set.labels = std::move(labels);
  return set;
}

namespace {

// New label of each class, -1 for those that are not kept.
std::vector<int32_t> renumbered_classes(const std::vector<int32_t>& labels, int64_t num_classes,
                                        const std::vector<int64_t>& classes,
                                        const std::string& name) {
  const std::set<int64_t> present(labels.begin(), labels.end());
  std::vector<int32_t> renumbered(static_cast<size_t>(num_classes), -1);
  if (classes.empty()) throw engine::Error("classes: expected at least one class, found none");
  for (size_t k = 0; k < classes.size(); ++k) {
    if (!present.contains(classes[k])) {
      throw engine::Error(fmt::format("classes: expected some of those in {}, {}, found {}", name,
                                      engine::joined(present, " "), classes[k]));
    }
    int32_t& label = renumbered[static_cast<size_t>(classes[k])];
    if (label >= 0) {
      throw engine::Error(
          fmt::format("classes: expected each class once, found {} twice", classes[k]));
    }
    label = static_cast<int32_t>(k);
  }
  return renumbered;
}

// The examples of the classes that are kept: their values appended to `to`, their new labels.
template <typename T>
std::vector<int32_t> keep_examples(const std::vector<T>& from, int64_t size,
                                   const std::vector<int32_t>& labels,
                                   const std::vector<int32_t>& renumbered, std::vector<T>& to) {
  std::vector<int32_t> kept;
  for (size_t i = 0; i < labels.size(); ++i) {
    const int32_t label = renumbered[static_cast<size_t>(labels[i])];
    if (label < 0) continue;
    const auto values = from.begin() + static_cast<std::ptrdiff_t>(i) * size;
    to.insert(to.end(), values, values + size);
    kept.push_back(label);
  }
  return kept;
}

}  // namespace

Dataset keep_classes(const Dataset& set, const std::vector<int64_t>& classes) {
  Dataset kept{set.name, 0, set.height, set.width, set.channels, {}, {}, 0};
  kept.labels = keep_examples(set.pixels, set.image_size(), set.labels,
                              renumbered_classes(set.labels, set.num_classes, classes, set.name),
                              kept.pixels);
  kept.num_classes = static_cast<int64_t>(classes.size());
  kept.count = static_cast<int64_t>(kept.labels.size());
  return kept;
}

ExampleSet keep_classes(const ExampleSet& set, const std::vector<int64_t>& classes,
                        const std::string& name) {
  ExampleSet kept{0, set.num_inputs, static_cast<int64_t>(classes.size()), {}, {}, set.image};
  kept.labels =
      keep_examples(set.inputs, set.num_inputs, set.labels,
                    renumbered_classes(set.labels, set.num_classes, classes, name), kept.inputs);
  kept.count = static_cast<int64_t>(kept.labels.size());
  return kept;
}

AffineMap random_affine_map(double strength, const engine::RngKey& key) {
  engine::RandomStream draws(key);
  const auto draw = [&] { return draws.uniform(-strength, strength); };
  const double angle = draw(), rows = std::exp(draw()), columns = std::exp(draw()), shear = draw();
  const double c = std::cos(angle), s = std::sin(angle);
  AffineMap map{{{rows * c, columns * (shear * c - s)}, {rows * s, columns * (shear * s + c)}}, {}};
  for (double& shift : map.shift) shift = draw() / 3;
  return map;
}

void distort(const float* image, int64_t height, int64_t width, const AffineMap& map,
             float background, float* out) {
  const auto pixel = [&](int64_t y, int64_t x) {
    return y < 0 || y >= height || x < 0 || x >= width ? background : image[y * width + x];
  };
  const double centre_y = static_cast<double>(height - 1) / 2;
  const double centre_x = static_cast<double>(width - 1) / 2;
  const double shift_y = map.shift[0] * static_cast<double>(height) / 2 + centre_y;
  const double shift_x = map.shift[1] * static_cast<double>(width) / 2 + centre_x;
  // Beyond this everything is background; also keeps the conversion to integers defined.
  const auto clamped = [](double at, int64_t side) {
    return std::clamp(at, -1.0, static_cast<double>(side));
  };
  for (int64_t row = 0; row < height; ++row) {
    for (int64_t column = 0; column < width; ++column) {
      const double dy = static_cast<double>(row) - centre_y;
      const double dx = static_cast<double>(column) - centre_x;
      const double y = clamped(map.matrix[0][0] * dy + map.matrix[0][1] * dx + shift_y, height);
      const double x = clamped(map.matrix[1][0] * dy + map.matrix[1][1] * dx + shift_x, width);
      const double top = std::floor(y), left = std::floor(x);
      const double down = y - top, right = x - left;
      const auto y0 = static_cast<int64_t>(top), x0 = static_cast<int64_t>(left);
      const double above = pixel(y0, x0) * (1 - right) + pixel(y0, x0 + 1) * right;
      const double below = pixel(y0 + 1, x0) * (1 - right) + pixel(y0 + 1, x0 + 1) * right;
      *out++ = static_cast<float>(above * (1 - down) + below * down);
    }
  }
}

std::vector<float> random_projection_matrix(int64_t size, const engine::RngKey& key) {
  std::vector<float> matrix(static_cast<size_t>(engine::checked_mul(size, size)));
  engine::RandomStream stream(key);
  const double scale = 1 / std::sqrt(static_cast<double>(size));
  for (float& entry : matrix) entry = static_cast<float>(stream.normal() * scale);
  return matrix;
}

void project(const float* input, const std::vector<float>& matrix, int64_t size, float* out) {
  std::fill_n(out, size, 0.0f);
  for (int64_t i = 0; i < size; ++i) {
    const float* row = matrix.data() + i * size;
    for (int64_t j = 0; j < size; ++j) out[j] += input[i] * row[j];
  }
}

void permute(const float* input, const std::vector<int32_t>& order, float* out) {
  for (size_t i = 0; i < order.size(); ++i) out[i] = input[order[i]];
}

}  // namespace vsml
