// vsml/tasks/image_files.h: the .png files of a folder or of a zip archive, by name.
//
// Both come from strangers. Nothing is unpacked to disk, so that names lead nowhere; only regular
// files are opened; and what an archive declares of its entries is checked before it is believed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace vsml {

class ImageFiles {
 public:
  // Opens a folder, with the folders in it (symbolic links to folders are not followed), or an
  // archive of at most 1 GiB. Throws IoError if it is neither, if it has a file that is not called
  // *.png, none that is, one twice, more than 2^20, or an entry that is encrypted or whose name is
  // absolute or climbs (..). Files whose name or one of whose folders begins with a dot, and
  // __MACOSX, are overlooked.
  explicit ImageFiles(const std::string& path);
  ~ImageFiles();
  ImageFiles(const ImageFiles&) = delete;
  ImageFiles& operator=(const ImageFiles&) = delete;

  // Paths within the folder or archive, with '/', in the order of their bytes.
  const std::vector<std::string>& names() const { return names_; }
  // The bytes of one. Throws IoError if it cannot be read, is larger than 1 MiB, or is damaged.
  std::string read(const std::string& name) const;
  // Of one, for errors: the file to name, and the place in it.
  std::string path_of(const std::string& name) const;
  std::string place_of(const std::string& name) const;

 private:
  struct Archive;

  void list_folder();
  void list_archive();

  std::string path_;
  std::unique_ptr<Archive> archive_;  // null: a folder
  std::vector<std::string> names_;
};

}  // namespace vsml
