// Reports: what is on the page, for whole, unfinished and damaged runs.
#include <doctest/doctest.h>
#include <filesystem>

#include "tests/tools/vsml_runs.h"

namespace tools::test {
namespace {

namespace fs = std::filesystem;

// A sweep of two variants with two seeds, done.
struct Place {
  TemporaryFolder folder;
  Place() {
    std::string spec = small_spec();
    spec.insert(spec.find('\n') + 1,
                "\"sweep\": {\"grid\": {\"meta.learning_rate\": [0.001, 0.1]}, \"seeds\": 2},\n");
    write_plain(folder / "spec.json", spec);
    write_plain(folder / "one.json", small_spec());
    CHECK((*this)({"sweep", "spec.json", "--out", "sweep", "--quiet"}).status == 0);
  }
  Outcome operator()(const Arguments& arguments) const {
    return run_vsml(folder.path(), arguments);
  }
  std::string operator/(const std::string& name) const { return folder / name; }
  std::string page(const Arguments& folders) const {
    const Outcome outcome = (*this)(Arguments{"report"} + folders);
    check_done(outcome);
    return outcome.out;
  }
};

}  // namespace

TEST_CASE("report: a page with every part, that names nothing outside itself") {
  const Place place;
  const std::string page = place.page({"sweep"});
  CHECK(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
  CHECK(page.ends_with("</html>\n"));
  for (const char* id :
       {"results", "curves", "training", "confusion", "specs", "environment", "runs"}) {
    CAPTURE(id);
    CHECK(count(page, std::string("<section id=\"") + id + "\">") == 1);
    CHECK(count(page, std::string("href=\"#") + id + "\"") == 1);
  }
  // Only the name of a namespace is an address; no script, picture or style sheet of elsewhere.
  CHECK(count(page, "http") == count(page, "xmlns=\"http://www.w3.org/2000/svg\"") + 1);
  CHECK(contains(page, "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'"));
  for (const char* part : {"<script", "<img", "<link", "src=\"", "url(", "@import"}) {
    CHECK_FALSE(contains(page, part));
  }
  // Learners: vsml, its beginning, sgd, nearest_mean; two variants.
  const size_t results = page.find("<section id=\"results\">");
  CHECK(count(page.substr(results, page.find("</section>", results) - results), "<tr>") ==
        1 + 2 * 4);
  // Within an episode vsml of both and three others of the first; training loss and accuracy, and
  // the meta-tests on the way, of both.
  CHECK(count(page, "<polyline") == (2 + 3) + 3 * 2);
  CHECK(count(page, "<polygon") == count(page, "<polyline"));
  CHECK(count(page, "<table class=\"confusion\">") == 2 * 4);
  CHECK(count(page, "role=\"img\"") == count(page, "</svg>"));
  CHECK(count(page, "<title>") == 1 + count(page, "</svg>"));
  CHECK(count(page, "<caption>") == count(page, "<table"));
  CHECK(contains(page, "4 of 4 runs are done"));
  CHECK(contains(page, "meta.learning_rate</th><td>0.001</td><td>0.1</td>"));

  check_done(place({"report", "sweep", "--out", "page.html"}));
  CHECK(read_plain(place / "page.html") == page);
}

TEST_CASE("report: single runs; those that differ in their seed only are one variant") {
  const Place place;
  for (const char* seed : {"3", "4"}) {
    check_done(place({"run", "one.json", "--quiet", "--set", std::string("seed=") + seed, "--out",
                      std::string("runs/s") + seed}));
  }
  check_done(place({"run", "one.json", "--quiet", "--set", "meta.steps=4", "--out", "runs/t"}));
  const std::string page = place.page({"runs"});
  CHECK(contains(page, "<th scope=\"row\">small</th><td>s3</td><td class=\"number\">4</td>"));
  CHECK(contains(page, "<td>t</td><td class=\"number\">3</td>"));
  CHECK(contains(page, "3 of 3 runs are done"));
  CHECK(place.page({"runs/s3", "runs/s4"}) != page);
  CHECK(contains(place.page({"runs/s3/"}), "<h1>s3</h1>"));
}

TEST_CASE("report: names from specs are text, not markup") {
  const Place place;
  check_done(place({"run", "one.json", "--quiet", "--out", "odd", "--set",
                    "learner.name=\"<script>alert(1)</script> & \\u0007\"", "--set",
                    "tasks.test.0.name=\"</title></svg><b>\""}));
  const std::string page = place.page({"odd"});
  CHECK_FALSE(contains(page, "<script"));
  CHECK_FALSE(contains(page, "<b>"));
  CHECK(contains(page, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; \\x07"));
}

TEST_CASE("report: damage is noted beside the run, the rest is shown") {
  const Place place;
  const std::string first = place / "sweep/learning_rate=0.001,seed=3";
  write_plain(first + "/results.json", "{\"results\": [");
  write_plain(first + "/env.json", "[");
  const std::string metrics = read_plain(first + "/metrics.jsonl");
  write_plain(first + "/metrics.jsonl", "{}\nnonsense\n" + metrics + "{\"step\": 9, \"tra");
  write_plain(place / "sweep/learning_rate=0.001,seed=4/spec.json", "\xff\xfe");
  fs::remove_all(place / "sweep/learning_rate=0.1,seed=3");
  fs::remove(place / "sweep/learning_rate=0.1,seed=4/results.json");
  const std::string page = place.page({"sweep"});
  CHECK(contains(page, "1 of 4 runs are done"));
  CHECK(contains(page, "env.json is damaged"));
  CHECK(contains(page, "expected results as a run writes them"));
  CHECK(contains(page, "metrics.jsonl has 1 damaged lines"));
  CHECK(contains(page, "spec.json is damaged"));
  CHECK(contains(page, "not begun"));
  CHECK(contains(page, "not done"));
  // Every prefix and a few flips of a file of results.
  const std::string file = place / "sweep/learning_rate=0.001,seed=4/results.json";
  const std::string text = read_plain(file);
  for (size_t size = 0; size < text.size(); size += 97) {
    write_plain(file, text.substr(0, size));
    CHECK(contains(place.page({"sweep"}), "0 of 4 runs are done"));
  }
  for (const char* index : {"", "{}", "{\"runs\": 3}",
                            "{\"runs\": [{\"name\": \"../x\", "
                            "\"variant\": \"x\"}]}"}) {
    write_plain(place / "sweep/sweep.json", index);
    check_error(place({"report", "sweep"}), 3, {"sweep.json"});
  }
}

TEST_CASE("report: what holds no run is an error") {
  const Place place;
  fs::create_directories(place / "empty");
  check_error(place({"report", "empty"}), 3, {"empty", "found none"});
  check_error(place({"report", "nowhere"}), 3, {"nowhere", "found none"});
  check_error(place({"report", "sweep", "spec.json"}), 3, {"spec.json", "found none"});
  check_error(place({"report"}), 2, {"DIR"});
  check_error(place({"report", "sweep", "--out", "empty"}), 3, {"empty"});
}

}  // namespace tools::test
