// vsml/experiment/user_data.h: a data set of the user's own, as it is given on the command line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vsml/tasks/dataset.h"
#include "vsml/tasks/task_options.h"

namespace vsml {

struct UserData {
  std::string path;
  ExampleSet examples;               // inputs as in the file; pixels as fractions
  std::vector<std::string> classes;  // their names
  int64_t first = 1;                 // what the first example is called: its line in a CSV file
  std::string digest;                // of everything above but the path
};

// A CSV file (vsml/tasks/csv.h) with its labels in the column of that name or number (empty: the
// last one); or a folder with {train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz], of which `split`
// is taken. Throws IoError.
UserData load_user_data(const std::string& path, const std::string& label_column, Split split);

}  // namespace vsml
