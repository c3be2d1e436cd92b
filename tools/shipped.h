// tools/shipped.h: where the files that come with the project are.
#pragma once

#include <string>

#include "vsml/experiment/spec_file.h"

namespace tools {

// The project's data folder (specs/, fashion_mnist/, ...): beside an installed program in
// PREFIX/share/vsml, else DATA of the source tree it was built from. Empty if neither is there.
std::string project_data_folder();

// The files of the shipped specs by name, such as "quickstart" or "paper/meta_train_es".
vsml::ShippedSpecs shipped_specs();

}  // namespace tools
