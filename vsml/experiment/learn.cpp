#include "vsml/experiment/learn.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/io/atomic_file.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "engine/parallel.h"
#include "vsml/experiment/learn_state.h"
#include "vsml/random_purpose.h"
#include "vsml/tasks/csv.h"

namespace vsml {
namespace {

using engine::IoError;
using engine::Tensor;

constexpr int64_t kMaxPredictionBytes = int64_t{1} << 32;
constexpr const char* kHead = "set,example,label,predicted,probability\n";

struct Guess {
  int32_t label = 0;
  double probability = 0;
};

Guess guess_of(const Tensor& prediction) {
  const std::vector<float> shares = softmax(prediction, -1).to_vector<float>();
  const auto best = std::max_element(shares.begin(), shares.end());
  return {static_cast<int32_t>(best - shares.begin()), *best};
}

// In quotes where it needs them.
std::string csv_field(const std::string& text) {
  return text.find_first_of(",\"\r\n") == std::string::npos ? text : csv_quoted(text);
}

// Data as the learners see it: inputs standardised, labels numbered as the state's classes are.
class Examples {
 public:
  Examples(const UserData& data, const LearnState& state) : data_(data), state_(state) {
    const auto inputs = static_cast<int64_t>(state.mean.size());
    if (data.examples.num_inputs != inputs) {
      throw IoError(data.path, "",
                    fmt::format("expected {} inputs, as have been learned before, found {}", inputs,
                                data.examples.num_inputs));
    }
    for (const std::string& name : data.classes) {
      const auto found = std::find(state.classes.begin(), state.classes.end(), name);
      if (found == state.classes.end()) {
        throw IoError(data.path, "",
                      fmt::format("expected classes that have been learned before, found \"{}\"",
                                  engine::printable(name)),
                      "give the first time data that has all classes");
      }
      labels_.push_back(static_cast<int32_t>(found - state.classes.begin()));
    }
  }

  Tensor input(int64_t example) const {
    const size_t inputs = state_.mean.size(), first = static_cast<size_t>(example) * inputs;
    std::vector<float> values(inputs);
    for (size_t d = 0; d < inputs; ++d) {
      values[d] = (data_.examples.inputs[first + d] - state_.mean[d]) / state_.deviation[d];
    }
    return Tensor::from(values, {1, 1, static_cast<int64_t>(inputs)});
  }
  int32_t label(int64_t example) const {
    const int32_t own = data_.examples.labels[static_cast<size_t>(example)];
    return labels_[static_cast<size_t>(own)];
  }
  Tensor one_hot(int64_t example) const {
    std::vector<float> values(state_.classes.size());
    values[static_cast<size_t>(label(example))] = 1;
    return Tensor::from(values, {1, 1, static_cast<int64_t>(values.size())});
  }
  std::string line(const char* set, int64_t example, const Guess& guess) const {
    const auto name = [&](int32_t of) {
      return csv_field(state_.classes[static_cast<size_t>(of)]);
    };
    return fmt::format("{},{},{},{},{:.6g}\n", set, data_.first + example, name(label(example)),
                       name(guess.label), guess.probability);
  }

 private:
  const UserData& data_;
  const LearnState& state_;
  std::vector<int32_t> labels_;  // of the data's classes, in the state
};

// What an earlier call has written about the examples that it learned: head and `lines` lines.
std::string earlier_predictions(const std::string& path, int64_t lines) {
  std::error_code error;
  if (path.empty() || lines == 0) return kHead;
  std::string text;
  if (std::filesystem::exists(path, error)) text = engine::read_file(path, kMaxPredictionBytes);
  size_t end = 0;
  for (int64_t k = 0; k <= lines; ++k) {
    end = text.find('\n', end);
    if (end++ == std::string::npos) {
      throw IoError(path, "",
                    fmt::format("expected the predictions of the {} examples that were learned "
                                "before, found fewer lines",
                                lines),
                    "give the --out of last time, or none");
    }
  }
  return text.substr(0, end);
}

void learn_one(Pupil& pupil, const Tensor& input, const Tensor& label, int32_t truth,
               Guess& guess) {
  LearnerStep step = pupil.learner.step(pupil.params, std::move(pupil.state), input, label);
  pupil.state = std::move(step.state);
  guess = guess_of(step.prediction);
  if (guess.label == truth) pupil.hits += 1;
}

std::vector<double> test_accuracies(LearnState& state, const UserData& test, std::string& lines) {
  const Examples examples(test, state);
  std::vector<double> hits(state.pupils.size());
  std::vector<std::string> shown(static_cast<size_t>(test.examples.count));
  engine::parallel_for(static_cast<int64_t>(state.pupils.size()), [&](int64_t k) {
    const Pupil& pupil = state.pupils[static_cast<size_t>(k)];
    for (int64_t i = 0; i < test.examples.count; ++i) {
      const LearnerStep step =
          pupil.learner.step(pupil.params, pupil.state, examples.input(i), examples.one_hot(i));
      const Guess guess = guess_of(step.prediction);
      if (guess.label == examples.label(i)) hits[static_cast<size_t>(k)] += 1;
      if (k == 0) shown[static_cast<size_t>(i)] = examples.line("test", i, guess);
    }
  });
  for (const std::string& line : shown) lines += line;
  for (double& one : hits) one /= static_cast<double>(test.examples.count);
  return hits;
}

// The best rate of each learner on this data, in order.
std::vector<LearnScore> scores_of(const LearnState& state, const std::vector<double>& test) {
  std::vector<LearnScore> scores;
  std::vector<double> best;
  for (size_t k = 0; k < state.pupils.size(); ++k) {
    const Pupil& pupil = state.pupils[k];
    const auto over = [](double hits, int64_t count) {
      return count > 0 ? hits / static_cast<double>(count) : std::nan("");
    };
    const LearnScore score{pupil.name, pupil.rate, over(pupil.hits, state.done),
                           over(pupil.hits + pupil.all_hits, state.seen + state.done),
                           test.empty() ? std::nan("") : test[k]};
    if (scores.empty() || scores.back().learner != pupil.name) {
      scores.push_back(score);
      best.push_back(pupil.hits);
    } else if (pupil.hits > best.back()) {
      scores.back() = score;
      best.back() = pupil.hits;
    }
  }
  return scores;
}

}  // namespace

LearnOutcome learn(const LearnOptions& options, const UserData& data,
                   const std::optional<UserData>& test) {
  std::error_code error;
  const bool known = !options.state.empty() && std::filesystem::exists(options.state, error);
  LearnState state = new_learn_state(options.algorithm, data.examples,
                                     known ? classes_in(options.state) : data.classes, options.seed,
                                     options.in_order);
  if (known) read_learn_state(options.state, state);
  const bool goes_on = known && state.data == data.digest && state.done < state.count;
  if (known && !goes_on) {
    state.seen += state.done;
    ++state.session;
    for (Pupil& pupil : state.pupils) pupil.all_hits += std::exchange(pupil.hits, 0);
  }
  if (!goes_on) {
    state.done = 0;
    state.data = data.digest;
    state.count = data.examples.count;
  }
  const Examples examples(data, state);
  if (test) Examples(*test, state);  // it fits
  std::vector<int32_t> order;
  if (!options.in_order) {
    const auto session = static_cast<uint32_t>(state.session);
    order = engine::random_permutation(
        state.count, key_for({options.seed, session, 0, 0}, RandomPurpose::ExampleOrder));
  }
  std::string lines = earlier_predictions(options.predictions, state.done);

  const int64_t left = state.count - state.done;
  const int64_t wanted = options.examples < 0 ? left : std::min(left, options.examples);
  LearnOutcome outcome;
  outcome.finished = true;
  const auto pupils = static_cast<int64_t>(state.pupils.size());
  std::vector<Guess> guesses(state.pupils.size());
  for (int64_t k = 0; k < wanted; ++k) {
    if (options.stop && options.stop()) {
      outcome.finished = false;
      break;
    }
    const int64_t example = order.empty() ? state.done : order[static_cast<size_t>(state.done)];
    const Tensor input = examples.input(example), label = examples.one_hot(example);
    engine::parallel_for(pupils, [&](int64_t p) {
      const auto one = static_cast<size_t>(p);
      learn_one(state.pupils[one], input, label, examples.label(example), guesses[one]);
    });
    lines += examples.line("learn", example, guesses[0]);
    ++state.done;
  }
  // Before the state: what it says was learned must have been written.
  std::vector<double> test_hits;
  std::string all = lines;
  if (test && outcome.finished) test_hits = test_accuracies(state, *test, all);
  if (!options.predictions.empty()) engine::write_file_atomically(options.predictions, all);
  if (!options.state.empty()) write_learn_state(options.state, state);
  outcome.done = state.done;
  outcome.count = state.count;
  outcome.session = state.session;
  outcome.scores = scores_of(state, test_hits);
  return outcome;
}

std::string learn_table(const LearnOutcome& outcome, const UserData& data) {
  const bool tested = !std::isnan(outcome.scores.at(0).test), later = outcome.session > 1;
  size_t width = 7;
  std::vector<std::string> names;
  for (const LearnScore& score : outcome.scores) {
    names.push_back(engine::printable(score.learner) +
                    (score.rate > 0 ? fmt::format(" (best rate {:g})", score.rate) : ""));
    width = std::max(width, names.back().size());
  }
  std::string table =
      fmt::format("{}: {} of {} examples learned; {} inputs, {} classes\n  {:<{}}  {:>8}{}{}\n",
                  engine::printable(data.path), outcome.done, outcome.count,
                  data.examples.num_inputs, data.classes.size(), "learner", width, "accuracy",
                  later ? "  with all before" : "", tested ? "   test" : "");
  for (size_t k = 0; k < names.size(); ++k) {
    const LearnScore& score = outcome.scores[k];
    table += fmt::format("  {:<{}}  {:>8.3f}", names[k], width, score.accuracy);
    if (later) table += fmt::format("  {:>15.3f}", score.overall);
    if (tested) table += fmt::format("  {:>5.3f}", score.test);
    table += "\n";
  }
  return table;
}

std::string learn_json(const LearnOutcome& outcome, const UserData& data) {
  using nlohmann::ordered_json;
  ordered_json all{{"data", data.path},
                   {"examples", outcome.done},
                   {"of", outcome.count},
                   {"session", outcome.session},
                   {"inputs", data.examples.num_inputs},
                   {"classes", data.classes},
                   {"results", ordered_json::array()}};
  for (const LearnScore& score : outcome.scores) {
    ordered_json one{{"learner", score.learner}};
    if (score.rate > 0) one["learning_rate"] = score.rate;
    one["accuracy_cumulative"] = score.accuracy;
    one["accuracy_all_data"] = score.overall;
    one["accuracy_test"] = score.test;
    all["results"].push_back(one);
  }
  return all.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace vsml
