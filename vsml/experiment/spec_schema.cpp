#include "vsml/experiment/spec_schema.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "vsml/experiment/json_document.h"
#include "vsml/experiment/spec_writer.h"

namespace vsml {
namespace {

using Json = nlohmann::ordered_json;

Json integer_schema(const IntegerRange& range) {
  return {{"type", "integer"}, {"minimum", range.least}, {"maximum", range.most}};
}

Json number_schema(const RealRange& range) {
  return {{"type", "number"},
          {range.without_least ? "exclusiveMinimum" : "minimum", range.least},
          {range.without_most ? "exclusiveMaximum" : "maximum", range.most}};
}

Json list_schema(const Json& items, size_t fewest) {
  Json schema = {{"type", "array"}, {"items", items}};
  if (fewest > 0) schema["minItems"] = fewest;
  schema["maxItems"] = kMaxListSize;
  return schema;
}

Json pair_schema(const IntegerRange& range) {
  return {{"type", "array"}, {"items", integer_schema(range)}, {"minItems", 2}, {"maxItems", 2}};
}

Json or_null(const Json& schema) {
  Json null = {{"type", "null"}};
  return {{"anyOf", Json::array({schema, null})}};
}

Json reference(const std::string& type) {
  return {{"$ref", "#/$defs/" + type}};
}

// What a field's value may be, without its meaning and default. Records are left to $defs.
struct TypeWriter {
  Json operator()(const IntegerField& field) const { return integer_schema(field.range); }
  Json operator()(const SeedField&) const {
    return {{"type", "integer"}, {"minimum", 0}, {"maximum", UINT64_MAX}};
  }
  Json operator()(const RealField& field) const { return number_schema(field.range); }
  Json operator()(const OptionalRealField& field) const {
    return or_null(number_schema(field.range));
  }
  Json operator()(const FlagField&) const { return {{"type", "boolean"}}; }
  Json operator()(const TextField&) const { return {{"type", "string"}}; }
  Json operator()(const PathField&) const { return {{"type", "string"}}; }
  Json operator()(const ChoiceField& field) const { return {{"enum", field.names}}; }
  Json operator()(const IntegerListField& field) const {
    return list_schema(integer_schema(field.range), 0);
  }
  Json operator()(const SizeField& field) const { return or_null(pair_schema(field.range)); }
  Json operator()(const ExtentField& field) const { return pair_schema(field.range); }
  Json operator()(const RealListField& field) const {
    const Json number = number_schema(field.range);
    return {{"anyOf", Json::array({number, list_schema(number, 1)})}};
  }
  Json operator()(const RecordField& field) const { return reference(field.type); }
  Json operator()(const RecordListField& field) const {
    return list_schema(reference(field.type), field.fewest);
  }
  Json operator()(const SweepField& field) const {
    if (field.part == SweepPart::List) {
      const Json object = {{"type", "object"}};
      return list_schema(object, 1);
    }
    if (field.part == SweepPart::Seeds) {
      const Json list = list_schema((*this)(SeedField{}), 1), null = {{"type", "null"}};
      return {{"anyOf", Json::array({integer_schema({1, kMaxListSize}), list, null})}};
    }
    return {{"type", "object"},
            {"properties", {{"$comment", true}, {"$schema", true}}},
            {"additionalProperties", list_schema(Json::object(), 1)}};
  }
};

bool is_record(const Field& field) {
  return std::holds_alternative<RecordField>(field.value) ||
         std::holds_alternative<RecordListField>(field.value);
}

// For each set of cases, a rule that forbids its fields in all other cases. Where the selecting
// field is left out nothing is forbidden: the spec may extend one that says it.
Json case_rules(const Fields& fields) {
  const Field* selector = selector_of(fields);
  Json rules = Json::array();
  if (selector == nullptr) return rules;
  const auto& choice = std::get<ChoiceField>(selector->value);
  std::map<std::vector<std::string>, Json> forbidden;  // by the cases that allow the keys
  for (const Field& field : fields) {
    if (!field.cases.empty()) forbidden[cases_of(field.key, fields)][field.key] = false;
  }
  for (const auto& [cases, keys] : forbidden) {
    std::vector<std::string> others;
    for (const std::string& name : choice.names) {
      if (std::find(cases.begin(), cases.end(), name) == cases.end()) others.push_back(name);
    }
    const Json condition = {{"properties", {{selector->key, {{"enum", others}}}}},
                            {"required", Json::array({selector->key})}};
    rules.push_back({{"if", condition}, {"then", {{"properties", keys}}}});
  }
  return rules;
}

// A key that fields of different cases have may be any of them.
Json key_schema(const std::vector<Json>& alternatives) {
  return alternatives.size() == 1 ? alternatives[0] : Json{{"anyOf", alternatives}};
}

Json record_schema(const Fields& fields) {
  Json properties = {{"$comment", true}, {"$schema", true}};
  Json required = Json::array();
  std::map<std::string, std::vector<Json>> of_key;
  for (const Field& field : fields) {
    Json schema = std::visit(TypeWriter{}, field.value);
    std::vector<Json>& same_key = of_key[field.key];
    schema["description"] = field.meaning;
    if (field.required) {
      required.push_back(field.key);
    } else if (!is_record(field)) {
      schema["default"] = value_to_json(field);
    }
    same_key.push_back(std::move(schema));
    properties[field.key] = key_schema(same_key);
  }
  Json schema = {{"type", "object"}, {"properties", properties}};
  if (!required.empty()) schema["required"] = required;
  const Json rules = case_rules(fields);
  if (!rules.empty()) schema["allOf"] = rules;
  schema["additionalProperties"] = false;
  return schema;
}

// Adds the schemas of all records inside a listing.
void add_definitions(const Fields& fields, Json& definitions) {
  for (const Field& field : fields) {
    if (const auto* record = std::get_if<RecordField>(&field.value)) {
      definitions[record->type] = record_schema(record->fields);
      add_definitions(record->fields, definitions);
    } else if (const auto* list = std::get_if<RecordListField>(&field.value)) {
      if (definitions.contains(list->type)) continue;
      definitions[list->type] = record_schema(list->defaults());
      add_definitions(list->defaults(), definitions);
    }
  }
}

// What a field's value may be, in words.
struct TypeTeller {
  static std::string in_range(const RealRange& range) {
    return fmt::format("number {} {} and {} {}", range.without_least ? ">" : ">=", range.least,
                       range.without_most ? "<" : "<=", range.most);
  }

  std::string operator()(const IntegerField& field) const {
    return fmt::format("integer {} .. {}", field.range.least, field.range.most);
  }
  std::string operator()(const SeedField&) const { return "integer of 64 bits"; }
  std::string operator()(const RealField& field) const { return in_range(field.range); }
  std::string operator()(const OptionalRealField& field) const {
    return in_range(field.range) + ", or null";
  }
  std::string operator()(const FlagField&) const { return "true or false"; }
  std::string operator()(const TextField&) const { return "text"; }
  std::string operator()(const PathField&) const { return "path"; }
  std::string operator()(const ChoiceField& field) const { return alternatives(field.names); }
  std::string operator()(const IntegerListField& field) const {
    return fmt::format("list of integers {} .. {}", field.range.least, field.range.most);
  }
  std::string operator()(const SizeField&) const { return "[height, width] or null"; }
  std::string operator()(const ExtentField&) const { return "[height, width]"; }
  std::string operator()(const RealListField& field) const {
    return in_range(field.range) + ", or a list of them";
  }
  std::string operator()(const RecordField&) const { return "object"; }
  std::string operator()(const RecordListField&) const { return "list of objects"; }
  std::string operator()(const SweepField& field) const {
    if (field.part == SweepPart::Grid) return "object of lists";
    return field.part == SweepPart::List ? "list of objects" : "number, or a list of seeds";
  }
};

std::string help_line(const Field& field, const Fields& fields, const std::string& path) {
  std::string line = fmt::format("{}: {}", path, std::visit(TypeTeller{}, field.value));
  if (field.required) {
    line += "; required";
  } else if (!is_record(field)) {
    line += "; default " + value_to_json(field).dump();
  }
  if (!field.cases.empty()) {
    line += fmt::format("; with {} {}", selector_of(fields)->key, alternatives(field.cases));
  }
  return line + "; " + field.meaning + "\n";
}

bool is_below(const std::string& path, const std::string& top) {
  return top.empty() || path == top ||
         (path.starts_with(top) && (path[top.size()] == '.' || path[top.size()] == '['));
}

void add_help(const Fields& fields, const std::string& parent, const std::string& top,
              std::string& text) {
  for (const Field& field : fields) {
    const std::string path = member_path(parent, field.key);
    if (is_below(path, top)) text += help_line(field, fields, path);
    if (const auto* record = std::get_if<RecordField>(&field.value)) {
      add_help(record->fields, path, top, text);
    } else if (const auto* list = std::get_if<RecordListField>(&field.value)) {
      add_help(list->defaults(), path + "[]", top, text);
    }
  }
}

}  // namespace

std::string spec_schema() {
  Spec spec;
  const Fields fields = fields_of(spec);
  Json definitions = Json::object();
  add_definitions(fields, definitions);
  const Json parents = {{"type", "array"}, {"items", {{"type", "string"}}}};
  Json root = record_schema(fields);
  Json path = {{"type", "string"}};
  root["properties"]["extends"] = {
      {"anyOf", Json::array({path, parents})},
      {"description", "specs this one begins from: paths, or names of shipped specs"}};
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "VSML experiment spec"}};
  schema.update(root);
  schema["$defs"] = definitions;
  return pretty_json(schema);
}

std::string spec_help(const std::string& path) {
  Spec spec;
  std::string text;
  add_help(fields_of(spec), "", path, text);
  return text;
}

}  // namespace vsml
