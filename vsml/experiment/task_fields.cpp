// The keys of a task in a spec.
#include "vsml/experiment/spec_fields.h"
#include "vsml/tasks/load_dataset.h"

namespace vsml {
namespace {

const std::vector<std::string> kNamedSets = named_datasets();
const std::vector<std::string> kGeneratedSets = generated_datasets();
const std::vector<std::string> kImageSets = [] {
  std::vector<std::string> sets = named_datasets();
  sets.emplace_back("idx");
  sets.emplace_back("omniglot_images");
  return sets;
}();

// Sets that are kept in memory, so that classes can be picked from them.
const std::vector<std::string> kStoredSets = [] {
  std::vector<std::string> sets = kImageSets;
  sets.emplace_back("csv");
  return sets;
}();

}  // namespace

Fields fields_of(TaskOptions& o) {
  std::vector<std::string> sets = kStoredSets;
  sets.insert(sets.end(), kGeneratedSets.begin(), kGeneratedSets.end());
  return {
      {"name", "in tables; empty: the data set and its split", TextField{&o.name}},
      {"dataset",
       "a named set of images; idx: two files; omniglot_images: Omniglot as published; csv: a "
       "table; random, sum_sign, clusters, teacher: generated",
       word_choice(o.dataset, sets),
       {},
       true,
       true},
      {"split", "part of the set", choice(o.split, {"train", "test"}), kNamedSets},
      {"images", "file of images", PathField{&o.images}, {"idx"}},
      {"labels", "file of labels", PathField{&o.labels}, {"idx"}},
      {"path",
       "file of the table; omniglot_images: folder or zip archive of folders of images",
       PathField{&o.path},
       {"csv", "omniglot_images"}},
      {"label_column",
       "name or number, from 1, of the column with the labels; empty: the last",
       TextField{&o.csv.label_column},
       {"csv"}},
      {"header",
       "whether the first line names the columns; auto: if none of its fields is a number",
       choice(o.csv.header, {"auto", "yes", "no"}),
       {"csv"}},
      {"pairs",
       "number of fixed pairs of input and label",
       IntegerField{&o.pairs, {1, kMostNeurons}},
       {"random"}},
      {"inputs", "numbers of an example", IntegerField{&o.inputs, {1, kMostNeurons}},
       kGeneratedSets},
      {"num_classes",
       "number of classes",
       IntegerField{&o.num_classes, {2, 65536}},
       {"random", "clusters", "teacher"}},
      {"clusters",
       "most clusters of a class; a lifetime draws from 1 on",
       IntegerField{&o.clusters, {1, 1000}},
       {"clusters"}},
      {"classes", "only these labels, renumbered 0, 1, ...; empty: all",
       IntegerListField{&o.classes, {0, 65535}}, kStoredSets},
      {"draw_classes", "so many of the classes, drawn anew per lifetime; 0: all",
       IntegerField{&o.draw_classes, {0, 65536}}, kStoredSets},
      {"shots",
       "a lifetime begins with so many examples of each drawn class, which are not scored; 0: all "
       "are scored",
       IntegerField{&o.shots, {0, 65536}}, kStoredSets},
      {"resize", "[height, width] in pixels; null: as they are", SizeField{&o.resize, {1, 1024}},
       kImageSets},
      {"pad", "zeros around the image, in pixels, after resizing", IntegerField{&o.pad, {0, 1024}},
       kImageSets},
      {"standardize", "with the training split's mean and deviation; csv: each column with its own",
       FlagField{&o.standardize}, kStoredSets},
      {"distort", "strength of small affine maps of the image, fresh for every example",
       RealField{&o.distort, kFraction}, kImageSets},
      {"random_projection", "probability, per lifetime, of a random matrix on the inputs",
       RealField{&o.random_projection, kFraction}},
      {"permute_pixels", "a fresh permutation of the inputs per lifetime",
       FlagField{&o.permute_pixels}},
      {"permute_labels", "a fresh permutation of the labels per lifetime",
       FlagField{&o.permute_labels}},
      {"repeat", "an episode longer than the set starts over, reshuffled", FlagField{&o.repeat}},
      {"hidden",
       "widths of hidden layers of vsml, sgd, adam and learned_rule on this task; empty: their own",
       IntegerListField{&o.hidden, {1, kMostNeurons}}},
      {"weight", "share of the lifetimes that get this task", RealField{&o.weight, kNotNegative}},
  };
}

Fields fields_of(TasksSpec& s) {
  return {
      {"train", "tasks of meta-training", record_list("task", s.train, 0)},
      {"test", "tasks of meta-testing", record_list("task", s.test, 0)},
  };
}

}  // namespace vsml
