// vsml/fields.h: a struct of options described as data: the keys that a spec has for it.
//
// Each option struct has one listing, fields_of(options): key, meaning, where the value lives, its
// range. A learner's listing stands beside the learner, the others in experiment/spec_fields.cpp.
// Reading, printing, the JSON Schema and the help go through these listings, so a new option is one
// line there. A default is what the struct says initially.
//
// A listing points into the struct it was made from and must not outlive it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

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
// [height, width].
struct ExtentField {
  std::array<int64_t, 2>* value;
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

// A part of a sweep (experiment/sweep.h). There is no value to point to: what it says becomes the
// specs of runs.
enum class SweepPart { Grid, List, Seeds };
struct SweepField {
  SweepPart part;
};

using FieldValue =
    std::variant<IntegerField, SeedField, RealField, OptionalRealField, FlagField, TextField,
                 PathField, ChoiceField, IntegerListField, SizeField, ExtentField, RealListField,
                 RecordField, RecordListField, SweepField>;

struct Field {
  std::string key;
  std::string meaning;
  FieldValue value;
  // The values of the listing's selecting field that this field goes with; empty: all of them.
  std::vector<std::string> cases = {};
  bool selects = false;  // a ChoiceField that says which other fields there are
  bool required = false;
  bool in_runs = true;  // false: makes the specs of runs, and none of them has it
};

constexpr size_t kMaxListSize = 1000;  // of any list in a spec

// The selecting field of a listing, or null.
const Field* selector_of(const Fields& fields);
// Whether a field goes with what the listing's selecting field says at the moment.
bool applies(const Field& field, const Fields& fields);
// The field of that key, or null. Fields of different cases may have one key: the one that applies,
// or else the first.
const Field* find_field(const Fields& fields, const std::string& key);
// The cases that a key goes with, over all fields that have it; empty: all cases.
std::vector<std::string> cases_of(const std::string& key, const Fields& fields);

// For listings.

// What is counted in 32 bits of a random number's key stays below this.
constexpr int64_t kMostSteps = 1'000'000'000;
constexpr int64_t kMostMembers = 1'000'000;
constexpr int64_t kMostNeurons = 1 << 24;
constexpr int64_t kMostPixels = 1024;  // of a convolution's kernel and around its image
constexpr IntegerRange kSteps{1, kMostSteps}, kStepsOrNone{0, kMostSteps};
constexpr IntegerRange kMembers{1, kMostMembers};

constexpr RealRange kFraction{0, 1}, kDecay{0, 1, false, true}, kEpsilon{0, 1, true};
constexpr RealRange kAnyReal{-1e9, 1e9}, kNotNegative{0, 1e9}, kPositive{0, 1e9, true};

// `names` in the order of the enumerators.
template <class E>
ChoiceField choice(E& value, std::vector<std::string> names) {
  return {names, [&value, names] { return names.at(static_cast<size_t>(value)); },
          [&value, names](const std::string& name) {
            value = static_cast<E>(std::find(names.begin(), names.end(), name) - names.begin());
          }};
}

inline ChoiceField word_choice(std::string& value, std::vector<std::string> names) {
  return {std::move(names), [&value] { return value; },
          [&value](const std::string& name) { value = name; }};
}

template <class T>
RecordField record(const char* type, T& value) {
  return {type, fields_of(value)};
}

template <class T>
RecordListField record_list(const char* type, std::vector<T>& list, size_t fewest) {
  return {type,
          fewest,
          [&list] { return list.size(); },
          [&list](size_t size) {
            list.clear();
            list.resize(size);
          },
          [&list](size_t i) { return fields_of(list.at(i)); },
          [element = std::make_shared<T>()] { return fields_of(*element); }};
}

// Appends fields that go with `cases`, unless they say others themselves.
void append(Fields& fields, Fields more, const std::vector<std::string>& cases);

}  // namespace vsml
