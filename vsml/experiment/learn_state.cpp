#include "vsml/experiment/learn_state.h"

#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/io/safetensors.h"
#include "engine/io/sha256.h"
#include "vsml/experiment/adopt_algorithm.h"
#include "vsml/experiment/checkpoint_file.h"
#include "vsml/experiment/meta_test.h"
#include "vsml/learners/learner_file.h"
#include "vsml/random_purpose.h"
#include "vsml/tasks/transform.h"

namespace vsml {
namespace {

using engine::DType;
using engine::IoError;
using engine::Tensor;
using engine::TensorFile;

constexpr const char* kKind = "vsml.learn";
constexpr double kSgdRates[] = {0.003, 0.01, 0.03, 0.1}, kAdamRates[] = {0.001, 0.003, 0.01, 0.03};

std::string digest_of(const std::string& path) {
  const Algorithm algorithm = read_algorithm(path);
  const std::vector<float> values = algorithm.params.to_vector<float>();
  engine::Sha256 digest;
  digest.update(values.data(), values.size() * sizeof(float));
  digest.update(algorithm.options);
  return digest.hex();
}

// Images have one scale for all pixels, tables one for each column.
std::vector<Moments> scales_of(const ExampleSet& set) {
  if (!set.image) return moments_of_inputs(set);
  return std::vector<Moments>(static_cast<size_t>(set.num_inputs), moments(set.inputs));
}

std::string tensor_name(size_t pupil, const std::string& name) {
  return fmt::format("{}/{}", pupil, name);
}

std::vector<std::string> classes_of(const TensorFile& file) {
  const auto json = nlohmann::json::parse(checkpoint_word(file, "classes"), nullptr, false);
  try {
    return json.get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    throw IoError(file.path, "__metadata__.classes",
                  "expected a list of names, found another text");
  }
}

void require_word(const TensorFile& file, const std::string& key, const std::string& expected,
                  const std::string& hint) {
  if (checkpoint_word(file, key) == expected) return;
  throw IoError(file.path, "__metadata__." + key,
                fmt::format("expected {}, found {}", engine::printable(expected),
                            engine::printable(checkpoint_word(file, key))),
                hint);
}

}  // namespace

Pupil::Pupil(std::string shown, double its_rate, const LearnerOptions& options,
             const TaskDims& dims, uint64_t seed)
    : name(std::move(shown)),
      rate(its_rate),
      family(std::make_unique<LearnerFamily>(options, DType::f32, engine::Device())),
      learner(family->for_dims(dims)),
      params(learner.layout(), initial_params(options, *family, seed)),
      state(learner.initial_state(params, {key_for({seed, 0, 0, 0}, RandomPurpose::InitialState)},
                                  1)) {}

LearnState new_learn_state(const std::string& algorithm, const ExampleSet& examples,
                           const std::vector<std::string>& classes, uint64_t seed, bool in_order) {
  LearnState state;
  state.algorithm = digest_of(algorithm);
  state.classes = classes;
  state.seed = seed;
  state.in_order = in_order;
  for (const Moments& scale : scales_of(examples)) {
    state.mean.push_back(static_cast<float>(scale.mean));
    // So small that it is none in single precision: as of equal values.
    const auto deviation = static_cast<float>(scale.deviation);
    state.deviation.push_back(deviation > 0 ? deviation : 1.0f);
  }
  const TaskDims dims{examples.num_inputs, static_cast<int64_t>(classes.size()), examples.image};
  LearnerOptions options = algorithm_options(algorithm);
  const std::string name = std::filesystem::path(algorithm).stem().string();
  options.init.type = InitType::File;
  options.init.path = algorithm;
  state.pupils.emplace_back(name, 0, options, dims, seed);
  std::vector<LearnerOptions> baselines(1);
  const auto add = [&](LearnerType type, const char* shown, double rate) {
    baselines[0].type = type;
    baselines[0].mlp.learning_rate = {rate};
    state.pupils.emplace_back(shown, rate, baselines[0], dims, seed);
  };
  for (const double rate : kSgdRates) add(LearnerType::Sgd, "sgd", rate);
  for (const double rate : kAdamRates) add(LearnerType::Adam, "adam", rate);
  return state;
}

void write_learn_state(const std::string& path, const LearnState& state) {
  TensorFile file;
  file.metadata = {{"kind", kKind},
                   {"algorithm", state.algorithm},
                   {"classes", nlohmann::json(state.classes)
                                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)},
                   {"data", state.data},
                   {"session", std::to_string(state.session)},
                   {"done", std::to_string(state.done)},
                   {"count", std::to_string(state.count)},
                   {"seen", std::to_string(state.seen)},
                   {"seed", std::to_string(state.seed)},
                   {"in_order", state.in_order ? "1" : "0"}};
  const auto inputs = static_cast<int64_t>(state.mean.size());
  file.tensors.push_back({"input.mean", Tensor::from(state.mean, {inputs})});
  file.tensors.push_back({"input.deviation", Tensor::from(state.deviation, {inputs})});
  std::vector<double> hits;
  for (size_t k = 0; k < state.pupils.size(); ++k) {
    const Pupil& pupil = state.pupils[k];
    hits.insert(hits.end(), {pupil.hits, pupil.all_hits});
    const std::vector<std::string> names = pupil.learner.state_names();
    for (size_t n = 0; n < names.size(); ++n) {
      file.tensors.push_back({tensor_name(k, names[n]), pupil.state.tensors[n]});
    }
  }
  const auto pupils = static_cast<int64_t>(state.pupils.size());
  file.tensors.push_back({"hits", Tensor::from(hits, {pupils, 2})});
  write_safetensors(path, file);
}

void read_learn_state(const std::string& path, LearnState& state) {
  const TensorFile file = read_checkpoint_file(path, kKind);
  require_word(file, "algorithm", state.algorithm, "it was learned by another algorithm");
  state.classes = classes_of(file);
  state.data = checkpoint_word(file, "data");
  state.session = checkpoint_count(file, "session");
  state.done = checkpoint_count(file, "done");
  state.count = checkpoint_count(file, "count");
  state.seen = checkpoint_count(file, "seen");
  require_word(file, "seed", std::to_string(state.seed), "give the same --seed");
  require_word(file, "in_order", state.in_order ? "1" : "0", "--in-order as the first time");
  const auto inputs = static_cast<int64_t>(state.mean.size());
  state.mean = checkpoint_tensor(file, "input.mean", {inputs}, DType::f32).to_vector<float>();
  state.deviation =
      checkpoint_tensor(file, "input.deviation", {inputs}, DType::f32).to_vector<float>();
  const auto pupils = static_cast<int64_t>(state.pupils.size());
  const auto hits = checkpoint_tensor(file, "hits", {pupils, 2}, DType::f64).to_vector<double>();
  size_t tensors = 3;
  for (size_t k = 0; k < state.pupils.size(); ++k) {
    Pupil& pupil = state.pupils[k];
    pupil.hits = hits[2 * k];
    pupil.all_hits = hits[2 * k + 1];
    const std::vector<std::string> names = pupil.learner.state_names();
    for (size_t n = 0; n < names.size(); ++n, ++tensors) {
      Tensor& part = pupil.state.tensors[n];
      part = checkpoint_tensor(file, tensor_name(k, names[n]), part.shape(), part.dtype());
    }
  }
  require_tensor_count(file, tensors);
}

std::vector<std::string> classes_in(const std::string& path) {
  return classes_of(read_checkpoint_file(path, kKind));
}

}  // namespace vsml
