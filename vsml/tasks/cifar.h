// vsml/tasks/cifar.h: the binary version of CIFAR-10 (https://www.cs.toronto.edu/~kriz/cifar.html).
//
// A file is records of 3073 bytes and nothing else: a label from 0 to 9, then the red, the green
// and the blue plane of an image of 32 x 32 pixels, row by row. Plain, or compressed with gzip.
#pragma once

#include <string>
#include <vector>

#include "vsml/tasks/dataset.h"

namespace vsml {

// The images of several files, one after another. Throws IoError of the form "PATH:0xc01: cifar10
// label[1]: expected ..., found ...", where the place is an offset into the (inflated) contents, if
// a file has no records, ends within one, has a label above 9, is of CIFAR-100, or is a tar
// archive; if there are more than 2^16 records; and as DataFile.
Dataset read_cifar10(const std::vector<std::string>& paths);

}  // namespace vsml
