// engine/kernels/reduce_blocks.h: reductions by blocks of threads.
//
// The reduced index space is cut into segments by shape alone. A segment is folded either by one
// thread, where neighbouring threads have neighbouring outputs, or by a block, whose threads take
// every 256th element and are then combined in a fixed tree. Segments are combined in order.
#pragma once

#include "engine/kernels/block.h"
#include "engine/kernels/reduce_ops.h"

namespace engine::kernels {

struct ReduceCut {
  bool by_blocks = false;  // else by threads
  int64_t segment = 1;     // reduced indices of one
  int64_t segments = 1;    // of one output
};

inline ReduceCut cut_reduction(const ReducePlan& plan) {
  constexpr int64_t kMostSegments = 1024, kManyOutputs = 65536;
  const auto up = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  ReduceCut cut;
  cut.by_blocks = plan.columns == 1 && plan.reductions >= 128;
  const int64_t least = cut.by_blocks ? 32 * kBlockThreads : 64;
  const bool enough = !cut.by_blocks && plan.outputs * plan.columns >= kManyOutputs;
  cut.segment = up(plan.reductions, kMostSegments);
  if (cut.segment < least) cut.segment = least;
  if (enough || cut.segment > plan.reductions) cut.segment = plan.reductions;
  cut.segments = up(plan.reductions, cut.segment);
  return cut;
}

// Reduced indices first, first + step, ... below `last` of output (row, column).
template <class How, class T>
ENGINE_HD double fold(const ReducePlan& plan, int64_t row, int64_t column, int64_t first,
                      int64_t last, int64_t step) {
  const char* base = plan.data + offset_of(plan.kept, row) + column * int64_t{sizeof(T)};
  double total = How::neutral();
  for (int64_t k = first; k < last; k += step) {
    const T* element = reinterpret_cast<const T*>(base + offset_of(plan.reduced, k));
    total = How::apply(total, static_cast<double>(*element));
  }
  return total;
}

// Partial result number `index` of [outputs, segments, columns], folded by one thread.
template <class How, class T>
ENGINE_HD double fold_by_thread(const ReducePlan& plan, const ReduceCut& cut, int64_t index) {
  int64_t column = index;
  int64_t segment = divide(column, plan.columns);
  const int64_t row = divide(segment, cut.segments);
  const int64_t first = segment * cut.segment;
  const int64_t end = first + cut.segment;
  return fold<How, T>(plan, row, column, first, end < plan.reductions ? end : plan.reductions, 1);
}

// Partial result number block.index of [outputs, segments], to *result. `shared` has room for a
// number of every thread.
template <class How, class T, class Block>
ENGINE_HD void fold_by_block(const Block& block, const ReducePlan& plan, const ReduceCut& cut,
                             double* shared, double* result) {
  int64_t segment = block.index;
  const int64_t row = divide(segment, cut.segments);
  const int64_t first = segment * cut.segment;
  const int64_t end = first + cut.segment;
  const int64_t last = end < plan.reductions ? end : plan.reductions;
  block.each([&](int thread) {
    shared[thread] = fold<How, T>(plan, row, 0, first + thread, last, kBlockThreads);
  });
  for (int half = kBlockThreads / 2; half > 0; half /= 2) {
    block.each([&](int thread) {
      if (thread < half) shared[thread] = How::apply(shared[thread], shared[thread + half]);
    });
  }
  block.each([&](int thread) {
    if (thread == 0) *result = shared[0];
  });
}

// Output number `index` of [outputs, columns] from the partial results.
template <class How>
ENGINE_HD double combine_segments(const ReducePlan& plan, const ReduceCut& cut,
                                  const double* partial, int64_t index) {
  int64_t column = index;
  const int64_t row = divide(column, plan.columns);
  double total = How::neutral();
  for (int64_t k = 0; k < cut.segments; ++k) {
    total = How::apply(total, partial[(row * cut.segments + k) * plan.columns + column]);
  }
  return total;
}

// Index of the first largest of `extent` elements, a NaN being largest.
template <class T>
ENGINE_HD int64_t first_largest(const T* values, int64_t extent, int64_t step) {
  int64_t best = 0;
  for (int64_t i = 1; i < extent; ++i) {
    const T value = values[i * step], largest = values[best * step];
    if (value > largest || (value != value && largest == largest)) best = i;
  }
  return best;
}

}  // namespace engine::kernels
