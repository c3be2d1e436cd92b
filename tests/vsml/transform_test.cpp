// Transforms against numbers worked out by hand and naive double loops.
#include "vsml/tasks/transform.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <string>

#include "engine/error.h"
#include "vsml/random_purpose.h"

using vsml::Images;

namespace {

using Values = std::vector<float>;

vsml::Dataset small_set() {
  vsml::Dataset set;
  set.name = "small/train";
  set.count = 5;
  set.height = 1;
  set.width = 2;
  set.pixels = {0, 1, 10, 11, 20, 21, 30, 31, 40, 255};
  set.labels = {2, 0, 4, 2, 0};
  set.num_classes = 5;
  return set;
}

}  // namespace

TEST_CASE("to_images: bytes become fractions") {
  const Images images = vsml::to_images(small_set());
  CHECK(images.count == 5);
  CHECK(images.image_size() == 2);
  CHECK(images.values[0] == 0.0f);
  CHECK(images.values[9] == 1.0f);
  CHECK(images.values[6] == 30.0f / 255.0f);
}

TEST_CASE("resize: averages areas when both sides shrink by whole factors") {
  const Images images{
      2, 1, 2, 6, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0}};
  const Images small = vsml::resize(images, 1, 2);
  CHECK(small.count == 2);
  CHECK(small.height == 1);
  CHECK(small.width == 2);
  CHECK(small.values == Values{5, 8, 0, 1});
  CHECK(vsml::resize(images, 2, 3).values ==
        Values{1.5, 3.5, 5.5, 7.5, 9.5, 11.5, 0, 0, 3, 0, 0, 0});
  CHECK(vsml::resize(images, 2, 6).values == images.values);
}

TEST_CASE("resize: bilinear with half-pixel centres") {
  // From 2 to 4 the centres are at -1/4, 1/4, 3/4, 5/4, clamped to 0, 1/4, 3/4, 1.
  CHECK(vsml::resize({1, 1, 1, 2, {0, 4}}, 1, 4).values == Values{0, 1, 3, 4});
  CHECK(vsml::resize({1, 1, 2, 1, {0, 4}}, 4, 1).values == Values{0, 1, 3, 4});
  // From 3 to 2 they are at 1/4 and 7/4.
  CHECK(vsml::resize({1, 1, 3, 3, {0, 4, 8, 16, 20, 24, 32, 36, 40}}, 2, 2).values ==
        Values{5, 11, 29, 35});
  // Height grows although width shrinks by a whole factor: bilinear on both, centre at 1/2.
  CHECK(vsml::resize({1, 1, 1, 2, {2, 6}}, 2, 1).values == Values{4, 4});
  CHECK(vsml::resize({1, 1, 1, 1, {7}}, 3, 2).values == Values(6, 7.0f));
}

TEST_CASE("resize: a plane stays a plane, in every channel") {
  const int64_t from = 28, to = 17;
  Images images{1, 2, from, from, {}};
  for (int64_t c = 0; c < 2; ++c) {
    for (int64_t y = 0; y < from; ++y) {
      for (int64_t x = 0; x < from; ++x) {
        images.values.push_back(static_cast<float>(c == 0 ? 2 * y + x : 100 - 3 * x));
      }
    }
  }
  const Images small = vsml::resize(images, to, to);
  for (int64_t y = 0; y < to; ++y) {
    for (int64_t x = 0; x < to; ++x) {
      const double v = (y + 0.5) * from / to - 0.5, u = (x + 0.5) * from / to - 0.5;
      CAPTURE(y);
      CAPTURE(x);
      const auto at = static_cast<size_t>(y * to + x);
      CHECK(std::fabs(small.values[at] - (2 * v + u)) <= 1e-5);
      CHECK(std::fabs(small.values[at + 17 * 17] - (100 - 3 * u)) <= 1e-5);
    }
  }
}

TEST_CASE("pad: zeros on all four sides") {
  const Images padded = vsml::pad({2, 1, 1, 2, {1, 2, 3, 4}}, 1);
  CHECK(padded.height == 3);
  CHECK(padded.width == 4);
  CHECK(padded.values ==
        Values{0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0});
  CHECK(vsml::pad({1, 1, 1, 2, {1, 2}}, 0).values == Values{1, 2});
}

TEST_CASE("resize and pad: sizes that mean nothing") {
  const Images image{1, 1, 1, 2, {1, 2}};
  CHECK_THROWS_WITH_AS(vsml::resize(image, 0, 2),
                       "resize: expected sides from 1 to 65536, found 0 x 2", engine::Error);
  CHECK_THROWS_WITH_AS(vsml::pad(image, -1), "pad: expected a margin from 0 to 65536, found -1",
                       engine::Error);
  CHECK_THROWS_AS(vsml::pad(image, std::numeric_limits<int64_t>::max()), engine::Error);
  CHECK_THROWS_AS(vsml::resize(image, 1, int64_t{1} << 44), engine::Error);
}

TEST_CASE("moments: mean and deviation, also far from zero") {
  const vsml::Moments small = vsml::moments({1, 2, 3, 6});
  CHECK(small.mean == 3.0);
  CHECK(small.deviation == doctest::Approx(std::sqrt(3.5)).epsilon(1e-15));
  Values far;
  for (int i = 0; i < 1000000; ++i) far.push_back(i % 2 == 0 ? 4095.0f : 4097.0f);
  const vsml::Moments exact = vsml::moments(far);  // in float the sum would be off by far
  CHECK(exact.mean == 4096.0);
  CHECK(exact.deviation == 1.0);
  CHECK(vsml::moments(Values(7, 0.1f)).deviation == 1.0);
  CHECK_THROWS_AS(vsml::moments({}), engine::Error);
}

TEST_CASE("standardize: subtracts the mean and divides by the deviation") {
  const Images images = vsml::standardize({1, 1, 1, 3, {1, 2, 6}}, {2, 4});
  CHECK(images.values == Values{-0.25, 0, 1});
}

TEST_CASE("keep_classes: keeps and renumbers in the order given") {
  const vsml::Dataset kept = vsml::keep_classes(small_set(), {4, 2});
  CHECK(kept.count == 3);
  CHECK(kept.num_classes == 2);
  CHECK(kept.labels == std::vector<int32_t>{1, 0, 1});
  CHECK(kept.pixels == std::vector<uint8_t>{0, 1, 20, 21, 30, 31});
  CHECK(kept.height == 1);
  CHECK(kept.width == 2);
}

TEST_CASE("keep_classes: classes that are not there") {
  const vsml::Dataset set = small_set();
  for (const int64_t wrong : {int64_t{1}, int64_t{5}, int64_t{-1}, int64_t{1} << 40}) {
    const std::string message =
        "classes: expected some of those in small/train, 0 2 4, found " + std::to_string(wrong);
    CHECK_THROWS_WITH_AS(vsml::keep_classes(set, {0, wrong}), message.c_str(), engine::Error);
  }
  CHECK_THROWS_WITH_AS(vsml::keep_classes(set, {2, 0, 2}),
                       "classes: expected each class once, found 2 twice", engine::Error);
  CHECK_THROWS_AS(vsml::keep_classes(set, {}), engine::Error);
}

TEST_CASE("random projection: entries from N(0, 1/D), applied as input times matrix") {
  const int64_t size = 200;
  const engine::RngKey key{7, 3, 2, 1};
  const Values matrix = vsml::random_projection_matrix(size, key);
  REQUIRE(matrix.size() == size * size);
  double sum = 0, squares = 0;
  for (const float entry : matrix) {
    sum += entry;
    squares += static_cast<double>(entry) * entry;
  }
  // 40,000 draws: the mean of the entries has deviation 1/200/sqrt(200), the mean of the scaled
  // squares sqrt(2)/200; four deviations are allowed.
  CHECK(std::fabs(sum / 40000) <= 4.0 / 200 / std::sqrt(200.0));
  CHECK(std::fabs(squares / size - 1) <= 4 * std::sqrt(2.0) / 200);
  CHECK(matrix == vsml::random_projection_matrix(size, key));
  CHECK(matrix != vsml::random_projection_matrix(size, {8, 3, 2, 1}));

  Values input, got(size, 1e9f);
  for (int64_t i = 0; i < size; ++i) input.push_back(static_cast<float>(std::sin(3.0 * i)));
  vsml::project(input.data(), matrix, size, got.data());
  for (int64_t j = 0; j < size; ++j) {
    double want = 0;
    for (int64_t i = 0; i < size; ++i) {
      want += static_cast<double>(input[static_cast<size_t>(i)]) *
              matrix[static_cast<size_t>(i * size + j)];
    }
    CHECK(std::fabs(got[static_cast<size_t>(j)] - want) <= 1e-5);
  }
}

TEST_CASE("permute: position i takes the value at order[i]") {
  const Values input = {10, 11, 12};
  Values out(3);
  vsml::permute(input.data(), {2, 0, 1}, out.data());
  CHECK(out == Values{12, 10, 11});
}

TEST_CASE("random keys: purposes and indices give unrelated keys") {
  using vsml::RandomPurpose;
  const engine::RngKey key{5, 0, 6, 7};
  const engine::RngKey plain = vsml::key_for(key, RandomPurpose::Projection);
  CHECK(plain == engine::RngKey{5, static_cast<uint32_t>(RandomPurpose::Projection), 6, 7});
  const engine::RngKey first = vsml::key_for(key, RandomPurpose::ExampleOrder, 0);
  const engine::RngKey second = vsml::key_for(key, RandomPurpose::ExampleOrder, 1);
  CHECK(first.step == 6);
  CHECK(first.member == 7);
  CHECK(first.purpose == static_cast<uint32_t>(RandomPurpose::ExampleOrder));
  CHECK(first.seed != second.seed);
  CHECK(first.seed != key.seed);
  CHECK((first.seed >> 32) != (first.seed & 0xffffffff));
  CHECK(first.seed != vsml::key_for(key, RandomPurpose::GeneratedInputs, 0).seed);
}

namespace {

// The old image at a place, by bilinear interpolation; written for one point, with `background`
// outside.
double read_at(const Values& image, int height, int width, double y, double x, double background) {
  double value = 0;
  for (int dy = 0; dy < 2; ++dy) {
    for (int dx = 0; dx < 2; ++dx) {
      const int row = static_cast<int>(std::floor(y)) + dy;
      const int column = static_cast<int>(std::floor(x)) + dx;
      const double weight = (1 - std::fabs(y - row)) * (1 - std::fabs(x - column));
      const bool inside = row >= 0 && row < height && column >= 0 && column < width;
      value +=
          weight * (inside ? static_cast<double>(image[static_cast<size_t>(row * width + column)])
                           : background);
    }
  }
  return value;
}

}  // namespace

TEST_CASE("distort: the identity, a shift by one pixel, a quarter turn") {
  const Values image{1, 2, 3, 4, 5, 6, 7, 8, 9};
  Values out(9);
  vsml::distort(image.data(), 3, 3, {}, -1, out.data());
  CHECK(out == image);
  vsml::AffineMap shift;
  shift.shift[1] = 2.0 / 3;  // one pixel of three: the new image reads one further to the right
  vsml::distort(image.data(), 3, 3, shift, -1, out.data());
  for (size_t i = 0; i < 9; ++i) {
    const float want = i % 3 == 2 ? -1 : image[i + 1];
    CHECK(out[i] == doctest::Approx(want).epsilon(1e-6));
  }
  const vsml::AffineMap turn{{{0, -1}, {1, 0}}, {}};
  vsml::distort(image.data(), 3, 3, turn, -1, out.data());
  CHECK(out == Values{7, 4, 1, 8, 5, 2, 9, 6, 3});
}

TEST_CASE("distort: random maps against a point by point reading, and within their strength") {
  Values image;
  for (int i = 0; i < 7 * 5; ++i) image.push_back(static_cast<float>((i * 37) % 11));
  double largest_shift = 0;
  for (uint32_t step = 0; step < 50; ++step) {
    const vsml::AffineMap map = vsml::random_affine_map(0.3, {5, 1, step, 0});
    Values out(image.size());
    vsml::distort(image.data(), 7, 5, map, -2, out.data());
    for (int row = 0; row < 7; ++row) {
      for (int column = 0; column < 5; ++column) {
        const double dy = row - 3, dx = column - 2;
        const double y = map.matrix[0][0] * dy + map.matrix[0][1] * dx + map.shift[0] * 3.5 + 3;
        const double x = map.matrix[1][0] * dy + map.matrix[1][1] * dx + map.shift[1] * 2.5 + 2;
        CHECK(std::fabs(out[static_cast<size_t>(row * 5 + column)] -
                        read_at(image, 7, 5, y, x, -2)) < 1e-5);
      }
    }
    // The area a map covers is the product of its two scales.
    const double area = map.matrix[0][0] * map.matrix[1][1] - map.matrix[0][1] * map.matrix[1][0];
    CHECK(std::fabs(std::log(area)) <= 0.6);
    for (const double part : map.shift) largest_shift = std::max(largest_shift, std::fabs(part));
  }
  CHECK(largest_shift <= 0.1);
  CHECK(largest_shift > 0.08);
  const vsml::AffineMap none = vsml::random_affine_map(0, {5, 1, 0, 0});
  CHECK(none.matrix[0][0] == 1);
  CHECK(none.matrix[0][1] == 0);
  CHECK(none.matrix[1][0] == 0);
  CHECK(none.matrix[1][1] == 1);
}
