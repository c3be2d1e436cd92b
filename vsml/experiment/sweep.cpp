#include "vsml/experiment/sweep.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <map>

#include "vsml/experiment/spec_override.h"
#include "vsml/experiment/spec_reader.h"
#include "vsml/experiment/spec_writer.h"
#include "vsml/experiment/sweep_names.h"

namespace vsml {
namespace {

// What is put on top of the spec for one run, but for its seed.
struct Variant {
  std::string name;                  // in the list, empty: of its keys
  std::vector<SweepSetting> chosen;  // in this order
};

const JsonMember* part_of(const JsonValue& sweep, const char* key) {
  const JsonMember* part = sweep.find(key);
  return part == nullptr || part->value.is_null() ? nullptr : part;
}

void require_settable(const std::string& key, const Place& place, const std::string& path) {
  const std::vector<PathPart> parts = split_path(key, place);
  const auto* first = std::get_if<std::string>(&parts.front());
  const auto fail = [&](const std::string& hint) {
    throw SpecError(place, path, "expected a key that a sweep can set, got " + quoted(key), hint);
  };
  if (first == nullptr || *first == "extends" || *first == "sweep") fail("");
  if (*first == "seed") fail("list the seeds in sweep.seeds");
  if (*first == "name")
    fail("the names of runs are made from their keys; sweep.list can name them");
}

std::vector<Variant> listed_variants(const JsonValue& sweep) {
  const JsonMember* list = part_of(sweep, "list");
  if (list == nullptr) return {Variant{}};
  std::vector<Variant> variants;
  for (const JsonValue& entry : *list->value.array()) {
    const std::string path = element_path("sweep.list", variants.size());
    Variant variant;
    for (const JsonMember& member : *entry.object()) {
      if (is_annotation(member.key)) continue;
      const std::string here = member_path(path, member.key);
      if (member.key == "name") {
        if (member.value.text() == nullptr || member.value.text()->empty()) {
          throw SpecError(member.value.place, here,
                          "expected a name in quotes, got " + describe(member.value));
        }
        variant.name = *member.value.text();
        continue;
      }
      require_settable(member.key, member.place, here);
      variant.chosen.push_back({member.key, &member.value, variants.size(), member.place, true});
    }
    variants.push_back(std::move(variant));
  }
  return variants;
}

[[noreturn]] void fail_too_many(const JsonMember& sweep) {
  throw SpecError(sweep.place, "sweep",
                  fmt::format("expected at most {} runs, got more", kMaxSweepRuns));
}

// Every variant with every value of the grid, the first axis slowest.
void multiply_by_grid(const JsonMember& sweep, std::vector<Variant>& variants) {
  const JsonMember* grid = part_of(sweep.value, "grid");
  if (grid == nullptr) return;
  for (const JsonMember& axis : *grid->value.object()) {
    if (is_annotation(axis.key)) continue;
    require_settable(axis.key, axis.place, member_path("sweep.grid", axis.key));
    const JsonArray& values = *axis.value.array();
    if (variants.size() * values.size() > kMaxSweepRuns) fail_too_many(sweep);
    std::vector<Variant> all;
    for (const Variant& variant : variants) {
      for (size_t k = 0; k < values.size(); ++k) {
        all.push_back(variant);
        all.back().chosen.push_back({axis.key, &values[k], k, axis.place, false});
      }
    }
    variants = std::move(all);
  }
}

// The seeds as values of the key `seed`; one that says nothing where the sweep has none.
std::vector<JsonValue> seeds_of(const JsonValue& root, const JsonMember& sweep) {
  const JsonMember* seeds = part_of(sweep.value, "seeds");
  if (seeds == nullptr) return {JsonValue{}};
  if (const JsonArray* list = seeds->value.array()) return *list;
  uint64_t first = Spec().seed;
  if (const JsonMember* seed = root.find("seed")) {
    read_fields({seed->place, JsonObject{*seed}}, {{"seed", "", SeedField{&first}}}, "");
  }
  int64_t count = 0;
  read_fields({seeds->place, JsonObject{*seeds}},
              {{"seeds", "", IntegerField{&count, {1, kMaxListSize}}}}, "sweep");
  std::vector<JsonValue> all;
  for (int64_t k = 0; k < count; ++k) {
    all.push_back({seeds->value.place, first + static_cast<uint64_t>(k)});
  }
  return all;
}

LoadedSpec spec_of(JsonValue root, const Variant& variant, const JsonValue& seed,
                   const std::string& name) {
  for (const SweepSetting& one : variant.chosen) set_value(root, one.key, *one.value, one.place);
  if (!seed.is_null()) set_value(root, "seed", seed, seed.place);
  set_value(root, "name", {root.place, name}, root.place);
  return read_spec(std::move(root));
}

// Runs that would do the same work are a mistake.
void require_distinct(const JsonMember& sweep, const std::vector<SweepRun>& runs) {
  std::map<std::string, std::string> names;  // by everything but the name
  for (const SweepRun& run : runs) {
    Spec nameless = run.loaded.spec;
    nameless.name.clear();
    const auto [first, is_new] = names.emplace(spec_to_json(nameless), run.loaded.spec.name);
    if (is_new) continue;
    throw SpecError(sweep.place, "sweep",
                    fmt::format("expected runs that differ, got {} and {} with equal specs",
                                vsml::quoted(first->second), quoted(run.loaded.spec.name)),
                    "remove the value or seed that is there twice");
  }
}

}  // namespace

std::optional<Sweep> load_sweep(const std::string& spec, const std::vector<std::string>& overrides,
                                const ShippedSpecs& shipped) {
  JsonValue root = read_tree(spec, overrides, shipped);
  const JsonMember* found = root.find("sweep");
  if (found == nullptr) return std::nullopt;
  const JsonMember said = *found;
  std::erase_if(*root.object(), [](const JsonMember& member) { return member.key == "sweep"; });
  read_fields(said.value, sweep_fields(), "sweep");
  const bool empty = part_of(said.value, "grid") == nullptr &&
                     part_of(said.value, "list") == nullptr &&
                     part_of(said.value, "seeds") == nullptr;
  if (empty) {
    throw SpecError(said.place, "sweep", "expected grid, list or seeds, got none of them");
  }
  std::vector<Variant> variants = listed_variants(said.value);
  multiply_by_grid(said, variants);
  const std::vector<JsonValue> seeds = seeds_of(root, said);
  if (variants.size() * seeds.size() > kMaxSweepRuns) fail_too_many(said);

  Sweep sweep;
  const JsonMember* name = root.find("name");
  const bool named =
      name != nullptr && name->value.text() != nullptr && !name->value.text()->empty();
  sweep.name =
      named ? *name->value.text() : std::filesystem::path(*root.place.file).stem().string();
  std::vector<std::vector<SweepSetting>> chosen;
  std::vector<std::string> said_names;
  for (const Variant& variant : variants) {
    chosen.push_back(variant.chosen);
    said_names.push_back(variant.name);
  }
  const std::vector<std::string> names = variant_names(chosen, said_names, sweep.name);
  for (size_t v = 0; v < variants.size(); ++v) {
    for (const JsonValue& seed : seeds) {
      const std::string run = seed.is_null() ? names[v] : with_seed(names[v], describe(seed));
      sweep.runs.push_back({names[v], spec_of(root, variants[v], seed, run)});
    }
  }
  require_distinct(said, sweep.runs);
  return sweep;
}

}  // namespace vsml
