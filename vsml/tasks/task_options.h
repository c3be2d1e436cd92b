// vsml/tasks/task_options.h: which data set, and how it becomes a task. Plain data, as in a spec.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vsml {

enum class Split { Train, Test };

struct TaskOptions {
  std::string name;     // in tables; empty: dataset/split
  std::string dataset;  // fashion_mnist, mnist, kmnist, emnist; idx; random, sum_sign
  Split split = Split::Train;
  std::string images, labels;  // dataset idx: the two files

  // dataset random: number of fixed pairs; random and sum_sign: inputs per example; random:
  // classes.
  int64_t pairs = 20;
  int64_t inputs = 8;
  int64_t num_classes = 2;

  std::vector<int64_t> classes;                  // keep only these labels, renumbered 0, 1, ...
  std::optional<std::array<int64_t, 2>> resize;  // height, width
  int64_t pad = 0;               // zeros around the image, in pixels, after resizing
  bool standardize = true;       // with the training split's mean and deviation
  double random_projection = 0;  // probability, per lifetime, of an N(0, 1/D) matrix on the inputs
  bool permute_pixels = false;   // a fresh permutation of the inputs per lifetime
  bool permute_labels = false;   // a fresh permutation of the labels per lifetime
  bool repeat = false;           // an episode longer than the set starts over, reshuffled
  double weight = 1;             // share of the lifetimes that get this task

  friend bool operator==(const TaskOptions&, const TaskOptions&) = default;
};

}  // namespace vsml
