#include "vsml/tasks/load_dataset.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fmt/format.h>
#include <string_view>
#include <utility>

#include "engine/error.h"
#include "engine/joined.h"
#include "vsml/tasks/cifar.h"
#include "vsml/tasks/data_file.h"
#include "vsml/tasks/idx.h"
#include "vsml/tasks/omniglot.h"
#include "vsml/tasks/read_once.h"

namespace vsml {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGiveFolder = "set data to the folder that has these files";

// How the files of a set are called.
struct NamedSet {
  const char* name;
  int64_t most_classes;
  const char* hint = kGiveFolder;
  // Of IDX files' names: what they begin with, and the word for the test split.
  const char* prefix = "";
  const char* test = "t10k";
  // Another name of the folder; null: the set's, with '-' for '_'.
  const char* folder = nullptr;
};

constexpr const char* kCifar10 = "cifar10";

constexpr std::array<NamedSet, 15> kNamedSets = {{
    {"fashion_mnist", 10, "install the package dataset-fashion-mnist, or set data to the folder"},
    {"mnist", 10},
    {"kmnist", 10},
    {"emnist", 62},
    {"emnist_balanced", 47, kGiveFolder, "emnist-balanced-", "test"},
    {"emnist_byclass", 62, kGiveFolder, "emnist-byclass-", "test"},
    {"emnist_bymerge", 47, kGiveFolder, "emnist-bymerge-", "test"},
    {"emnist_digits", 10, kGiveFolder, "emnist-digits-", "test"},
    {"emnist_letters", 27, kGiveFolder, "emnist-letters-", "test"},
    {"emnist_mnist", 10, kGiveFolder, "emnist-mnist-", "test"},
    {"omniglot", 256},
    {"digits", 10, "set data to the folder that has these files; digits has no test split"},
    {"letter", 26, "set data to the folder that has these files; letter has no test split"},
    {"satellite", 6, "set data to the folder that has these files; satellite has no test split"},
    {kCifar10, 10, kGiveFolder, "", "", "cifar-10-batches-bin"},
}};

bool is_cifar10(const NamedSet& set) {
  return set.name == std::string_view(kCifar10);
}

using Files = std::vector<std::string>;

// Of IDX files: images, labels.
Files file_names(const NamedSet& set, Split split) {
  if (is_cifar10(set)) {
    if (split == Split::Test) return {"test_batch.bin"};
    Files names;
    for (int k = 1; k <= 5; ++k) names.push_back(fmt::format("data_batch_{}.bin", k));
    return names;
  }
  const std::string start = std::string(set.prefix) + (split == Split::Train ? "train" : set.test);
  return {start + "-images-idx3-ubyte", start + "-labels-idx1-ubyte"};
}

// Where they are in a folder; empty for those that are not.
Files existing_files(const Files& names, const fs::path& folder) {
  Files found;
  for (const std::string& name : names) {
    found.push_back(existing_data_file(folder.string(), name));
  }
  return found;
}

bool has_any_file(const NamedSet& set, const fs::path& folder) {
  for (const Split split : {Split::Train, Split::Test}) {
    const Files found = existing_files(file_names(set, split), folder);
    if (!std::all_of(found.begin(), found.end(), [](const auto& one) { return one.empty(); })) {
      return true;
    }
  }
  return false;
}

Files find_files(const NamedSet& set, Split split, const DataFolders& where) {
  std::string other = set.name;
  std::replace(other.begin(), other.end(), '_', '-');
  if (set.folder != nullptr) other = set.folder;
  const Files names = file_names(set, split);
  for (const std::string& folder : where.folders) {
    for (const fs::path& place :
         {fs::path(folder) / set.name, fs::path(folder) / other, fs::path(folder)}) {
      if (!has_any_file(set, place)) continue;
      const Files found = existing_files(names, place);
      const auto missing = std::find(found.begin(), found.end(), "");
      if (missing == found.end()) return found;
      throw engine::IoError(
          place.string(), "",
          fmt::format("expected {}[.gz] of {}, found only other files of the set",
                      names[static_cast<size_t>(missing - found.begin())], set.name),
          "complete the set, or remove this copy of it");
    }
  }
  throw engine::IoError(
      fmt::format("data set {}", set.name), "",
      fmt::format("expected {}[.gz] in the folder {}, found no such folder in: {}",
                  engine::joined(names, "[.gz] and "), set.folder ? set.folder : set.name,
                  engine::printable(engine::joined(where.folders, ", "))),
      set.hint);
}

Dataset read_idx(const Files& files, const std::string& name, int64_t most_classes) {
  const std::string &images_path = files.at(0), &labels_path = files.at(1);
  IdxImages images = read_idx_images(images_path);
  const std::vector<uint8_t> labels = read_idx_labels(labels_path);
  if (images.count < 1 || images.height < 1 || images.width < 1) {
    throw engine::IoError(images_path, "0x4",
                          fmt::format("idx dim[0]: expected images of at least one pixel, found "
                                      "{} x {} x {}",
                                      images.count, images.height, images.width));
  }
  if (static_cast<int64_t>(labels.size()) != images.count) {
    throw engine::IoError(
        labels_path, "0x4",
        fmt::format("idx dim[0]: expected {} labels, one for each image of {}, found {}",
                    images.count, engine::printable(images_path), labels.size()),
        "images and labels must be of the same split");
  }
  const auto beyond = std::find_if(labels.begin(), labels.end(),
                                   [&](uint8_t label) { return label >= most_classes; });
  if (beyond != labels.end()) {
    const auto i = beyond - labels.begin();
    throw engine::IoError(
        labels_path, fmt::format("0x{:x}", 8 + i),
        fmt::format("idx label[{}]: expected below {}, found {}", i, most_classes, *beyond));
  }
  Dataset set;
  set.name = name;
  set.count = images.count;
  set.height = images.height;
  set.width = images.width;
  set.pixels = std::move(images.pixels);
  set.labels.assign(labels.begin(), labels.end());
  set.num_classes = 1 + *std::max_element(set.labels.begin(), set.labels.end());
  return set;
}

std::shared_ptr<const Dataset> idx_once(const Files& files, const std::string& name,
                                        int64_t most_classes) {
  static ReadOnce<Files, Dataset> sets;
  return sets.get(files, [&] { return read_idx(files, name, most_classes); });
}

std::shared_ptr<const Dataset> cifar10_once(const Files& files) {
  static ReadOnce<Files, Dataset> sets;
  return sets.get(files, [&] { return read_cifar10(files); });
}

std::shared_ptr<const Dataset> omniglot_once(const std::string& path) {
  if (path.empty()) {
    throw engine::Error(
        "data set omniglot_images: expected the path of a folder or archive, "
        "found none");
  }
  static ReadOnce<std::string, Dataset> sets;
  return sets.get(path, [&] { return read_omniglot(path); });
}

}  // namespace

DataFolders data_folders(const std::string& spec_folder, const std::string& project_folder) {
  DataFolders where;
  for (const std::string& folder : {spec_folder, project_folder}) {
    if (!folder.empty()) where.folders.push_back(folder);
  }
  where.folders.push_back("/usr/share/datasets");
  return where;
}

std::vector<std::string> named_datasets() {
  std::vector<std::string> names;
  for (const NamedSet& set : kNamedSets) names.emplace_back(set.name);
  return names;
}

std::vector<std::string> generated_datasets() {
  return {"random", "sum_sign", "clusters", "teacher"};
}

bool is_generated(const std::string& dataset) {
  const std::vector<std::string> names = generated_datasets();
  return std::find(names.begin(), names.end(), dataset) != names.end();
}

std::shared_ptr<const Dataset> load_dataset(const TaskOptions& options, const DataFolders& where) {
  if (options.dataset == "idx") {
    if (options.images.empty() || options.labels.empty()) {
      throw engine::Error("data set idx: expected the paths images and labels, found none for " +
                          std::string(options.images.empty() ? "images" : "labels"));
    }
    return idx_once({options.images, options.labels}, "idx", 256);
  }
  if (options.dataset == "omniglot_images") return omniglot_once(options.path);
  for (const NamedSet& set : kNamedSets) {
    if (options.dataset != set.name) continue;
    const Files files = find_files(set, options.split, where);
    if (is_cifar10(set)) return cifar10_once(files);
    return idx_once(
        files, fmt::format("{}/{}", set.name, options.split == Split::Train ? "train" : "test"),
        set.most_classes);
  }
  throw engine::Error(fmt::format("data set: expected {}, idx or omniglot_images, found \"{}\"",
                                  engine::joined(named_datasets(), ", "),
                                  engine::printable(options.dataset)));
}

}  // namespace vsml
