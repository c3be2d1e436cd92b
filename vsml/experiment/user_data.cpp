#include "vsml/experiment/user_data.h"

#include <filesystem>
#include <fmt/format.h>

#include "engine/error.h"
#include "engine/io/sha256.h"
#include "vsml/tasks/csv.h"
#include "vsml/tasks/data_file.h"
#include "vsml/tasks/load_dataset.h"
#include "vsml/tasks/transform.h"

namespace vsml {
namespace {

namespace fs = std::filesystem;

std::string digest_of(const UserData& data) {
  engine::Sha256 digest;
  const ExampleSet& set = data.examples;
  digest.update(set.inputs.data(), set.inputs.size() * sizeof(float));
  digest.update(set.labels.data(), set.labels.size() * sizeof(int32_t));
  digest.update(fmt::format("{} {}", set.count, data.first));
  for (const std::string& name : data.classes)
    digest.update(fmt::format(" {}:{}", name.size(), name));
  return digest.hex();
}

std::string idx_file(const std::string& folder, const std::string& name) {
  const std::string found = existing_data_file(folder, name);
  return found.empty() ? (fs::path(folder) / name).string() : found;
}

UserData load_images(const std::string& folder, Split split) {
  const std::string prefix = split == Split::Train ? "train" : "t10k";
  TaskOptions options;
  options.dataset = "idx";
  options.images = idx_file(folder, prefix + "-images-idx3-ubyte");
  options.labels = idx_file(folder, prefix + "-labels-idx1-ubyte");
  const auto set = load_dataset(options, {});
  UserData data;
  data.examples = as_examples(to_images(*set), set->labels, set->num_classes);
  for (int64_t c = 0; c < set->num_classes; ++c) data.classes.push_back(std::to_string(c));
  return data;
}

UserData load_table(const std::string& path, const std::string& label_column) {
  CsvTable table = read_csv(path, {label_column, CsvHeader::Auto});
  UserData data;
  data.examples = std::move(table.examples);
  data.classes = std::move(table.classes);
  data.first = table.first_line;
  return data;
}

}  // namespace

UserData load_user_data(const std::string& path, const std::string& label_column, Split split) {
  std::error_code error;
  UserData data =
      fs::is_directory(path, error) ? load_images(path, split) : load_table(path, label_column);
  data.path = path;
  data.digest = digest_of(data);
  return data;
}

}  // namespace vsml
