#include "vsml/tasks/load_examples.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "engine/error.h"
#include "vsml/tasks/read_once.h"
#include "vsml/tasks/transform.h"

namespace vsml {
namespace {

// The images as fractions, resized. A block of them at a time: the whole of a large set as floats,
// before it is made smaller, may not fit.
Images resized_images(const Dataset& set, const TaskOptions& options) {
  if (!options.resize) return to_images(set, 0, set.count);
  constexpr int64_t kPixels = int64_t{1} << 22;
  const int64_t block = std::max<int64_t>(1, kPixels / set.image_size());
  const auto [height, width] = *options.resize;
  Images all{set.count, set.channels, height, width, {}};
  for (int64_t first = 0; first < set.count; first += block) {
    const int64_t count = std::min(block, set.count - first);
    const Images part = resize(to_images(set, first, count), height, width);
    all.values.insert(all.values.end(), part.values.begin(), part.values.end());
  }
  return all;
}

}  // namespace

LoadedImages load_images(const TaskOptions& options, const DataFolders& where) {
  const std::shared_ptr<const Dataset> split = load_dataset(options, where);
  // A test split is read with its training split, for its scale and its number of classes.
  TaskOptions train_options = options;
  train_options.split = Split::Train;
  const std::shared_ptr<const Dataset> train = load_dataset(train_options, where);

  const bool filter = !options.classes.empty();
  const Dataset filtered = filter ? keep_classes(*split, options.classes) : Dataset();
  const Dataset& kept = filter ? filtered : *split;
  Images images = resized_images(kept, options);
  Moments scale{0, 1};
  if (options.standardize) {
    scale = train == split && !filter ? moments(images.values)
                                      : moments(resized_images(*train, options).values);
  }
  if (options.pad != 0) images = pad(images, options.pad);
  images = standardize(std::move(images), scale);

  const int64_t classes =
      filter ? kept.num_classes : std::max(kept.num_classes, train->num_classes);
  return {std::make_shared<const ExampleSet>(as_examples(std::move(images), kept.labels, classes)),
          static_cast<float>(-scale.mean / scale.deviation)};
}

std::shared_ptr<const ExampleSet> load_table(const TaskOptions& options) {
  using Key = std::tuple<std::string, std::string, CsvHeader, bool>;
  static ReadOnce<Key, ExampleSet> tables;
  const auto read = [&] {
    ExampleSet set = read_csv(options.path, options.csv).examples;
    if (options.standardize) standardize_inputs(set, moments_of_inputs(set));
    return set;
  };
  const std::shared_ptr<const ExampleSet> table = tables.get(
      {options.path, options.csv.label_column, options.csv.header, options.standardize}, read);
  if (options.classes.empty()) return table;
  return std::make_shared<const ExampleSet>(
      keep_classes(*table, options.classes, engine::printable(options.path)));
}

}  // namespace vsml
