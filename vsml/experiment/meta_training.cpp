#include "vsml/experiment/meta_training.h"

#include <chrono>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "vsml/experiment/environment.h"
#include "vsml/experiment/meta_checkpoint.h"
#include "vsml/meta/evaluate.h"

namespace vsml {
namespace {

using engine::Tensor;
using nlohmann::ordered_json;

constexpr int kMetricsFormat = 1;

// One meta-training, from its start or its newest checkpoint to its end.
class MetaTraining {
 public:
  MetaTraining(const MetaTrainingSetting& setting, const Tensor& initial)
      : setting_(setting),
        spec_(setting.spec),
        trainer_(spec_.meta, setting.learners, setting.train_tasks, spec_.seed),
        current_(begin(initial)),
        metrics_(setting.directory.file("metrics.jsonl"), current_.metrics_lines) {
    if (metrics_.lines() == 0) {
      append({{"metrics_format", kMetricsFormat},
              {"spec", setting.directory.spec_digest()},
              {"version", version()}});
    }
  }

  std::optional<Tensor> run();

 private:
  MetaCheckpoint begin(const Tensor& initial) const;
  void one_step();
  void meta_test_now();
  void save();
  void append(const ordered_json& object) {
    metrics_.append(object.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  }
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

  const MetaTrainingSetting& setting_;
  const Spec& spec_;
  MetaTrainer trainer_;
  MetaCheckpoint current_;
  MetricsFile metrics_;
  int64_t saved_step_ = -1;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

MetaCheckpoint MetaTraining::begin(const Tensor& initial) const {
  const std::vector<int64_t> steps = setting_.directory.checkpoint_steps();
  for (size_t k = steps.size(); k-- > 0;) {
    const std::string path = setting_.directory.checkpoint_file(steps[k]);
    try {
      MetaCheckpoint found =
          read_meta_checkpoint(path, trainer_, spec_.meta, setting_.learners.layout());
      if (found.spec_digest == setting_.directory.spec_digest() && found.state.step == steps[k]) {
        return found;
      }
      tell(fmt::format("warning: {}: belongs to another run; looking for an older one\n",
                       engine::printable(path)));
    } catch (const engine::IoError& error) {
      tell(fmt::format("warning: {}; looking for an older checkpoint\n", error.what()));
    }
  }
  return {trainer_.initial_state(initial), setting_.directory.spec_digest(), 0};
}

void MetaTraining::one_step() {
  const int64_t step = current_.state.step;
  const MetaStepReport report = trainer_.step(current_.state);
  append({{"step", step + 1},
          {"wall_s", seconds()},
          {"train/loss", report.loss},
          {"train/accuracy", report.accuracy},
          {"train/gradient_norm", report.gradient_norm},
          {"train/learning_rate", report.learning_rate}});
  setting_.progress.update(current_.state.step, fmt::format("loss {:.4f}  accuracy {:.3f}",
                                                            report.loss, report.accuracy));
}

void MetaTraining::meta_test_now() {
  const EvaluateOptions options{spec_.evaluate.episodes, spec_.evaluate.episode_length,
                                spec_.evaluate.chunk_size};
  for (const auto& task : setting_.test_tasks) {
    const ScoreSummary score =
        summarize(evaluate(setting_.learners, current_.state.params, task, options, spec_.seed));
    append({{"step", current_.state.step},
            {"wall_s", seconds()},
            {"task", task->name()},
            {"test/accuracy_cumulative", score.accuracy},
            {"test/accuracy_cumulative_sd", score.accuracy_sd},
            {"test/accuracy_last", score.accuracy_last},
            {"test/loss", score.loss}});
  }
}

void MetaTraining::save() {
  if (saved_step_ == current_.state.step) return;
  metrics_.sync();
  current_.metrics_lines = metrics_.lines();
  write_meta_checkpoint(setting_.directory.checkpoint_file(current_.state.step), current_);
  setting_.directory.keep_checkpoints(spec_.checkpoint.keep, current_.state.step);
  saved_step_ = current_.state.step;
}

std::optional<Tensor> MetaTraining::run() {
  saved_step_ = metrics_.lines() > 1 ? current_.state.step : -1;
  setting_.progress.begin("meta-train", current_.state.step, spec_.meta.steps);
  while (current_.state.step < spec_.meta.steps) {
    if (setting_.stop && setting_.stop()) {
      save();
      return std::nullopt;
    }
    one_step();
    const int64_t step = current_.state.step;
    const bool last = step == spec_.meta.steps;
    if (spec_.evaluate.every > 0 && step % spec_.evaluate.every == 0 && !last) meta_test_now();
    if (last || step % spec_.checkpoint.every == 0) save();
  }
  setting_.progress.end();
  return current_.state.params;
}

}  // namespace

std::optional<Tensor> meta_training(const MetaTrainingSetting& setting, const Tensor& initial) {
  return MetaTraining(setting, initial).run();
}

}  // namespace vsml
