#include "vsml/learners/learner_file.h"

#include <fmt/format.h>

#include "engine/error.h"
#include "engine/io/safetensors.h"
#include "engine/ops/movement.h"

namespace vsml {
namespace {

using engine::IoError;
using engine::Tensor;
using engine::TensorFile;

constexpr const char* kAlgorithm = "vsml.algorithm";
constexpr const char* kState = "vsml.state";

TensorFile read_kind(const std::string& path, const std::string& kind) {
  TensorFile file = engine::read_safetensors(path);
  const std::string found = file.metadata["kind"];
  if (found != kind) {
    throw IoError(path, "__metadata__.kind",
                  fmt::format("expected {}, found {}", kind,
                              found.empty() ? "none" : engine::printable(found)));
  }
  require_finite(path, file);
  return file;
}

[[noreturn]] void throw_mismatch(const std::string& path, const std::string& name,
                                 const std::string& expected, const std::string& found) {
  throw IoError(path, name, fmt::format("expected {}, found {}", expected, found),
                "the learner's options must be those that the file was made with");
}

std::string text_of(const Tensor& tensor) {
  return fmt::format("{} {}", engine::name_of(tensor.dtype()), engine::to_string(tensor.shape()));
}

std::string dims_text(const TaskDims& dims) {
  return fmt::format("{} inputs, {} classes", dims.inputs, dims.classes);
}

}  // namespace

void write_algorithm(const std::string& path, const Algorithm& algorithm) {
  TensorFile file;
  file.metadata = algorithm.notes;
  file.metadata["kind"] = kAlgorithm;
  file.metadata["options"] = algorithm.options;
  const engine::ParamSet params(algorithm.layout, algorithm.params);
  for (const auto& entry : algorithm.layout.entries()) {
    file.tensors.push_back({entry.name, params[entry.name]});
  }
  write_safetensors(path, file);
}

Algorithm read_algorithm(const std::string& path) {
  TensorFile file = read_kind(path, kAlgorithm);
  Algorithm algorithm;
  algorithm.options = file.metadata["options"];
  file.metadata.erase("kind");
  file.metadata.erase("options");
  algorithm.notes = std::move(file.metadata);
  std::vector<Tensor> parts;
  for (const engine::NamedTensor& part : file.tensors) {
    if (part.tensor.dtype() != engine::DType::f32) {
      throw_mismatch(path, part.name, "f32", text_of(part.tensor));
    }
    algorithm.layout.add(part.name, part.tensor.shape());
    parts.push_back(reshape(part.tensor, {part.tensor.size()}));
  }
  algorithm.params =
      parts.empty() ? Tensor::zeros({0}, engine::DType::f32) : engine::concat(parts, 0);
  return algorithm;
}

Tensor params_for(const std::string& path, const Algorithm& algorithm,
                  const engine::ParamLayout& layout) {
  const engine::ParamSet params(algorithm.layout, algorithm.params);
  std::vector<Tensor> parts;
  for (const auto& entry : layout.entries()) {
    const std::string wanted = engine::to_string(entry.shape);
    if (!algorithm.layout.contains(entry.name)) throw_mismatch(path, entry.name, wanted, "nothing");
    const Tensor part = params[entry.name];
    if (part.shape() != entry.shape) {
      throw_mismatch(path, entry.name, wanted, engine::to_string(part.shape()));
    }
    parts.push_back(reshape(part, {part.size()}));
  }
  for (const auto& entry : algorithm.layout.entries()) {
    if (!layout.contains(entry.name)) {
      throw_mismatch(path, entry.name, "no such parameter", engine::to_string(entry.shape));
    }
  }
  return parts.empty() ? algorithm.params : engine::concat(parts, 0);
}

void write_learner_state(const std::string& path, const Learner& learner,
                         const LearnerState& state) {
  TensorFile file;
  file.metadata = {{"kind", kState}, {"task", dims_text(learner.dims())}};
  const std::vector<std::string> names = learner.state_names();
  for (size_t k = 0; k < names.size(); ++k) file.tensors.push_back({names[k], state.tensors[k]});
  write_safetensors(path, file);
}

LearnerState read_learner_state(const std::string& path, const Learner& learner,
                                const LearnerState& expected) {
  TensorFile file = read_kind(path, kState);
  const std::string task = dims_text(learner.dims()), found = file.metadata["task"];
  if (found != task) throw_mismatch(path, "__metadata__.task", task, engine::printable(found));
  const std::vector<std::string> names = learner.state_names();
  if (file.tensors.size() != names.size()) {
    throw_mismatch(path, "", fmt::format("{} tensors", names.size()),
                   fmt::format("{}", file.tensors.size()));
  }
  LearnerState state;
  for (size_t k = 0; k < names.size(); ++k) {
    const Tensor& part = file.at(names[k]);
    const Tensor& like = expected.tensors[k];
    if (part.shape() != like.shape() || part.dtype() != like.dtype()) {
      throw_mismatch(path, names[k], text_of(like), text_of(part));
    }
    state.tensors.push_back(part.to(like.device()));
  }
  return state;
}

}  // namespace vsml
