// vsml/tasks/task_options.h: which data set, and how it becomes a task. Plain data, as in a spec.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vsml/tasks/csv.h"

namespace vsml {

enum class Split { Train, Test };

struct TaskOptions {
  std::string name;  // in tables; empty: dataset/split
  std::string
      dataset;  // a named set, idx, omniglot_images, csv, or a generated one (load_dataset.h)
  Split split = Split::Train;
  std::string images, labels;  // dataset idx: the two files
  std::string path;            // dataset csv: the table; omniglot_images: the folder or archive
  CsvOptions csv;              // and how to read it

  // Generated sets.
  int64_t pairs = 20;       // random: number of fixed pairs
  int64_t inputs = 8;       // all: inputs per example
  int64_t num_classes = 2;  // all but sum_sign
  int64_t clusters = 3;     // clusters: most clusters of a class

  std::vector<int64_t> classes;  // keep only these labels, renumbered 0, 1, ...
  int64_t draw_classes = 0;      // of these so many per lifetime, drawn anew; 0: all
  // A lifetime begins with so many examples of each of its drawn classes, which are learned from
  // but not scored: few-shot episodes. 0: every example is scored.
  int64_t shots = 0;
  std::optional<std::array<int64_t, 2>> resize;  // height, width
  int64_t pad = 0;  // zeros around the image, in pixels, after resizing
  // Images: with the training split's mean and deviation; csv: each column with its own.
  bool standardize = true;
  double distort = 0;            // strength of a fresh affine map of each example (transform.h)
  double random_projection = 0;  // probability, per lifetime, of an N(0, 1/D) matrix on the inputs
  bool permute_pixels = false;   // a fresh permutation of the inputs per lifetime
  bool permute_labels = false;   // a fresh permutation of the labels per lifetime
  bool repeat = false;           // an episode longer than the set starts over, reshuffled
  std::vector<int64_t> hidden;   // widths of the learner's hidden layers here; empty: its own
  double weight = 1;             // share of the lifetimes that get this task

  friend bool operator==(const TaskOptions&, const TaskOptions&) = default;
};

}  // namespace vsml
