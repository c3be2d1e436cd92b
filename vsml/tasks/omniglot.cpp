#include "vsml/tasks/omniglot.h"

#include <fmt/format.h>
#include <map>

#include "engine/error.h"
#include "vsml/tasks/image_files.h"
#include "vsml/tasks/png.h"

namespace vsml {
namespace {

constexpr int64_t kMostPixels = int64_t{1} << 30;

// What the first image says of all.
void begin(Dataset& set, const GreyImage& first, const std::string& path) {
  set.height = first.height;
  set.width = first.width;
  if (set.count > kMostPixels / set.image_size()) {
    throw engine::IoError(path, "",
                          fmt::format("png: expected at most {} pixels, found {} x {} x {}",
                                      kMostPixels, set.count, set.height, set.width));
  }
}

std::string folder_of(const ImageFiles& files, const std::string& name) {
  const size_t slash = name.rfind('/');
  if (slash != std::string::npos) return name.substr(0, slash);
  throw engine::IoError(files.path_of(name), files.place_of(name),
                        "expected CHARACTER/NAME.png, found no folder");
}

// The class of each folder.
std::map<std::string, int32_t> classes_of(const ImageFiles& files) {
  std::map<std::string, int32_t> classes;
  for (const std::string& name : files.names()) classes.emplace(folder_of(files, name), 0);
  int32_t next = 0;
  for (auto& [folder, label] : classes) label = next++;
  return classes;
}

}  // namespace

Dataset read_omniglot(const std::string& path) {
  const ImageFiles files(path);
  const std::map<std::string, int32_t> classes = classes_of(files);
  Dataset set;
  set.name = "omniglot_images";
  set.count = std::ssize(files.names());
  set.num_classes = std::ssize(classes);
  for (const std::string& name : files.names()) {
    const std::string file = files.path_of(name), place = files.place_of(name);
    const GreyImage image = decode_png(files.read(name), file, place);
    if (set.labels.empty()) begin(set, image, path);
    if (image.height != set.height || image.width != set.width) {
      throw engine::IoError(
          file, place,
          fmt::format("png: expected {} x {} pixels, as {} has, found {} x {}", set.height,
                      set.width, engine::printable(files.names().front()), image.height,
                      image.width));
    }
    for (const uint8_t pixel : image.pixels) {
      set.pixels.push_back(static_cast<uint8_t>(255 - pixel));
    }
    set.labels.push_back(classes.at(folder_of(files, name)));
  }
  return set;
}

}  // namespace vsml
