// The index and reduction logic of the GPU's kernels on the host, against plain loops: the same
// functions that nvcc compiles.
#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <memory>
#include <vector>

#include "engine/kernels/patches.h"
#include "engine/kernels/product_blocks.h"
#include "engine/kernels/reduce_blocks.h"

using namespace engine;
using namespace engine::kernels;

namespace {

View view_of(const std::vector<float>& data, const std::vector<int64_t>& shape,
             const std::vector<int64_t>& strides) {
  View view;
  view.data = const_cast<float*>(data.data());
  view.rank = static_cast<int>(shape.size());
  for (size_t k = 0; k < shape.size(); ++k) {
    view.shape[k] = shape[k];
    view.strides[k] = strides[k];
  }
  return view;
}

std::vector<float> numbers(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t k = 0; k < values.size(); ++k) {
    values[k] = static_cast<float>(static_cast<int>(k * 7919 % 1009) - 500) / 16;
  }
  return values;
}

// What the kernels of engine/cuda/reduce.cu do.
template <class How>
std::vector<double> reduced(ReduceOp op, const View& in, const View& out, bool backwards) {
  const ReducePlan plan = plan_reduction(op, in, out);
  const ReduceCut cut = cut_reduction(plan);
  const int64_t outputs = plan.outputs * plan.columns, parts = outputs * cut.segments;
  std::vector<double> partial(static_cast<size_t>(parts)), shared(kBlockThreads);
  for (int64_t k = 0; k < parts; ++k) {
    const int64_t i = backwards ? parts - 1 - k : k;
    double* to = &partial[static_cast<size_t>(i)];
    if (cut.by_blocks) {
      fold_by_block<How, float>(HostBlock{i, backwards}, plan, cut, shared.data(), to);
    } else {
      *to = fold_by_thread<How, float>(plan, cut, i);
    }
  }
  std::vector<double> results;
  for (int64_t i = 0; i < outputs; ++i) {
    results.push_back(combine_segments<How>(plan, cut, partial.data(), i));
  }
  return results;
}

struct Reduction {
  std::vector<int64_t> shape, strides;
  std::vector<bool> over;
};

template <class How>
void check(ReduceOp op, const Reduction& one) {
  int64_t extent = 1;
  for (size_t k = 0; k < one.shape.size(); ++k) extent += (one.shape[k] - 1) * one.strides[k];
  const std::vector<float> data = numbers(extent);
  const View in = view_of(data, one.shape, one.strides);
  View out = in;
  for (size_t k = 0; k < one.shape.size(); ++k) {
    if (one.over[k]) out.shape[k] = 1;
  }
  // Naive: every input element goes to its output.
  std::vector<double> want(static_cast<size_t>(element_count(out)), How::neutral());
  for (int64_t i = 0; i < element_count(in); ++i) {
    int64_t rest = i, offset = 0, place = 0, step = 1;
    for (int axis = in.rank - 1; axis >= 0; --axis) {
      const int64_t at = rest % in.shape[axis];
      rest /= in.shape[axis];
      offset += at * in.strides[axis];
      if (out.shape[axis] > 1) place += at * step;
      step *= out.shape[axis];
    }
    double& to = want[static_cast<size_t>(place)];
    to = How::apply(to, data[static_cast<size_t>(offset)]);
  }
  const std::vector<double> got = reduced<How>(op, in, out, false);
  REQUIRE(got.size() == want.size());
  // Sums of sixteenths below 2^53 are exact in any order.
  for (size_t k = 0; k < want.size(); ++k) CHECK(got[k] == want[k]);
  CHECK(reduced<How>(op, in, out, true) == got);
}

}  // namespace

TEST_CASE("reductions by threads and by blocks are those of a loop") {
  const Reduction cases[] = {
      {{1}, {1}, {true}},
      {{5}, {1}, {true}},
      {{127}, {1}, {true}},
      {{128}, {1}, {true}},
      {{9001}, {1}, {true}},                // several segments of blocks
      {{20000}, {3}, {true}},               // strided
      {{3, 300}, {300, 1}, {false, true}},  // rows
      {{300, 7}, {7, 1}, {true, false}},    // columns, several segments of threads
      {{4, 150, 6}, {900, 6, 1}, {false, true, false}},
      {{4, 5, 6, 7}, {210, 42, 7, 1}, {true, false, true, false}},
      {{4, 5, 6, 7}, {210, 42, 7, 1}, {false, true, false, true}},
      {{6, 40, 5}, {1, 6, 240}, {true, false, true}},  // transposed
      {{3, 200}, {0, 1}, {true, false}},               // repeated
  };
  for (const Reduction& one : cases) {
    CAPTURE(one.shape.size());
    check<Sum>(ReduceOp::Sum, one);
    check<Max>(ReduceOp::Max, one);
    check<Min>(ReduceOp::Min, one);
  }
}

TEST_CASE("a NaN anywhere is the result, and the first largest") {
  for (const size_t place : {0, 1, 255, 256, 8191, 8192, 8999}) {
    std::vector<float> data = numbers(9000);
    data[place] = std::numeric_limits<float>::quiet_NaN();
    const View in = view_of(data, {9000}, {1}), out = view_of(data, {1}, {1});
    CHECK(std::isnan(reduced<Max>(ReduceOp::Max, in, out, false)[0]));
    CHECK(std::isnan(reduced<Sum>(ReduceOp::Sum, in, out, false)[0]));
    CHECK(first_largest(data.data(), 9000, 1) == static_cast<int64_t>(place));
  }
  const std::vector<float> twice{1, 3, 2, 3};
  CHECK(first_largest(twice.data(), 4, 1) == 1);
  CHECK(first_largest(twice.data(), 2, 2) == 1);
}

TEST_CASE("a loop finds every element of strided operands") {
  const std::vector<float> data(1000);
  const View out = view_of(data, {3, 1, 4, 5}, {20, 20, 5, 1});
  const View in = view_of(data, {3, 1, 4, 5}, {1, 77, 0, 3});
  const Loop loop = make_loop({out, in});
  for (int64_t i = 0; i < 60; ++i) {
    int64_t offset[kMaxOperands];
    offsets_of(loop, i, offset);
    CHECK(offset[0] == 4 * i);
    CHECK(offset[1] == 4 * (i / 20 + 3 * (i % 5)));
  }
}

TEST_CASE("64-bit division") {
  for (const int64_t index : {int64_t{0}, int64_t{7}, int64_t{1} << 31, (int64_t{1} << 32) - 1,
                              int64_t{1} << 32, (int64_t{1} << 40) + 12345}) {
    for (const int64_t extent : {int64_t{1}, int64_t{3}, int64_t{65537}, int64_t{1} << 33}) {
      int64_t rest = index;
      CHECK(divide(rest, extent) == index / extent);
      CHECK(rest == index % extent);
    }
  }
}

TEST_CASE("patches are gathered and summed as by loops over all places") {
  struct Sizes {
    int64_t height, width, channels, kernel_y, kernel_x, stride, pad_y, pad_x;
  };
  for (const Sizes& s :
       {Sizes{5, 6, 2, 3, 2, 1, 0, 0}, Sizes{5, 6, 1, 3, 3, 2, 1, 1}, Sizes{4, 7, 3, 1, 1, 3, 0, 0},
        Sizes{3, 3, 1, 5, 5, 1, 2, 2}, Sizes{6, 5, 2, 2, 3, 3, 1, 0}}) {
    const int64_t rows = (s.height + 2 * s.pad_y - s.kernel_y) / s.stride + 1;
    const int64_t columns = (s.width + 2 * s.pad_x - s.kernel_x) / s.stride + 1;
    const PatchGrid grid{1,          s.height,   s.width,  s.channels, rows,   columns,
                         s.kernel_y, s.kernel_x, s.stride, s.pad_y,    s.pad_x};
    const std::vector<float> image = numbers(image_size(grid)),
                             patches = numbers(patches_size(grid));
    std::vector<float> folded_image(image.size());
    int64_t place = 0;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t column = 0; column < columns; ++column) {
        for (int64_t ky = 0; ky < s.kernel_y; ++ky) {
          for (int64_t kx = 0; kx < s.kernel_x; ++kx) {
            for (int64_t c = 0; c < s.channels; ++c, ++place) {
              const int64_t y = row * s.stride + ky - s.pad_y, x = column * s.stride + kx - s.pad_x;
              const bool inside = y >= 0 && y < s.height && x >= 0 && x < s.width;
              const auto pixel =
                  static_cast<size_t>(inside ? (y * s.width + x) * s.channels + c : 0);
              CHECK(unfolded(grid, image.data(), place) == (inside ? image[pixel] : 0));
              if (inside) folded_image[pixel] += patches[static_cast<size_t>(place)];
            }
          }
        }
      }
    }
    for (size_t k = 0; k < image.size(); ++k) {
      CHECK(folded(grid, patches.data(), static_cast<int64_t>(k)) == folded_image[k]);
    }
  }
}

TEST_CASE("tiled products are those of loops: tails, transposes, batches, long sums in parts") {
  struct Sizes {
    int64_t batch, m, n, k;
    bool a_transposed, b_transposed, a_repeated, accumulate;
  };
  const Sizes all[] = {
      {1, 1, 1, 1, false, false, false, false},    {1, 64, 64, 16, false, false, false, false},
      {1, 65, 63, 17, false, false, false, true},  {3, 5, 70, 33, true, false, false, false},
      {2, 130, 7, 15, false, true, false, true},   {4, 9, 66, 40, true, true, true, false},
      {1, 3, 5, 4097, true, false, false, true},   {1, 17, 64, 9000, false, true, false, false},
      {2, 3, 2, 5000, false, false, false, false}, {0, 3, 2, 5, false, false, false, false},
  };
  for (const Sizes& s : all) {
    CAPTURE(s.m);
    CAPTURE(s.k);
    const std::vector<float> a = numbers(s.batch * s.m * s.k + 1),
                             b = numbers(s.batch * s.k * s.n + 1);
    std::vector<float> out = numbers(s.batch * s.m * s.n + 1);
    const auto matrix = [&](const std::vector<float>& data, int64_t rows, int64_t columns,
                            bool transposed, bool repeated) {
      return view_of(
          data, {s.batch, rows, columns},
          {repeated ? 0 : rows * columns, transposed ? 1 : columns, transposed ? rows : 1});
    };
    const View left = matrix(a, s.m, s.k, s.a_transposed, s.a_repeated);
    const View right = matrix(b, s.k, s.n, s.b_transposed, false);
    std::vector<double> want;
    for (int64_t i = 0; i < s.batch * s.m * s.n; ++i) {
      const int64_t batch = i / (s.m * s.n), row = i / s.n % s.m, column = i % s.n;
      double sum = s.accumulate ? out[static_cast<size_t>(i)] : 0;
      for (int64_t k = 0; k < s.k; ++k) {
        sum += static_cast<double>(a[static_cast<size_t>(
                   batch * left.strides[0] + row * left.strides[1] + k * left.strides[2])]) *
               b[static_cast<size_t>(batch * right.strides[0] + k * right.strides[1] +
                                     column * right.strides[2])];
      }
      want.push_back(sum);
    }
    Product p = plan_product(left, right, matrix(out, s.m, s.n, false, false), s.accumulate);
    CHECK((p.parts > 1) == (s.batch == 1 && s.k > 4096));
    const std::vector<float> before = out;
    for (const bool backwards : {false, true}) {
      out = before;
      std::vector<float> parts(static_cast<size_t>(p.parts * s.m * s.n),
                               std::numeric_limits<float>::quiet_NaN());
      Product one = p;
      if (p.parts > 1) {
        one.batches.data[0] = reinterpret_cast<char*>(parts.data());
        one.part_step = s.m * s.n;
        one.accumulate = false;
      }
      const auto shared = std::make_unique<ProductTiles<float>>();
      for (int64_t tile = 0; tile < p.tiles; ++tile) {
        product_tile<float>(HostBlock{backwards ? p.tiles - 1 - tile : tile, backwards}, one,
                            *shared);
      }
      double largest = 0, error = 0;
      for (size_t i = 0; i < want.size(); ++i) {
        double got = p.parts == 1 ? out[i] : s.accumulate ? before[i] : 0;
        for (int64_t part = 0; p.parts > 1 && part < p.parts; ++part) {
          got += parts[static_cast<size_t>(part) * want.size() + i];
        }
        largest = std::max(largest, std::fabs(want[i]));
        if (!(std::fabs(got - want[i]) <= error)) error = std::fabs(got - want[i]);
      }
      // Sums of up to 2,048 products in f32, of numbers that are not all of one sign.
      CHECK(error <= 1e-5 * largest);
      CHECK(out.back() == before.back());
    }
  }
}
