#include <doctest/doctest.h>
#include <set>
#include <string>
#include <utility>

#include "vsml/experiment/json_document.h"
#include "vsml/experiment/spec_fields.h"
#include "vsml/experiment/spec_reader.h"

namespace {

using vsml::Field;
using vsml::Fields;

// Every single-character edit of a word.
std::set<std::string> typos_of(const std::string& key) {
  std::set<std::string> typos;
  for (size_t i = 0; i < key.size(); ++i) {
    typos.insert(key.substr(0, i) + key.substr(i + 1));
    for (const char letter : std::string("abcdefghijklmnopqrstuvwxyz_0123456789")) {
      std::string typo = key;
      typo[i] = letter;
      typos.insert(typo);
    }
    if (i + 1 < key.size()) {
      std::string typo = key;
      std::swap(typo[i], typo[i + 1]);
      typos.insert(typo);
    }
  }
  return typos;
}

struct Score {
  int typos = 0, guessed = 0;
};

void check_typos(const Fields& fields, Score& score) {
  for (const Field& field : fields) {
    for (const std::string& typo : typos_of(field.key)) {
      if (vsml::find_field(fields, typo) != nullptr) continue;
      ++score.typos;
      const vsml::JsonValue object{{}, vsml::JsonObject{{typo, {}, {{}, int64_t{1}}}}};
      try {
        vsml::read_fields(object, fields, "x");
        FAIL_CHECK("accepted " << typo);
      } catch (const vsml::SpecError& error) {
        score.guessed += error.hint().find("\"" + field.key + "\"") != std::string::npos ? 1 : 0;
      }
    }
    if (const auto* record = std::get_if<vsml::RecordField>(&field.value)) {
      check_typos(record->fields, score);
    } else if (const auto* list = std::get_if<vsml::RecordListField>(&field.value)) {
      check_typos(list->defaults(), score);
    }
  }
}

}  // namespace

TEST_CASE("every typo of one character is refused, and nearly all are guessed") {
  vsml::Spec spec;
  Score score;
  check_typos(vsml::fields_of(spec), score);
  CHECK(score.typos > 10'000);
  CAPTURE(score.guessed);
  CAPTURE(score.typos);
  CHECK(score.guessed >= 0.95 * score.typos);
}
