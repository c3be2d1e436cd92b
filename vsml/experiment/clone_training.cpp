#include "vsml/experiment/clone_training.h"

#include <chrono>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "vsml/experiment/clone_checkpoint.h"
#include "vsml/experiment/environment.h"

namespace vsml {
namespace {

using engine::Tensor;
using nlohmann::ordered_json;

constexpr int kMetricsFormat = 1;
constexpr const char* kTargetNames[kCloneTargets] = {"forward", "reverse", "update", "manifold"};

class CloneTraining {
 public:
  explicit CloneTraining(const CloneTrainingSetting& setting)
      : setting_(setting),
        spec_(setting.spec),
        trainer_(clone_trainer(spec_)),
        current_(begin()),
        metrics_(setting.directory.file("metrics.jsonl"), current_.metrics_lines) {
    if (metrics_.lines() > 0) return;
    append({{"metrics_format", kMetricsFormat},
            {"spec", setting.directory.spec_digest()},
            {"version", version()}});
  }

  std::optional<Tensor> run();

 private:
  CloneCheckpoint begin() const;
  void one_step();
  void save();
  void append(const ordered_json& object) {
    metrics_.append(object.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  }

  const CloneTrainingSetting& setting_;
  const Spec& spec_;
  CloneTrainer trainer_;
  CloneCheckpoint current_;
  MetricsFile metrics_;
  int64_t saved_step_ = -1;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

CloneCheckpoint CloneTraining::begin() const {
  const std::vector<int64_t> steps = setting_.directory.checkpoint_steps();
  for (size_t k = steps.size(); k-- > 0;) {
    const std::string path = setting_.directory.checkpoint_file(steps[k]);
    try {
      CloneCheckpoint found = read_clone_checkpoint(path, trainer_.layout());
      if (found.spec_digest == setting_.directory.spec_digest() && found.state.step == steps[k]) {
        return found;
      }
      tell(fmt::format("warning: {}: belongs to another run; looking for an older one\n",
                       engine::printable(path)));
    } catch (const engine::IoError& error) {
      tell(fmt::format("warning: {}; looking for an older checkpoint\n", error.what()));
    }
  }
  return {trainer_.initial_state(), setting_.directory.spec_digest(), 0};
}

void CloneTraining::one_step() {
  const CloneReport report = trainer_.step(current_.state);
  const int64_t step = current_.state.step;
  const auto& error = report.error;
  setting_.progress.update(
      step, fmt::format("errors: forward {:.4f}  reverse {:.4f}  update {:.4f}", error[0], error[1],
                        error[2]));
  if (step % spec_.clone.report_every != 0 && step != trainer_.steps()) return;
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  ordered_json line{{"step", step}, {"wall_s", seconds}, {"train/loss", report.loss}};
  for (size_t k = 0; k < error.size(); ++k) {
    if (error[k] > 0) line[std::string("train/error_") + kTargetNames[k]] = error[k];
  }
  line["train/gradient_norm"] = report.gradient_norm;
  line["train/learning_rate"] = report.learning_rate;
  append(line);
}

void CloneTraining::save() {
  if (saved_step_ == current_.state.step) return;
  metrics_.sync();
  current_.metrics_lines = metrics_.lines();
  write_clone_checkpoint(setting_.directory.checkpoint_file(current_.state.step), current_);
  setting_.directory.keep_checkpoints(spec_.checkpoint.keep, current_.state.step);
  saved_step_ = current_.state.step;
}

std::optional<Tensor> CloneTraining::run() {
  saved_step_ = metrics_.lines() > 1 ? current_.state.step : -1;
  const int64_t steps = trainer_.steps();
  setting_.progress.begin("clone", current_.state.step, steps);
  while (current_.state.step < steps) {
    if (setting_.stop && setting_.stop()) {
      save();
      return std::nullopt;
    }
    one_step();
    const int64_t step = current_.state.step;
    if (step == steps || step % spec_.checkpoint.every == 0) save();
  }
  setting_.progress.end();
  return current_.state.params;
}

}  // namespace

CloneTrainer clone_trainer(const Spec& spec) {
  const NetworkOptions& network = spec.learner.network;
  return CloneTrainer(spec.clone, network.cell.state, network.micro_ticks, spec.seed);
}

Tensor cloned_learner(const Spec& spec, const Tensor& trained, const engine::ParamLayout& layout) {
  const NetworkOptions& network = spec.learner.network;
  const engine::ParamSet params(clone_layout(spec.clone, network.cell.state), trained);
  return learner_params(spec.clone, params, network, layout);
}

std::optional<Tensor> clone_training(const CloneTrainingSetting& setting) {
  return CloneTraining(setting).run();
}

}  // namespace vsml
