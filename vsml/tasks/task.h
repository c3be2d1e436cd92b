// vsml/tasks/task.h: a task is a source of lifetimes; a lifetime is a stream of (input, label).
//
// Everything random about a lifetime (its projection, its permutations, the order of its examples)
// is a function of its key. Example t of a lifetime is therefore always the same, whichever range
// it is asked for with and on whichever thread, and a run that was stopped goes on exactly where it
// was. Tasks and lifetimes are cheap to copy, never change, and may be shared between threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/rng.h"
#include "vsml/dims.h"
#include "vsml/tasks/dataset.h"
#include "vsml/tasks/load_dataset.h"
#include "vsml/tasks/task_options.h"

namespace vsml {

class Lifetime;

class Task {
 public:
  // Loads the data set and computes its inputs once, for all lifetimes. Pixels become fractions
  // (black 0, white 1) and are resized; a black margin is added; then all are standardised with the
  // mean and deviation of the resized training split, over all its classes and without the margin
  // (idx and omniglot_images: of the set itself). The columns of a csv are standardised each by
  // itself, over the whole table. Generated sets are not images: standardize means nothing to them,
  // and what is done to images or classes is an error.
  //
  // Throws Error if the options contradict themselves or the data; as load_dataset.
  Task(const TaskOptions& options, const DataFolders& where);

  // The options' name; if empty: dataset/split, or the data set alone where it has no splits.
  const std::string& name() const;
  int64_t inputs() const;       // D, values of an example
  int64_t num_classes() const;  // C
  // Both, and the shape of its images; a task of generated examples has none.
  TaskDims dims() const;
  // The longest lifetime: the size of the set (with draw_classes: of its smallest so many classes),
  // or 2^32 - 1 where it repeats or is endless.
  int64_t max_examples() const;

  // Examples that a lifetime begins with and that are not scored: `shots` of each drawn class, in
  // random order. The rest of these classes' examples, the queries, follow.
  int64_t support() const;

  // Bytes that a lifetime draws for itself, on average.
  double lifetime_bytes() const;

  // The lifetime of a key: seed, step (the number of the lifetime) and member; the purpose is not
  // looked at. With projection, O(D^2) random numbers are drawn here.
  Lifetime lifetime(const engine::RngKey& key) const;

 private:
  friend class Lifetime;
  struct Contents;
  std::shared_ptr<const Contents> contents_;
};

class Lifetime {
 public:
  // Examples first, first + 1, ..., first + count - 1.
  //   inputs [count, D]; labels [count, C], one-hot
  // The set is gone through without replacement, support first; with `repeat` it is then gone
  // through again, newly shuffled. Throws Error if the range is negative or goes beyond the task's
  // max_examples().
  void examples(int64_t first, int64_t count, float* inputs, float* labels) const;

 private:
  friend class Task;
  struct Drawn;
  Lifetime(std::shared_ptr<const Task::Contents> task, const engine::RngKey& key);

  void draw_classes(Drawn& drawn) const;
  void shots_first(Drawn& drawn) const;

  std::shared_ptr<const Task::Contents> task_;
  std::shared_ptr<const Drawn> drawn_;
};

}  // namespace vsml
