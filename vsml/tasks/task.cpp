#include "vsml/tasks/task.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <limits>
#include <numeric>
#include <utility>

#include "engine/error.h"
#include "vsml/random_purpose.h"
#include "vsml/tasks/example_stream.h"
#include "vsml/tasks/generated.h"
#include "vsml/tasks/load_examples.h"
#include "vsml/tasks/transform.h"

namespace vsml {

struct Task::Contents {
  TaskOptions options;
  std::string name;
  int64_t num_inputs = 0;
  int64_t num_classes = 0;
  int64_t max_examples = 0;
  int64_t support = 0;
  // Data set random has one of its own in each lifetime, endless streams have none.
  std::shared_ptr<const ExampleSet> set;
  std::vector<std::vector<int32_t>> by_class;  // draw_classes: the set's examples of each class
  float black = 0;                             // of images: pixel 0, standardised
};

// What the key of a lifetime has fixed.
struct Lifetime::Drawn {
  engine::RngKey key;
  std::shared_ptr<const ExampleSet> set;        // null: a stream
  std::shared_ptr<const ExampleStream> stream;  // null: a set
  std::vector<int32_t> chosen;                  // draw_classes: the examples of these classes
  std::vector<int32_t> renumbered;              // draw_classes: new label of each class
  int64_t count = 0;                            // examples of one pass
  std::vector<int32_t> first_order;             // of the examples, in the first pass
  std::vector<int32_t> pixel_order;             // empty: as they are
  std::vector<int32_t> label_order;             // empty: as they are
  std::vector<float> projection;                // empty: none

  std::vector<int32_t> order(int64_t pass) const {
    std::vector<int32_t> order = engine::random_permutation(
        count, key_for(key, RandomPurpose::ExampleOrder, static_cast<uint32_t>(pass)));
    if (chosen.empty()) return order;
    for (int32_t& place : order) place = chosen[static_cast<size_t>(place)];
    return order;
  }
};

namespace {

constexpr int64_t kMostExamples = std::numeric_limits<uint32_t>::max();

[[noreturn]] void fail(const std::string& name, const std::string& problem,
                       const std::string& hint = {}) {
  throw engine::Error(fmt::format("task {}: {}", engine::printable(name), problem), hint);
}

std::string default_name(const TaskOptions& options) {
  if (options.dataset == "csv" || options.dataset == "omniglot_images") {
    return std::filesystem::path(options.path).stem().string();
  }
  if (is_generated(options.dataset) || options.dataset == "idx") return options.dataset;
  return options.dataset + (options.split == Split::Train ? "/train" : "/test");
}

void check_options(const std::string& name, const TaskOptions& options) {
  const double p = options.random_projection;
  if (!(p >= 0 && p <= 1)) {
    fail(name, fmt::format("random_projection: expected a probability from 0 to 1, found {}", p));
  }
  if (!(options.distort >= 0 && options.distort <= 1)) {
    fail(name, fmt::format("distort: expected a strength from 0 to 1, found {}", options.distort));
  }
  const bool table = options.dataset == "csv";
  if (!is_generated(options.dataset) && !table) return;
  const char* wrong = options.resize                        ? "resize"
                      : options.pad != 0                    ? "pad"
                      : !table && options.classes.size()    ? "classes"
                      : !table && options.draw_classes != 0 ? "draw_classes"
                      : options.distort != 0                ? "distort"
                                                            : nullptr;
  if (wrong != nullptr) {
    fail(name, fmt::format("{}: expected a data set of images, found {}", wrong, options.dataset));
  }
  if (table && options.path.empty()) fail(name, "path: expected that of a table, found none");
  if (table) return;
  if (std::min({options.inputs, options.pairs, options.num_classes, options.clusters}) < 1) {
    fail(name, fmt::format("expected inputs, pairs, num_classes and clusters of at least 1, found "
                           "{}, {}, {}, {}",
                           options.inputs, options.pairs, options.num_classes, options.clusters));
  }
}

// The set's examples of each of its classes.
std::vector<std::vector<int32_t>> examples_by_class(const std::string& name, const ExampleSet& set,
                                                    int64_t draw_classes) {
  std::vector<std::vector<int32_t>> by_class(static_cast<size_t>(set.num_classes));
  for (int64_t i = 0; i < set.count; ++i) {
    by_class[static_cast<size_t>(set.labels[static_cast<size_t>(i)])].push_back(
        static_cast<int32_t>(i));
  }
  std::erase_if(by_class, [](const std::vector<int32_t>& examples) { return examples.empty(); });
  const auto present = static_cast<int64_t>(by_class.size());
  if (draw_classes < 0 || draw_classes > present) {
    fail(name, fmt::format("draw_classes: expected at most the {} classes there are, found {}",
                           present, draw_classes));
  }
  return by_class;
}

void check_shots(const std::string& name, const TaskOptions& options,
                 const std::vector<std::vector<int32_t>>& by_class) {
  if (options.shots < 0 || (options.shots > 0 && options.draw_classes == 0)) {
    fail(name, fmt::format("shots: expected draw_classes above 0 with it, found {} and {}",
                           options.draw_classes, options.shots));
  }
  if (options.shots > 0 && options.repeat) {
    fail(name,
         "shots: expected repeat false with it, or queries would have been shots, found true");
  }
  for (const auto& examples : by_class) {
    if (options.shots < std::ssize(examples)) continue;
    fail(name,
         fmt::format("shots: expected fewer than the {} examples of the smallest class, found "
                     "{}",
                     examples.size(), options.shots));
  }
}

// Examples that a lifetime has in any case: those of the smallest classes.
int64_t fewest_examples(const std::vector<std::vector<int32_t>>& by_class, int64_t draw_classes) {
  std::vector<int64_t> sizes;
  for (const auto& examples : by_class) sizes.push_back(static_cast<int64_t>(examples.size()));
  std::sort(sizes.begin(), sizes.end());
  return std::accumulate(sizes.begin(), sizes.begin() + draw_classes, int64_t{0});
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
    if (options.dataset == "csv") {
      contents->set = load_table(options);
    } else {
      LoadedImages images = load_images(options, where);
      contents->set = std::move(images.set);
      contents->black = images.black;
    }
    contents->num_inputs = contents->set->num_inputs;
    contents->num_classes = contents->set->num_classes;
    size = contents->set->count;
    if (options.draw_classes != 0) {
      contents->by_class = examples_by_class(contents->name, *contents->set, options.draw_classes);
      contents->num_classes = options.draw_classes;
      size = fewest_examples(contents->by_class, options.draw_classes);
    }
    check_shots(contents->name, options, contents->by_class);
    contents->support = options.shots * options.draw_classes;
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
  return {inputs(), num_classes(), contents_->set ? contents_->set->image : std::nullopt,
          contents_->options.hidden};
}
int64_t Task::max_examples() const {
  return contents_->max_examples;
}

int64_t Task::support() const {
  return contents_->support;
}

double Task::lifetime_bytes() const {
  const TaskOptions& options = contents_->options;
  const auto inputs = static_cast<double>(contents_->num_inputs);
  double numbers = options.random_projection * inputs * inputs;
  if (options.permute_pixels) numbers += inputs;
  if (const ExampleSet* set = contents_->set.get()) {
    const auto count = static_cast<double>(set->count);
    const auto present = static_cast<double>(contents_->by_class.size());
    // With drawn classes: which examples these are, their order, and the classes' new labels.
    numbers += present == 0 ? count
                            : 2 * count * static_cast<double>(options.draw_classes) / present +
                                  static_cast<double>(set->num_classes);
  }
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
  } else if (is_generated(options.dataset)) {
    drawn->stream = example_stream(options.dataset,
                                   {task_->num_inputs, task_->num_classes, options.clusters}, key);
  }
  if (drawn->set != nullptr) {
    drawn->count = drawn->set->count;
    if (!task_->by_class.empty()) draw_classes(*drawn);
    drawn->first_order = drawn->order(0);
    if (options.shots > 0) shots_first(*drawn);
  }
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

void Lifetime::draw_classes(Drawn& drawn) const {
  const auto& by_class = task_->by_class;
  drawn.renumbered.assign(static_cast<size_t>(task_->set->num_classes), -1);
  const std::vector<int32_t> order = engine::random_permutation(
      static_cast<int64_t>(by_class.size()), key_for(drawn.key, RandomPurpose::ClassChoice));
  for (int64_t k = 0; k < task_->num_classes; ++k) {
    const auto& examples = by_class[static_cast<size_t>(order[static_cast<size_t>(k)])];
    const int32_t label = task_->set->labels[static_cast<size_t>(examples.front())];
    drawn.renumbered[static_cast<size_t>(label)] = static_cast<int32_t>(k);
    drawn.chosen.insert(drawn.chosen.end(), examples.begin(), examples.end());
  }
  drawn.count = static_cast<int64_t>(drawn.chosen.size());
}

void Lifetime::shots_first(Drawn& drawn) const {
  std::vector<int64_t> seen(static_cast<size_t>(task_->set->num_classes));
  const auto is_shot = [&](int32_t example) {
    const int32_t label = task_->set->labels[static_cast<size_t>(example)];
    return ++seen[static_cast<size_t>(label)] <= task_->options.shots;
  };
  std::vector<int32_t> shots, queries;
  for (const int32_t example : drawn.first_order) {
    (is_shot(example) ? shots : queries).push_back(example);
  }
  // As they come now, the first of a class tend to be together. There is no second pass, whose key
  // this would be.
  const std::vector<int32_t> order = engine::random_permutation(
      std::ssize(shots), key_for(drawn.key, RandomPurpose::ExampleOrder, 1));
  for (size_t k = 0; k < shots.size(); ++k) {
    drawn.first_order[k] = shots[static_cast<size_t>(order[k])];
  }
  std::copy(queries.begin(), queries.end(),
            drawn.first_order.begin() + static_cast<std::ptrdiff_t>(shots.size()));
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
      const int64_t pass = t / drawn_->count;
      if (pass != later_pass && pass > 0) {
        later_order = drawn_->order(pass);
        later_pass = pass;
      }
      const std::vector<int32_t>& order = pass == 0 ? drawn_->first_order : later_order;
      const int64_t chosen = order[static_cast<size_t>(t % drawn_->count)];
      input = set->inputs.data() + chosen * num_inputs;
      label = set->labels[static_cast<size_t>(chosen)];
      if (!drawn_->renumbered.empty()) label = drawn_->renumbered[static_cast<size_t>(label)];
      if (task_->options.distort > 0) {
        const AffineMap map = random_affine_map(
            task_->options.distort,
            key_for(drawn_->key, RandomPurpose::Distortion, static_cast<uint32_t>(t)));
        const ImageShape& image = *set->image;
        for (int64_t plane = 0; plane < num_inputs; plane += image.height * image.width) {
          distort(input + plane, image.height, image.width, map, task_->black,
                  plain.data() + plane);
        }
        input = plain.data();
      }
    } else {
      label = drawn_->stream->example(t, plain.data());
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
