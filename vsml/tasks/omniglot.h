// vsml/tasks/omniglot.h: Omniglot as it is published (https://github.com/brendenlake/omniglot):
// images_background.zip and its likes, or the folders in them.
#pragma once

#include <string>

#include "vsml/tasks/dataset.h"

namespace vsml {

// Images ALPHABET/CHARACTER/NAME.png, with any folders above, in a folder or a zip archive
// (vsml/tasks/image_files.h). Each character is a class; classes are numbered in the order of their
// folders' paths. Black, the ink, becomes 255 and white 0, as in the shipped part.
// Throws IoError as ImageFiles and decode_png, and if an image is in no folder, has another size
// than the first one, or all of them have more than 2^30 pixels.
Dataset read_omniglot(const std::string& path);

}  // namespace vsml
