// vsml/tasks/transform.h: what is done to images and labels on their way into a task. Pure
// functions on host memory; nothing here is kept or shared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/rng.h"
#include "vsml/tasks/dataset.h"

namespace vsml {

struct Images {
  int64_t count = 0;
  int64_t channels = 1;
  int64_t height = 0;
  int64_t width = 0;
  std::vector<float> values;  // [count, channels, height, width]

  int64_t image_size() const { return channels * height * width; }
};

// Pixels as fractions, 0 is black, 1 white: of all images, or of `count` from `first` on.
Images to_images(const Dataset& set);
Images to_images(const Dataset& set, int64_t first, int64_t count);

// Images of height x width. If both sides shrink by whole factors each new pixel is the average of
// the area it covers; otherwise bilinear interpolation with half-pixel centres: new pixel i reads
// at (i + 1/2) old / new - 1/2, clamped to the image. Throws Error if a side is below 1 or above
// 65536.
Images resize(const Images& images, int64_t height, int64_t width);

// `margin` pixels of black (0) on each of the four sides. Throws Error if it is negative or
// above 65536.
Images pad(const Images& images, int64_t margin);

// Mean and deviation (dividing by the number of values) over everything, summed in double.
struct Moments {
  double mean = 0;
  double deviation = 1;
};
// Throws Error if there are no values. The deviation of equal values is given as 1, so that they
// are standardised to 0.
Moments moments(const std::vector<float>& values);

// (value - mean) / deviation.
Images standardize(Images images, const Moments& moments);
// The moments of each input over the examples, [num_inputs]; and (value - mean) / deviation.
std::vector<Moments> moments_of_inputs(const ExampleSet& set);
void standardize_inputs(ExampleSet& set, const std::vector<Moments>& moments);

// Images with their labels.
ExampleSet as_examples(Images images, std::vector<int32_t> labels, int64_t num_classes);

// The examples whose label is in `classes`, in the set's order; classes[k] becomes label k.
// Throws Error if `classes` is empty, names one twice, or names one the set has no example of.
Dataset keep_classes(const Dataset& set, const std::vector<int64_t>& classes);
// The same of a set of any kind; `name` is for messages.
ExampleSet keep_classes(const ExampleSet& set, const std::vector<int64_t>& classes,
                        const std::string& name);

// A small random map of the plane. All five numbers are uniform between -strength and strength: an
// angle in radians, the logarithms of two scales, a shear, and, in units of half the image, a shift
// along each axis a third as large.
struct AffineMap {
  double matrix[2][2] = {{1, 0}, {0, 1}};  // row, column
  double shift[2] = {0, 0};                // in halves of height and width
};
AffineMap random_affine_map(double strength, const engine::RngKey& key);

// One channel of an image, seen through the map: the new pixel at offset d from the centre (row,
// column) reads, by bilinear interpolation, the old image at matrix d + shift; outside of it is
// `background`.
//   image and out [height, width], which must not overlap
void distort(const float* image, int64_t height, int64_t width, const AffineMap& map,
             float background, float* out);

// A matrix [size, size] of N(0, 1/size), row by row from the key: a vector keeps its squared length
// in expectation.
std::vector<float> random_projection_matrix(int64_t size, const engine::RngKey& key);

// out[j] = sum_i input[i] matrix[i, j], summed in the order of i.
//   input [size], matrix [size, size], out [size], which must not overlap input
void project(const float* input, const std::vector<float>& matrix, int64_t size, float* out);

// out[i] = input[order[i]].
//   input [size], order [size], out [size], which must not overlap input
void permute(const float* input, const std::vector<int32_t>& order, float* out);

}  // namespace vsml
