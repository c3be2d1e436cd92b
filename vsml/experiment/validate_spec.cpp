#include "vsml/experiment/validate_spec.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "vsml/experiment/spec_fields.h"
#include "vsml/learners/learner_family.h"

namespace vsml {
namespace {

constexpr size_t kLongestName = 200;  // bytes; file systems allow 255 for a folder

class Validator {
 public:
  Validator(const Spec& spec, const SpecSource& source) : spec_(spec), source_(source) {}

  void validate() const {
    validate_name();
    validate_learner(spec_.learner, "learner");
    const auto& baselines = spec_.evaluate.learners;
    for (size_t i = 0; i < baselines.size(); ++i) {
      const std::string path = element_path("evaluate.learners", i);
      validate_learner(baselines[i], path);
      require_meta_tested(baselines[i], path);
    }
    validate_prefixes();
    validate_tasks(spec_.tasks.train, "tasks.train");
    validate_tasks(spec_.tasks.test, "tasks.test");
    if (spec_.experiment == ExperimentType::MetaTrain) {
      validate_meta_train();
    } else {
      validate_meta_test();
    }
  }

  void validate_adopted() const {
    validate_adopted_learner(spec_.learner, "learner");
    const auto& baselines = spec_.evaluate.learners;
    for (size_t i = 0; i < baselines.size(); ++i) {
      validate_adopted_learner(baselines[i], element_path("evaluate.learners", i));
    }
    if (spec_.experiment == ExperimentType::MetaTrain) validate_step_scale_floors();
  }

 private:
  void require(bool holds, const std::string& path, const std::string& problem,
               const std::string& hint = {}) const {
    if (!holds) throw source_.error(path, problem, hint);
  }

  // The run's folder is called after it.
  void validate_name() const {
    const std::string& name = spec_.name;
    const auto is_bad = [](char c) { return c == '/' || (c >= 0 && c < ' ') || c == 127; };
    const bool good = !name.empty() && name.front() != '.' && name.size() <= kLongestName &&
                      std::none_of(name.begin(), name.end(), is_bad);
    require(good, "name", "expected a name that can be a folder's, got " + quoted(name),
            source_.says("name") ? "" : "the name of the file was taken; set name");
  }

  void validate_learner(const LearnerOptions& learner, const std::string& path) const {
    if (learner.type != LearnerType::Vsml) return;
    validate_layers(learner.network.layers, path + ".layers");
    if (learner.init.type == InitType::File) {
      // The file brings the other options; they need not be the ones that the spec has by default.
      require(!learner.init.path.empty(), path + ".init.path",
              "expected the path of a trained algorithm with type file, got none");
    } else {
      validate_network(learner.network, path);
    }
  }

  void validate_adopted_learner(const LearnerOptions& learner, const std::string& path) const {
    if (learner.type != LearnerType::Vsml) return;
    validate_layers(learner.network.layers, path + ".layers");
    validate_network(learner.network, path);
  }

  void validate_step_scale_floors() const {
    const auto& floors = spec_.meta.step_scale_floors;
    if (floors.empty()) return;
    const engine::ParamLayout layout =
        LearnerFamily(spec_.learner, engine::DType::f32, {}).layout();
    std::vector<std::string> names;
    for (const auto& entry : layout.entries()) names.push_back(entry.name);
    for (size_t i = 0; i < floors.size(); ++i) {
      const std::string& view = floors[i].view;
      require(layout.contains(view), element_path("meta.step_scale_floors", i) + ".view",
              "expected a parameter of the learner, got " + quoted(view),
              fmt::format("the parameters are {}", fmt::join(names, ", ")));
      const bool has_gates = view.ends_with(".w") || view.ends_with(".bias");
      require(has_gates || floors[i].gate == GateChoice::All,
              element_path("meta.step_scale_floors", i) + ".gate",
              "expected all for a parameter without gates, got one gate");
    }
  }

  void validate_network(const NetworkOptions& network, const std::string& path) const {
    require(network.output_channel < network.cell.message, path + ".output_channel",
            fmt::format("expected a channel below message_size {}, got {}", network.cell.message,
                        network.output_channel));
    require(!network.feed_label || network.cell.message >= 2, path + ".feed_label",
            fmt::format("expected message_size of at least 2 with feed_label, got {}",
                        network.cell.message));
    const char* no_pass = "expected backward_pass true with this key, got false";
    require(network.backward_pass || !network.separate_backward_cell,
            path + ".separate_backward_cell", no_pass);
    require(network.backward_pass || !network.clear_reverse, path + ".clear_reverse", no_pass);
  }

  void validate_layers(const std::vector<LayerOptions>& layers, const std::string& path) const {
    for (size_t i = 0; i + 1 < layers.size(); ++i) {
      require(layers[i].outputs > 0, element_path(path, i) + ".outputs",
              "expected the number of neurons, got 0 before the last layer");
    }
    require(!layers.empty() && layers.back().outputs == 0,
            (layers.empty() ? path : element_path(path, layers.size() - 1)) + ".outputs",
            fmt::format("expected 0 in the last layer, got {}",
                        layers.empty() ? 0 : layers.back().outputs),
            "the last layer's outputs are the task's classes: leave the key out, or add a layer");
  }

  void validate_tasks(const std::vector<TaskOptions>& tasks, const std::string& path) const {
    for (size_t i = 0; i < tasks.size(); ++i) {
      const std::string here = element_path(path, i);
      const TaskOptions& task = tasks[i];
      if (task.dataset == "idx") {
        require(!task.images.empty(), here + ".images", "expected the file of images, got none");
        require(!task.labels.empty(), here + ".labels", "expected the file of labels, got none");
      }
      const std::set<int64_t> distinct(task.classes.begin(), task.classes.end());
      require(distinct.size() == task.classes.size(), here + ".classes",
              "expected each class once, got one twice");
    }
  }

  void validate_prefixes() const {
    const std::vector<int64_t>& prefixes = spec_.evaluate.prefixes;
    for (size_t i = 0; i < prefixes.size(); ++i) {
      const int64_t next =
          i + 1 < prefixes.size() ? prefixes[i + 1] : spec_.evaluate.episode_length;
      require(prefixes[i] < next, element_path("evaluate.prefixes", i),
              fmt::format("expected a number below the next, {}, got {}", next, prefixes[i]),
              "list them in ascending order, below evaluate.episode_length");
    }
  }

  void validate_meta_train() const {
    require(spec_.learner.type == LearnerType::Vsml, "learner.type",
            "expected vsml with experiment meta_train, got " + name_of(spec_.learner.type),
            "other learners can be meta-tested");
    require(spec_.learner.init.type != InitType::Untrained, "learner.init.type",
            "expected random, file or backprop with experiment meta_train, got untrained");
    require(!spec_.tasks.train.empty(), "tasks.train",
            "expected at least one task with experiment meta_train, got none");
    double weight = 0;
    for (const TaskOptions& task : spec_.tasks.train) weight += task.weight;
    require(weight > 0, "tasks.train", "expected weights with a sum above 0, got 0");
    const MetaOptions& meta = spec_.meta;
    if (!meta.carry) return;
    require(meta.shortest_lifetime <= meta.lifetime, "meta.shortest_lifetime",
            fmt::format("expected at most lifetime, {}, got {}", meta.lifetime,
                        meta.shortest_lifetime));
    require(meta.optimizer == MetaOptimizer::Bptt, "meta.carry",
            "expected optimizer bptt with carry, got es", "set carry to false");
    require(meta.unroll >= 1, "meta.unroll",
            "expected at least 1 with carry, got " + fmt::format("{}", meta.unroll),
            "say how many examples one gradient sees, for example 20");
  }

  void validate_meta_test() const {
    require(!spec_.tasks.test.empty(), "tasks.test",
            "expected at least one task with experiment meta_test, got none");
    require_meta_tested(spec_.learner, "learner");
  }

  void require_meta_tested(const LearnerOptions& learner, const std::string& path) const {
    require(learner.type != LearnerType::Vsml || learner.init.type != InitType::Random,
            path + ".init.type",
            "expected file, backprop or untrained for a learner that is tested, got random",
            "name a trained algorithm: \"init\": {\"type\": \"file\", \"path\": ...}");
  }

  const Spec& spec_;
  const SpecSource& source_;
};

}  // namespace

void validate_spec(const Spec& spec, const SpecSource& source) {
  Validator(spec, source).validate();
}

void validate_adopted(const Spec& spec, const SpecSource& source) {
  Validator(spec, source).validate_adopted();
}

}  // namespace vsml
