#include "vsml/tasks/task.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <utility>

#include "engine/error.h"
#include "vsml/random_purpose.h"
#include "vsml/tasks/generated.h"
#include "vsml/tasks/transform.h"

namespace vsml {

struct Task::Contents {
  TaskOptions options;
  std::string name;
  int64_t num_inputs = 0;
  int64_t num_classes = 0;
  int64_t max_examples = 0;
  // Data set random has one of its own in each lifetime, sum_sign has none.
  std::shared_ptr<const ExampleSet> set;
};

// What the key of a lifetime has fixed.
struct Lifetime::Drawn {
  engine::RngKey key;
  std::shared_ptr<const ExampleSet> set;  // null: sum_sign
  std::vector<int32_t> first_order;       // of the set's examples, in the first pass
  std::vector<int32_t> pixel_order;       // empty: as they are
  std::vector<int32_t> label_order;       // empty: as they are
  std::vector<float> projection;          // empty: none

  std::vector<int32_t> order(int64_t pass) const {
    return engine::random_permutation(
        set->count, key_for(key, RandomPurpose::ExampleOrder, static_cast<uint32_t>(pass)));
  }
};

namespace {

constexpr int64_t kMostExamples = std::numeric_limits<uint32_t>::max();

[[noreturn]] void fail(const std::string& name, const std::string& problem,
                       const std::string& hint = {}) {
  throw engine::Error(fmt::format("task {}: {}", engine::printable(name), problem), hint);
}

std::string default_name(const TaskOptions& options) {
  if (is_generated(options.dataset) || options.dataset == "idx") return options.dataset;
  return options.dataset + (options.split == Split::Train ? "/train" : "/test");
}

void check_options(const std::string& name, const TaskOptions& options) {
  const double p = options.random_projection;
  if (!(p >= 0 && p <= 1)) {
    fail(name, fmt::format("random_projection: expected a probability from 0 to 1, found {}", p));
  }
  if (!is_generated(options.dataset)) return;
  const char* wrong = options.resize           ? "resize"
                      : options.pad != 0       ? "pad"
                      : options.classes.size() ? "classes"
                                               : nullptr;
  if (wrong != nullptr) {
    fail(name, fmt::format("{}: expected a data set of images, found {}", wrong, options.dataset));
  }
  if (options.inputs < 1 || options.pairs < 1 || options.num_classes < 1) {
    fail(name, fmt::format("expected inputs, pairs and num_classes of at least 1, found {}, {}, {}",
                           options.inputs, options.pairs, options.num_classes));
  }
}

Images resized_images(const Dataset& set, const TaskOptions& options) {
  Images images = to_images(set);
  if (!options.resize) return images;
  return resize(images, (*options.resize)[0], (*options.resize)[1]);
}

std::shared_ptr<const ExampleSet> load_examples(const TaskOptions& options,
                                                const DataFolders& where) {
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
  images = standardize(pad(images, options.pad), scale);

  auto set = std::make_shared<ExampleSet>();
  set->count = images.count;
  set->num_inputs = images.image_size();
  set->image = ImageShape{images.channels, images.height, images.width};
  set->inputs = std::move(images.values);
  set->labels = kept.labels;
  set->num_classes = filter ? kept.num_classes : std::max(kept.num_classes, train->num_classes);
  return set;
}

}  // namespace

Task::Task(const TaskOptions& options, const DataFolders& where) {
  auto contents = std::make_shared<Contents>();
  contents->options = options;
  contents->name = options.name.empty() ? default_name(options) : options.name;
  check_options(contents->name, options);
  int64_t size = kMostExamples;
  if (is_generated(options.dataset)) {
    contents->num_inputs = options.inputs;
    contents->num_classes = options.dataset == "sum_sign" ? 2 : options.num_classes;
    if (options.dataset == "random") size = options.pairs;
  } else {
    contents->set = load_examples(options, where);
    contents->num_inputs = contents->set->num_inputs;
    contents->num_classes = contents->set->num_classes;
    size = contents->set->count;
  }
  contents->max_examples = options.repeat ? kMostExamples : size;
  contents_ = std::move(contents);
}

const std::string& Task::name() const {
  return contents_->name;
}
int64_t Task::inputs() const {
  return contents_->num_inputs;
}
int64_t Task::num_classes() const {
  return contents_->num_classes;
}
TaskDims Task::dims() const {
  return {inputs(), num_classes(), contents_->set ? contents_->set->image : std::nullopt};
}
int64_t Task::max_examples() const {
  return contents_->max_examples;
}

double Task::lifetime_bytes() const {
  const TaskOptions& options = contents_->options;
  const auto inputs = static_cast<double>(contents_->num_inputs);
  double numbers = options.random_projection * inputs * inputs;
  if (options.permute_pixels) numbers += inputs;
  if (contents_->set != nullptr) numbers += static_cast<double>(contents_->set->count);
  if (options.dataset == "random") numbers += static_cast<double>(options.pairs) * (inputs + 2);
  return numbers * sizeof(float);
}

Lifetime Task::lifetime(const engine::RngKey& key) const {
  return Lifetime(contents_, key);
}

Lifetime::Lifetime(std::shared_ptr<const Task::Contents> task, const engine::RngKey& key)
    : task_(std::move(task)) {
  const TaskOptions& options = task_->options;
  auto drawn = std::make_shared<Drawn>();
  drawn->key = key;
  drawn->set = task_->set;
  if (options.dataset == "random") {
    drawn->set = std::make_shared<const ExampleSet>(
        random_pairs(options.pairs, task_->num_inputs, task_->num_classes, key));
  }
  if (drawn->set != nullptr) drawn->first_order = drawn->order(0);
  if (options.permute_pixels) {
    drawn->pixel_order = engine::random_permutation(task_->num_inputs,
                                                    key_for(key, RandomPurpose::PixelPermutation));
  }
  if (options.permute_labels) {
    drawn->label_order = engine::random_permutation(task_->num_classes,
                                                    key_for(key, RandomPurpose::LabelPermutation));
  }
  engine::RandomStream choice(key_for(key, RandomPurpose::ProjectionChoice));
  if (choice.uniform() < options.random_projection) {
    drawn->projection =
        random_projection_matrix(task_->num_inputs, key_for(key, RandomPurpose::Projection));
  }
  drawn_ = std::move(drawn);
}

void Lifetime::examples(int64_t first, int64_t count, float* inputs, float* labels) const {
  const int64_t most = task_->max_examples;
  if (first < 0 || count < 0 || first > most || count > most - first) {
    fail(task_->name,
         fmt::format("expected examples within 0 to {}, found {} from {} on", most, count, first),
         task_->options.repeat ? "" : "shorten the episode, or set the task's repeat");
  }
  const int64_t num_inputs = task_->num_inputs;
  const int64_t num_classes = task_->num_classes;
  std::vector<float> plain(static_cast<size_t>(num_inputs));
  std::vector<float> permuted(static_cast<size_t>(num_inputs));
  std::vector<int32_t> later_order;
  int64_t later_pass = 0;  // the pass that later_order is for; 0: none

  std::fill_n(labels, count * num_classes, 0.0f);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t t = first + i;
    const float* input = plain.data();
    int32_t label = 0;
    if (const ExampleSet* set = drawn_->set.get()) {
      const int64_t pass = t / set->count;
      if (pass != later_pass && pass > 0) {
        later_order = drawn_->order(pass);
        later_pass = pass;
      }
      const std::vector<int32_t>& order = pass == 0 ? drawn_->first_order : later_order;
      const int64_t chosen = order[static_cast<size_t>(t % set->count)];
      input = set->inputs.data() + chosen * num_inputs;
      label = set->labels[static_cast<size_t>(chosen)];
    } else {
      label = sum_sign_example(num_inputs, drawn_->key, t, plain.data());
    }
    if (!drawn_->pixel_order.empty()) {
      permute(input, drawn_->pixel_order, permuted.data());
      input = permuted.data();
    }
    float* out = inputs + i * num_inputs;
    if (drawn_->projection.empty()) {
      std::copy_n(input, num_inputs, out);
    } else {
      project(input, drawn_->projection, num_inputs, out);
    }
    if (!drawn_->label_order.empty()) label = drawn_->label_order[static_cast<size_t>(label)];
    labels[i * num_classes + label] = 1;
  }
}

}  // namespace vsml
