// vsml/tasks/load_examples.h: from files to the examples of a task: what every lifetime shares.
#pragma once

#include <memory>

#include "vsml/tasks/dataset.h"
#include "vsml/tasks/load_dataset.h"
#include "vsml/tasks/task_options.h"

namespace vsml {

struct LoadedImages {
  std::shared_ptr<const ExampleSet> set;
  float black = 0;  // pixel 0, standardised
};

// A set of images with the options' classes, size, margin and scale, in the order that Task says.
// Throws as load_dataset, keep_classes and resize.
LoadedImages load_images(const TaskOptions& options, const DataFolders& where);

// The table of data set csv with the options' classes and scale, read once for all tasks that read
// it alike. Throws as read_csv and keep_classes.
std::shared_ptr<const ExampleSet> load_table(const TaskOptions& options);

}  // namespace vsml
