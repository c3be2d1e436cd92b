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

// The file of a trained algorithm: `algorithm` if it is a path (it has '/' or ends in
// .safetensors), else that of the shipped one of that name. Throws Error naming those there are.
std::string algorithm_file(const std::string& algorithm);

}  // namespace tools
