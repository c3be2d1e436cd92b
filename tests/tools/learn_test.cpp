// vsml learn: tables and images of the user's, stopped and gone on with.
#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/tools/vsml_runs.h"

namespace tools::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kIris = std::string(VSML_DATA_DIR) + "/iris/iris.csv";

struct Place {
  TemporaryFolder folder;
  Outcome operator()(const Arguments& arguments) const {
    return run_vsml(folder.path(), Arguments{"learn"} + arguments);
  }
  std::string operator/(const std::string& name) const { return folder / name; }
};

std::vector<std::vector<std::string>> rows_of(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    rows.emplace_back();
    std::istringstream fields(line);
    for (std::string field; std::getline(fields, field, ',');) rows.back().push_back(field);
  }
  return rows;
}

json results(const Outcome& outcome) {
  check_done(outcome);
  return json::parse(outcome.out);
}

}  // namespace

TEST_CASE("learn: every row of the table once, and the accuracy is that of the predictions") {
  const Place place;
  const json found = results(place({"--data", kIris, "--out", "p.csv", "--json", "--test", kIris}));
  CHECK(found["examples"] == 150);
  CHECK(found["inputs"] == 4);
  CHECK(found["classes"] == json::array({"setosa", "versicolor", "virginica"}));
  REQUIRE(found["results"].size() == 3);
  CHECK(found["results"][0]["learner"] == "improved_backprop");
  const auto table = rows_of(read_plain(kIris)), rows = rows_of(read_plain(place / "p.csv"));
  REQUIRE(rows.size() == 301);
  std::vector<bool> seen(table.size() + 1);
  double right[2] = {0, 0};
  for (size_t k = 1; k < rows.size(); ++k) {
    const size_t line = std::stoul(rows[k][1]);  // of the file, its head being line 1
    CHECK(rows[k][0] == (k <= 150 ? "learn" : "test"));
    CHECK(rows[k][2] == table.at(line - 1).at(4));
    right[k > 150] += rows[k][2] == rows[k][3] ? 1 : 0;
    if (k > 150) continue;
    CHECK_FALSE(seen[line]);
    seen[line] = true;
  }
  CHECK(found["results"][0]["accuracy_cumulative"] == doctest::Approx(right[0] / 150));
  CHECK(found["results"][0]["accuracy_test"] == doctest::Approx(right[1] / 150));
  CHECK(right[0] > 100);  // a third by chance
  CHECK(right[1] > 120);
}

TEST_CASE("learn: a column that never changed does not swamp the others when it does") {
  const Place place;
  const auto table = [&](const std::string& name, const std::string& same) {
    std::string text = "same,x,kind\n";
    for (int k = 0; k < 49; ++k) {
      text += same + (k % 2 == 0 ? ",1.5,a\n" : ",-1,b\n");
    }
    write_plain(place / name, text);
  };
  table("t.csv", "1.7");
  table("later.csv", "1.8");
  const json found = results(place({"--data", "t.csv", "--test", "later.csv", "--json"}));
  for (const json& learner : found["results"]) {
    CAPTURE(learner["learner"].get<std::string>());
    CHECK(learner["accuracy_test"] == 1);
  }
}

TEST_CASE("learn: in parts, on other threads, it comes to the same bytes") {
  const Place place;
  check_done(place({"--data", kIris, "--state", "whole", "--out", "whole.csv"}));
  const json first = results(place({"--data", kIris, "--state", "parts", "--out", "parts.csv",
                                    "--examples", "40", "--threads", "2", "--json"}));
  CHECK(first["examples"] == 40);
  check_done(place({"--data", kIris, "--state", "parts", "--out", "parts.csv", "--examples", "0"}));
  check_done(place({"--data", kIris, "--state", "parts", "--out", "parts.csv", "--threads", "1"}));
  CHECK(read_plain(place / "parts") == read_plain(place / "whole"));
  CHECK(read_plain(place / "parts.csv") == read_plain(place / "whole.csv"));
  // Another day: the same data again, in another order.
  const json again =
      results(place({"--data", kIris, "--state", "whole", "--out", "again.csv", "--json"}));
  CHECK(again["session"] == 2);
  CHECK(again["results"][0]["accuracy_cumulative"] > first["results"][0]["accuracy_cumulative"]);
  CHECK(read_plain(place / "again.csv") != read_plain(place / "whole.csv"));
}

TEST_CASE("learn: a signal stops it, saved; the same command goes on") {
  const Place place;
  const std::string digits = std::string(VSML_DATA_DIR) + "/digits";
  const Arguments command{"--data", digits, "--state", "s", "--out", "p.csv", "--examples", "600"};
  TemporaryFolder whole;
  check_done(run_vsml(whole.path(), Arguments{"learn"} + command));
  ChildProcess process(vsml(place.folder.path(), Arguments{"learn"} + command));
  wait_until(process, [&] {
    return (std::stoull("0" + process.status("SigCgt"), nullptr, 16) >> (SIGTERM - 1) & 1) != 0;
  });
  process.send(SIGTERM);
  const Outcome stopped = process.wait();
  if (stopped.status == 75) {
    CHECK(contains(stopped.error, "the same command goes on"));
    const size_t after =
        contains(stopped.error, "stopped after ")
            ? std::stoul(stopped.error.substr(std::string("stopped after ").size()))
            : 0;
    check_done(place({"--data", digits, "--state", "s", "--out", "p.csv", "--examples",
                      std::to_string(600 - after)}));
  }
  CHECK(read_plain(place / "s") == read_plain(whole / "s"));
  CHECK(read_plain(place / "p.csv") == read_plain(whole / "p.csv"));
}

TEST_CASE("learn: what does not fit is an error, and the state stays as it was") {
  const Place place;
  check_done(place({"--data", kIris, "--state", "s", "--out", "p.csv", "--examples", "20"}));
  const std::string state = read_plain(place / "s");
  write_plain(place / "wide.csv", "a,b,c,d,e,label\n1,2,3,4,5,setosa\n1,2,3,4,6,virginica\n");
  write_plain(place / "other.csv", "1,2,3,4,setosa\n1,2,3,4,tulip\n");
  write_plain(place / "hole.csv", "1,2,3,4,setosa\n1,,3,4,virginica\n");
  const auto refused = [&](const Arguments& more, int status,
                           const std::vector<std::string>& parts) {
    check_error(place(Arguments{"--state", "s"} + more), status, parts);
    CHECK(read_plain(place / "s") == state);
  };
  refused({"--data", "wide.csv"}, 3, {"s", "input"});
  refused({"--data", "other.csv"}, 3, {"other.csv", "tulip"});
  refused({"--data", "hole.csv"}, 3, {"hole.csv:2", "column 2"});
  refused({"--data", "none.csv"}, 3, {"none.csv"});
  refused({"--data", kIris, "--test", "other.csv"}, 3, {"other.csv", "tulip"});
  refused({"--data", kIris, "--label", "colour"}, 3, {"colour"});
  refused({"--data", kIris, "--seed", "5"}, 3, {"seed"});
  refused({"--data", kIris, "--in-order"}, 3, {"in_order"});
  refused({"--data", kIris, "--algorithm", "cloned_backprop"}, 3, {"algorithm"});
  refused({"--data", kIris, "--algorithm", "improved"}, 3, {"improved", "cloned_backprop"});
  refused({"--data", kIris, "--out", "q.csv"}, 3, {"q.csv", "20 examples"});
  refused({"--data", place.folder.path()}, 3, {"train-images-idx3-ubyte"});
  refused({}, 2, {"--data"});
  for (size_t size = 0; size < state.size(); size += 1 + state.size() / 40) {
    write_plain(place / "cut", state.substr(0, size));
    check_error(place({"--data", kIris, "--state", "cut"}), 3, {"cut"});
  }
  std::string flipped = state;
  flipped[state.size() / 2] ^= 4;
  write_plain(place / "cut", flipped);
  check_error(place({"--data", kIris, "--state", "cut"}), 3, {"cut"});
}

}  // namespace tools::test
