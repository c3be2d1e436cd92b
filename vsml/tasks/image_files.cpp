#include "vsml/tasks/image_files.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <zip.h>

#include "engine/error.h"
#include "engine/io/atomic_file.h"

namespace vsml {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostArchive = int64_t{1} << 30;
constexpr int64_t kMostFile = 1 << 20;
constexpr int64_t kMostFiles = 1 << 20;

std::vector<std::string> parts_of(const std::string& name) {
  std::vector<std::string> parts{""};
  for (const char c : name) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool is_overlooked(const std::string& name) {
  const std::vector<std::string> parts = parts_of(name);
  return std::any_of(parts.begin(), parts.end(), [](const std::string& part) {
    return part.starts_with('.') || part == "__MACOSX";
  });
}

bool leads_out(const std::string& name) {
  const std::vector<std::string> parts = parts_of(name);
  return name.starts_with('/') || name.find('\\') != std::string::npos ||
         std::find(parts.begin(), parts.end(), "..") != parts.end();
}

}  // namespace

struct ImageFiles::Archive {
  std::string bytes;  // libzip reads here, so that nothing changes while it does
  zip_t* zip = nullptr;
  std::map<std::string, zip_uint64_t> places;  // of the images, by name

  ~Archive() {
    if (zip != nullptr) zip_discard(zip);
  }
};

ImageFiles::ImageFiles(const std::string& path) : path_(path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    list_folder();
  } else {
    list_archive();
  }
  if (names_.empty()) {
    throw engine::IoError(path, "", "expected files *.png, found none");
  }
  std::sort(names_.begin(), names_.end());
  const auto twice = std::adjacent_find(names_.begin(), names_.end());
  if (twice != names_.end()) {
    throw engine::IoError(path, *twice, "expected each name once, found it twice");
  }
}

ImageFiles::~ImageFiles() = default;

void ImageFiles::list_folder() {
  std::error_code error;
  const auto check = [&](const std::string& place) {
    if (error) {
      throw engine::IoError(place, "",
                            fmt::format("expected to read it, found {}", error.message()));
    }
  };
  auto entry = fs::recursive_directory_iterator(path_, error);
  check(path_);
  for (; entry != fs::recursive_directory_iterator(); entry.increment(error), check(path_)) {
    const std::string name = entry->path().lexically_relative(path_).generic_string();
    const bool folder = entry->is_directory(error) && !entry->is_symlink(error);
    if (is_overlooked(name)) {
      if (folder) entry.disable_recursion_pending();
      continue;
    }
    if (folder) continue;
    if (!name.ends_with(".png")) {
      throw engine::IoError(entry->path().string(), "", "expected *.png, found another file");
    }
    names_.push_back(name);
    if (std::ssize(names_) > kMostFiles) {
      throw engine::IoError(path_, "",
                            fmt::format("expected at most {} files, found more", kMostFiles));
    }
  }
}

void ImageFiles::list_archive() {
  archive_ = std::make_unique<Archive>();
  archive_->bytes = engine::read_file(path_, kMostArchive);
  if (!archive_->bytes.starts_with("PK")) {
    throw engine::IoError(path_, "0x0", "expected a folder or a zip archive, found another file");
  }
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source =
      zip_source_buffer_create(archive_->bytes.data(), archive_->bytes.size(), 0, &error);
  if (source != nullptr) {
    archive_->zip = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
    if (archive_->zip == nullptr) zip_source_free(source);
  }
  const std::string problem = archive_->zip == nullptr ? zip_error_strerror(&error) : "";
  zip_error_fini(&error);
  if (archive_->zip == nullptr) {
    throw engine::IoError(
        path_, "", "zip: expected an undamaged archive, found: " + engine::printable(problem),
        "the file may be damaged or cut short; fetch it again");
  }
  const zip_int64_t entries = zip_get_num_entries(archive_->zip, 0);
  if (entries > kMostFiles) {
    throw engine::IoError(
        path_, "", fmt::format("zip: expected at most {} entries, found {}", kMostFiles, entries));
  }
  for (zip_int64_t i = 0; i < entries; ++i) {
    zip_stat_t entry;
    const char* raw = zip_get_name(archive_->zip, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
    if (raw == nullptr ||
        zip_stat_index(archive_->zip, static_cast<zip_uint64_t>(i), 0, &entry) != 0) {
      throw engine::IoError(path_, "", fmt::format("zip: expected entry {}, found none", i));
    }
    const std::string name = raw;
    const auto refuse = [&](const std::string& expected, const std::string& found) {
      throw engine::IoError(path_, name,
                            fmt::format("zip: expected {}, found {}", expected, found));
    };
    if (leads_out(name)) refuse("a name within the archive", "one that leads out of it");
    if (name.ends_with('/') || is_overlooked(name)) continue;
    if (!name.ends_with(".png")) refuse("*.png", "another file");
    if (entry.encryption_method != ZIP_EM_NONE) refuse("an open entry", "an encrypted one");
    names_.push_back(name);
    archive_->places[name] = static_cast<zip_uint64_t>(i);
  }
}

std::string ImageFiles::read(const std::string& name) const {
  if (archive_ == nullptr) return engine::read_file(path_of(name), kMostFile);
  const auto refuse = [&](const std::string& expected, const std::string& found) {
    throw engine::IoError(path_, name, fmt::format("zip: expected {}, found {}", expected, found));
  };
  zip_stat_t entry;
  const zip_uint64_t index = archive_->places.at(name);
  if (zip_stat_index(archive_->zip, index, 0, &entry) != 0) refuse("the entry", "none");
  if (entry.size > static_cast<zip_uint64_t>(kMostFile)) {
    refuse(fmt::format("at most {} bytes", kMostFile), fmt::format("{}", entry.size));
  }
  zip_file_t* file = zip_fopen_index(archive_->zip, index, 0);
  if (file == nullptr) {
    refuse("an undamaged entry",
           engine::printable(zip_error_strerror(zip_get_error(archive_->zip))));
  }
  // To the end, where the checksum is looked at; one byte more, to see whether it is the end.
  std::string bytes(static_cast<size_t>(entry.size) + 1, '\0');
  zip_int64_t got = 0, step = 1;
  while (step > 0) {
    step = zip_fread(file, bytes.data() + got, bytes.size() - static_cast<zip_uint64_t>(got));
    got = step < 0 ? step : got + step;
  }
  const std::string problem =
      got < 0 ? engine::printable(zip_error_strerror(zip_file_get_error(file))) : "";
  zip_fclose(file);
  if (got < 0) refuse("an undamaged entry", problem);
  if (static_cast<zip_uint64_t>(got) != entry.size) {
    refuse(fmt::format("{} bytes, as declared", entry.size),
           got > static_cast<zip_int64_t>(entry.size) ? "more" : fmt::format("{}", got));
  }
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

std::string ImageFiles::path_of(const std::string& name) const {
  return archive_ == nullptr ? (fs::path(path_) / name).string() : path_;
}

std::string ImageFiles::place_of(const std::string& name) const {
  return archive_ == nullptr ? "" : name;
}

}  // namespace vsml
