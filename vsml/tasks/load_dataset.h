// vsml/tasks/load_dataset.h: finds the files of a data set and reads them, once per process.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vsml/tasks/dataset.h"
#include "vsml/tasks/task_options.h"

namespace vsml {

// The folders in which named data sets are looked for, in this order. A set S is taken from the
// first place that has any of its files {train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz] (parts of
// EMNIST: under their published names, such as emnist-letters-test-images-idx3-ubyte; cifar10:
// data_batch_{1,2,3,4,5}.bin[.gz] and test_batch.bin[.gz]), where the places of a folder are
// FOLDER/S, FOLDER/S with '-' for '_' (cifar10: cifar-10-batches-bin), and FOLDER itself.
struct DataFolders {
  std::vector<std::string> folders;
};

// The usual order: the spec's folder, the project's, the system's (/usr/share/datasets, where
// Debian's package of Fashion-MNIST is). Empty names are left out.
DataFolders data_folders(const std::string& spec_folder, const std::string& project_folder);

// fashion_mnist, mnist, digits, ...: the sets that are known by name.
std::vector<std::string> named_datasets();
// random, ...: the sets that are drawn from random numbers.
std::vector<std::string> generated_datasets();
// True if the data set is drawn from random numbers, so that there is nothing to load.
bool is_generated(const std::string& dataset);

// One split of a named set, the two files of `idx` or the folder or archive of `omniglot_images`,
// whose relative paths have been resolved and which have no splits. The same files are read once
// and shared from then on, also between threads; a failure is not remembered.
//
// Throws Error if the name is not one of these or a path is lacking; IoError if no folder has the
// set, a file is missing or malformed, there are no images or no pixels, the files do not hold the
// same number of examples, or a label is beyond the set's classes (10; emnist as published, up to
// 62; letter 26; satellite 6; omniglot and idx 256); as read_omniglot and
// read_cifar10.
std::shared_ptr<const Dataset> load_dataset(const TaskOptions& options, const DataFolders& where);

}  // namespace vsml
