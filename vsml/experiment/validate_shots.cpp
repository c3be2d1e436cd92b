#include "vsml/experiment/validate_shots.h"

#include <algorithm>
#include <fmt/format.h>

#include "vsml/experiment/spec_fields.h"

namespace vsml {
namespace {

class Validator {
 public:
  Validator(const Spec& spec, const SpecSource& source) : spec_(spec), source_(source) {}

  void validate() const {
    each(spec_.tasks.train, "tasks.train", [&](int64_t support) { validate_training(support); });
    each(spec_.tasks.test, "tasks.test", [&](int64_t support) { validate_testing(support); });
  }

 private:
  void require(bool holds, const std::string& path, const std::string& problem,
               const std::string& hint = {}) const {
    if (!holds) throw source_.error(path, problem, hint);
  }

  template <typename Check>
  void each(const std::vector<TaskOptions>& tasks, const std::string& path,
            const Check& check) const {
    for (size_t i = 0; i < tasks.size(); ++i) {
      const TaskOptions& task = tasks[i];
      if (task.shots == 0) continue;
      const std::string here = element_path(path, i);
      require(task.draw_classes > 0, here + ".draw_classes",
              "expected the number of classes of an episode with shots, got 0");
      require(!task.repeat, here + ".repeat", "expected false with shots, got true",
              "what comes again would be queries that have been shots");
      require(spec_.experiment != ExperimentType::Compare, here + ".shots",
              fmt::format("expected 0 with experiment compare, got {}", task.shots));
      check(task.shots * task.draw_classes);
    }
  }

  void require_longer(int64_t got, const std::string& path, int64_t support) const {
    require(got > support, path,
            fmt::format("expected more than the {} steps of a task's support (shots times "
                        "draw_classes), got {}",
                        support, got));
  }

  void validate_training(int64_t support) const {
    if (spec_.experiment != ExperimentType::MetaTrain) return;
    const MetaOptions& meta = spec_.meta;
    require(support % meta.batch_size == 0, "meta.batch_size",
            fmt::format("expected a divisor of the {} support examples (shots times draw_classes) "
                        "of a task, got {}",
                        support, meta.batch_size),
            "a batch holds support examples or queries, not both");
    const int64_t steps = support / meta.batch_size;
    require_longer(meta.carry ? meta.lifetime : meta.episode_length,
                   meta.carry ? "meta.lifetime" : "meta.episode_length", steps);
    // A gradient that sees no query behind the support knows nothing of how that was learned.
    const bool whole = !meta.carry && (meta.unroll == 0 || meta.optimizer == MetaOptimizer::Es);
    if (!whole && meta.optimizer != MetaOptimizer::Pes) {
      require_longer(meta.unroll, "meta.unroll", steps);
    }
  }

  void validate_testing(int64_t support) const {
    const EvaluateSpec& evaluation = spec_.evaluate;
    require_longer(evaluation.episode_length, "evaluate.episode_length", support);
    if (evaluation.prefixes.empty()) return;
    require_longer(evaluation.prefixes[0], element_path("evaluate.prefixes", 0), support);
  }

  const Spec& spec_;
  const SpecSource& source_;
};

}  // namespace

void validate_shots(const Spec& spec, const SpecSource& source) {
  Validator(spec, source).validate();
}

}  // namespace vsml
