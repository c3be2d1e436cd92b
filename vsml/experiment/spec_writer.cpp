#include "vsml/experiment/spec_writer.h"

#include <cmath>
#include <fmt/format.h>

#include "engine/error.h"

namespace vsml {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kLineWidth = 100;

Json finite(double value) {
  if (!std::isfinite(value)) {
    throw engine::Error(fmt::format("spec: expected a finite number, got {}", value));
  }
  return value;
}

struct ValueWriter {
  Json operator()(const IntegerField& field) const { return *field.value; }
  Json operator()(const SeedField& field) const { return *field.value; }
  Json operator()(const RealField& field) const { return finite(*field.value); }
  Json operator()(const OptionalRealField& field) const {
    return field.value->has_value() ? finite(**field.value) : Json();
  }
  Json operator()(const FlagField& field) const { return *field.value; }
  Json operator()(const TextField& field) const { return *field.value; }
  Json operator()(const PathField& field) const { return *field.value; }
  Json operator()(const ChoiceField& field) const { return field.get(); }
  Json operator()(const IntegerListField& field) const { return *field.value; }
  Json operator()(const SizeField& field) const {
    return field.value->has_value() ? Json(**field.value) : Json();
  }
  Json operator()(const ExtentField& field) const { return *field.value; }
  Json operator()(const RealListField& field) const {
    if (field.value->size() == 1) return finite(field.value->front());
    Json list = Json::array();
    for (const double value : *field.value) list.push_back(finite(value));
    return list;
  }
  Json operator()(const RecordField& field) const { return fields_to_json(field.fields); }
  Json operator()(const RecordListField& field) const {
    Json list = Json::array();
    for (size_t i = 0; i < field.size(); ++i) list.push_back(fields_to_json(field.at(i)));
    return list;
  }
  Json operator()(const SweepField& field) const {
    if (field.part == SweepPart::Seeds) return Json();
    return field.part == SweepPart::Grid ? Json::object() : Json::array();
  }
};

std::string one_line(const Json& json) {
  if (!json.is_structured()) return json.dump();
  std::string text;
  for (const auto& [key, value] : json.items()) {
    if (!text.empty()) text += ", ";
    if (json.is_object()) text += Json(key).dump() + ": ";
    text += one_line(value);
  }
  return json.is_object() ? "{" + text + "}" : "[" + text + "]";
}

// `column` is where the text begins, `indent` the indentation of its line.
std::string indented(const Json& json, size_t column, size_t indent) {
  const std::string line = one_line(json);
  // One for the comma that may follow.
  if (!json.is_structured() || json.empty() || column + line.size() + 1 <= kLineWidth) return line;
  const std::string margin(indent + 2, ' ');
  std::string text;
  for (const auto& [key, value] : json.items()) {
    if (!text.empty()) text += ",\n";
    const std::string head = margin + (json.is_object() ? Json(key).dump() + ": " : "");
    text += head + indented(value, head.size(), indent + 2);
  }
  text = "\n" + text + "\n" + std::string(indent, ' ');
  return json.is_object() ? "{" + text + "}" : "[" + text + "]";
}

}  // namespace

Json value_to_json(const Field& field) {
  return std::visit(ValueWriter{}, field.value);
}

Json fields_to_json(const Fields& fields) {
  Json object = Json::object();
  for (const Field& field : fields) {
    if (field.in_runs && applies(field, fields)) object[field.key] = value_to_json(field);
  }
  return object;
}

std::string pretty_json(const Json& json) {
  try {
    return indented(json, 0, 0) + "\n";
  } catch (const nlohmann::json::type_error&) {
    throw engine::Error("spec: expected names and paths in UTF-8, got other bytes");
  }
}

std::string spec_to_json(const Spec& spec) {
  Spec copy = spec;
  return pretty_json(fields_to_json(fields_of(copy)));
}

}  // namespace vsml
