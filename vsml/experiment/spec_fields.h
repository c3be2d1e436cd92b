// vsml/experiment/spec_fields.h: the keys of a spec, as data.
//
// Each option struct has one listing, in spec_fields.cpp: key, meaning, where the value lives, its
// range. Reading (spec_reader.h), printing (spec_writer.h), the JSON Schema and the help
// (spec_schema.h) all go through these listings, so a new option is one line there. A default is
// what the struct says initially.
//
// A listing points into the struct it was made from and must not outlive it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "vsml/experiment/spec.h"

namespace vsml {

struct Field;
using Fields = std::vector<Field>;

struct IntegerRange {
  int64_t least, most;
};

struct RealRange {
  double least, most;
  bool without_least = false, without_most = false;  // the bound itself is out
};

struct IntegerField {
  int64_t* value;
  IntegerRange range;
};
// Any 64-bit number.
struct SeedField {
  uint64_t* value;
};
struct RealField {
  double* value;
  RealRange range;
};
// null: none.
struct OptionalRealField {
  std::optional<double>* value;
  RealRange range;
};
struct FlagField {
  bool* value;
};
struct TextField {
  std::string* value;
};
// A file or folder. Relative paths count from the folder of the spec file that says them.
struct PathField {
  std::string* value;
};
// One of a few words.
struct ChoiceField {
  std::vector<std::string> names;
  std::function<std::string()> get;
  std::function<void(const std::string&)> set;
};
struct IntegerListField {
  std::vector<int64_t>* value;
  IntegerRange range;  // of an element
};
// [height, width]; null: none.
struct SizeField {
  std::optional<std::array<int64_t, 2>>* value;
  IntegerRange range;
};
// A number, or a list of at least one.
struct RealListField {
  std::vector<double>* value;
  RealRange range;
};
struct RecordField {
  std::string type;  // what such an object is called in the schema
  Fields fields;
};
struct RecordListField {
  std::string type;
  size_t fewest;
  std::function<size_t()> size;
  std::function<void(size_t)> resize;  // new elements have the defaults
  std::function<Fields(size_t)> at;
  std::function<Fields()> defaults;  // an element that is not in the list
};

using FieldValue = std::variant<IntegerField, SeedField, RealField, OptionalRealField, FlagField,
                                TextField, PathField, ChoiceField, IntegerListField, SizeField,
                                RealListField, RecordField, RecordListField>;

struct Field {
  std::string key;
  std::string meaning;
  FieldValue value;
  // The values of the listing's selecting field that this field goes with; empty: all of them.
  std::vector<std::string> cases = {};
  bool selects = false;  // a ChoiceField that says which other fields there are
  bool required = false;
};

constexpr size_t kMaxListSize = 1000;  // of any list in a spec

Fields fields_of(Spec& spec);
Fields fields_of(LearnerOptions& options);
Fields fields_of(LayerOptions& options);
Fields fields_of(InitOptions& options);
Fields fields_of(StepScaleFloor& floor);
Fields fields_of(MetaOptions& options);
Fields fields_of(CloneOptions& options);
Fields fields_of(CloneData& data);
Fields fields_of(ClonePhase& phase);
Fields fields_of(TasksSpec& spec);
Fields fields_of(TaskOptions& options);
Fields fields_of(EvaluateSpec& spec);
Fields fields_of(CheckpointSpec& spec);

// The selecting field of a listing, or null.
const Field* selector_of(const Fields& fields);
// Whether a field goes with what the listing's selecting field says at the moment.
bool applies(const Field& field, const Fields& fields);
// The field of that key, or null.
const Field* find_field(const Fields& fields, const std::string& key);

// "vsml", "sgd", ...: the word for it in a spec.
std::string name_of(LearnerType type);

}  // namespace vsml
