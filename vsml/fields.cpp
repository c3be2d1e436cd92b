#include "vsml/fields.h"

namespace vsml {

void append(Fields& fields, Fields more, const std::vector<std::string>& cases) {
  for (Field& field : more) {
    if (field.cases.empty()) field.cases = cases;
    fields.push_back(std::move(field));
  }
}

const Field* selector_of(const Fields& fields) {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [](const Field& field) { return field.selects; });
  return found == fields.end() ? nullptr : &*found;
}

bool applies(const Field& field, const Fields& fields) {
  const Field* selector = selector_of(fields);
  if (field.cases.empty() || selector == nullptr) return true;
  const std::string selected = std::get<ChoiceField>(selector->value).get();
  return std::find(field.cases.begin(), field.cases.end(), selected) != field.cases.end();
}

const Field* find_field(const Fields& fields, const std::string& key) {
  const Field* found = nullptr;
  for (const Field& field : fields) {
    if (field.key != key) continue;
    if (applies(field, fields)) return &field;
    if (found == nullptr) found = &field;
  }
  return found;
}

std::vector<std::string> cases_of(const std::string& key, const Fields& fields) {
  std::vector<std::string> cases;
  for (const Field& field : fields) {
    if (field.key == key) cases.insert(cases.end(), field.cases.begin(), field.cases.end());
  }
  return cases;
}

}  // namespace vsml
