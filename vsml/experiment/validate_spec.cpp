#include "vsml/experiment/validate_spec.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <set>

#include "vsml/experiment/spec_fields.h"
#include "vsml/experiment/validate_clone.h"
#include "vsml/experiment/validate_shots.h"
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
    validate_shots(spec_, source_);
    switch (spec_.experiment) {
      case ExperimentType::MetaTrain:
        return validate_meta_train();
      case ExperimentType::MetaTest:
      case ExperimentType::Compare:
        return validate_meta_test();
      case ExperimentType::Introspect:
        validate_introspect();
        return validate_meta_test();
      case ExperimentType::Clone:
        return validate_clone(spec_, source_);
    }
  }

  void validate_adopted() const {
    validate_adopted_learner(spec_.learner, "learner");
    const auto& baselines = spec_.evaluate.learners;
    for (size_t i = 0; i < baselines.size(); ++i) {
      validate_adopted_learner(baselines[i], element_path("evaluate.learners", i));
    }
    if (spec_.experiment == ExperimentType::Compare) validate_compare();
    if (spec_.experiment != ExperimentType::MetaTrain) return;
    const LearnerFamily family(spec_.learner, engine::DType::f32, {});
    validate_step_scale_floors(family.layout());
    require(spec_.meta.batch_size == 1 || family.for_dims(family.any_dims()).takes_batches(),
            "meta.batch_size",
            fmt::format("expected 1 with learner {}, got {}", name_of(spec_.learner.type),
                        spec_.meta.batch_size));
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
    if (!is_meta_trained(learner.type)) return;
    require(learner.type == LearnerType::Vsml || learner.init.type != InitType::Backprop,
            path + ".init.type",
            "expected random, untrained or file with learner " + name_of(learner.type) +
                ", got backprop");
    if (learner.type == LearnerType::Vsml) {
      validate_layers(learner.network.layers, path + ".layers");
    }
    if (learner.init.type == InitType::File) {
      // The file brings the other options; they need not be the ones that the spec has by default.
      require(!learner.init.path.empty(), path + ".init.path",
              "expected the path of a trained algorithm with type file, got none");
    } else {
      validate_options(learner, path);
    }
  }

  void validate_adopted_learner(const LearnerOptions& learner, const std::string& path) const {
    if (learner.type == LearnerType::Vsml) {
      validate_layers(learner.network.layers, path + ".layers");
    }
    validate_options(learner, path);
  }

  // Options that must agree with one another.
  void validate_options(const LearnerOptions& learner, const std::string& path) const {
    if (learner.type == LearnerType::Vsml) validate_network(learner.network, path);
    if (learner.type == LearnerType::FastWeights) validate_form(learner.fast_weights, path);
  }

  // A key of the other form may be said at its default: a resolved spec has all keys of the type.
  void validate_form(const FastWeightsOptions& options, const std::string& path) const {
    const bool memory = options.form == FastWeightsForm::Memory;
    const FastWeightsOptions usual;
    if (memory) {
      require_usual(options.key_size == usual.key_size, path, "key_size", memory);
    } else {
      require_usual(options.state_size == usual.state_size, path, "state_size", memory);
      require_usual(options.memory_size == usual.memory_size, path, "memory_size", memory);
      require_usual(options.conv.channels == usual.conv.channels, path, "conv_channels", memory);
      require_usual(options.conv.image == usual.conv.image, path, "image_size", memory);
    }
  }

  void require_usual(bool usual, const std::string& path, const char* key, bool memory) const {
    require(usual, member_path(path, key),
            fmt::format("expected form {} with this key, got {}", memory ? "delta_rule" : "memory",
                        memory ? "memory" : "delta_rule"),
            "remove the key, or change form");
  }

  void validate_step_scale_floors(const engine::ParamLayout& layout) const {
    const auto& floors = spec_.meta.step_scale_floors;
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

  void validate_layer(const std::vector<LayerOptions>& layers, size_t i,
                      const std::string& path) const {
    const LayerOptions& layer = layers[i];
    if (layer.type != LayerType::Conv) return;
    require(i + 1 < layers.size(), path + ".type", "expected dense for the last layer, got conv");
    require(i == 0 || layers[i - 1].type == LayerType::Conv, path + ".type",
            "expected dense after a dense layer, got conv",
            "what a dense layer says is no image: conv layers come first");
    if (layer.backward != ConvBackward::Authors) return;
    constexpr std::array<int64_t, 2> kSize{3, 3}, kPadding{1, 1};
    require(layer.kernel_size == kSize, path + ".kernel_size",
            fmt::format("expected [3, 3] with backward authors, got [{}]",
                        fmt::join(layer.kernel_size, ", ")));
    const auto padding = layer.padding.value_or(kPadding);
    require(
        padding == kPadding, path + ".padding",
        fmt::format("expected [1, 1] with backward authors, got [{}]", fmt::join(padding, ", ")));
  }

  void validate_layers(const std::vector<LayerOptions>& layers, const std::string& path) const {
    for (size_t i = 0; i < layers.size(); ++i) validate_layer(layers, i, element_path(path, i));
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
      require(task.dataset != "csv" || !task.path.empty(), here + ".path",
              "expected the file of the table, got none");
      require(task.dataset != "omniglot_images" || !task.path.empty(), here + ".path",
              "expected a folder or zip archive of images, got none");
      const std::set<int64_t> distinct(task.classes.begin(), task.classes.end());
      require(distinct.size() == task.classes.size(), here + ".classes",
              "expected each class once, got one twice");
      const auto per_layer = [](const LearnerOptions& learner) {
        return learner.type == LearnerType::Vsml && learner.network.cell_per_layer;
      };
      require(task.hidden.empty() || !(per_layer(spec_.learner) ||
                                       std::ranges::any_of(spec_.evaluate.learners, per_layer)),
              here + ".hidden",
              "expected none with cell_per_layer, whose parameters fix the layers");
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
    require(is_meta_trained(spec_.learner.type), "learner.type",
            "expected a learner with parameters to train with experiment meta_train, got " +
                name_of(spec_.learner.type),
            "baselines can be meta-tested");
    require(spec_.learner.init.type != InitType::Untrained, "learner.init.type",
            "expected random, file or backprop with experiment meta_train, got untrained");
    require(!spec_.tasks.train.empty(), "tasks.train",
            "expected at least one task with experiment meta_train, got none");
    double weight = 0;
    for (const TaskOptions& task : spec_.tasks.train) weight += task.weight;
    require(weight > 0, "tasks.train", "expected weights with a sum above 0, got 0");
    const MetaOptions& meta = spec_.meta;
    require(meta.carry || meta.optimizer != MetaOptimizer::Pes, "meta.carry",
            "expected true with optimizer pes, got false",
            "over whole lifetimes, without carry, es is the same");
    require(!meta.tie_steps || meta.step_scale == StepScale::Initial, "meta.tie_steps",
            "expected false without step_scale initial, got true");
    require(meta.clip_lifetime_norm == 0 || meta.optimizer == MetaOptimizer::Bptt,
            "meta.clip_lifetime_norm",
            fmt::format("expected 0 without optimizer bptt, got {}", meta.clip_lifetime_norm),
            "es and pes have no gradient of one lifetime");
    if (!meta.carry) return;
    require(meta.shortest_lifetime <= meta.lifetime, "meta.shortest_lifetime",
            fmt::format("expected at most lifetime, {}, got {}", meta.lifetime,
                        meta.shortest_lifetime));
    require(meta.unroll >= 1, "meta.unroll",
            "expected at least 1 with carry, got " + fmt::format("{}", meta.unroll),
            "say how many examples one gradient sees, for example 20");
  }

  void validate_meta_test() const {
    require(!spec_.tasks.test.empty(), "tasks.test",
            "expected at least one task to test on, got none");
    require_meta_tested(spec_.learner, "learner");
  }

  // One look at each learner: no grids, no prefixes.
  void validate_introspect() const {
    const EvaluateSpec& e = spec_.evaluate;
    require(e.prefixes.empty(), "evaluate.prefixes",
            "expected none with experiment introspect, got some");
    require(e.swap_labels_at < e.episode_length, "evaluate.swap_labels_at",
            fmt::format("expected a number below evaluate.episode_length, {}, got {}",
                        e.episode_length, e.swap_labels_at));
    for (size_t i = 0; i < e.learners.size(); ++i) {
      require_no_grid(e.learners[i], element_path("evaluate.learners", i));
    }
    require_no_grid(spec_.learner, "learner");
  }

  void require_no_grid(const LearnerOptions& learner, const std::string& path) const {
    const bool rates = learner.type == LearnerType::Sgd || learner.type == LearnerType::Adam;
    require(!rates || learner.mlp.learning_rate.size() == 1, path + ".learning_rate",
            "expected one number with experiment introspect, got a list");
    require(learner.type != LearnerType::RecursiveLeastSquares || learner.ridge.size() == 1,
            path + ".ridge", "expected one number with experiment introspect, got a list");
  }

  // Weights must stand side by side with those of gradient descent.
  void validate_compare() const {
    const LearnerOptions& learner = spec_.learner;
    require(learner.type == LearnerType::Vsml && learner.network.encoded_weights, "learner",
            "expected a vsml learner with encoded_weights, got another", "init backprop has them");
    require(learner.network.input_energy == 0, "learner.input_energy",
            fmt::format("expected 0 with experiment compare, whose sgd hears inputs as they are, "
                        "got {}",
                        learner.network.input_energy));
    std::vector<int64_t> hidden;
    const auto& layers = learner.network.layers;
    require(!has_convolutions(learner.network), "learner.layers",
            "expected dense layers with experiment compare, got conv",
            "convolutions have no biases, those of sgd do");
    for (size_t k = 0; k < layers.size(); ++k) {
      require(layers[k].constant_input.has_value(),
              element_path("learner.layers", k) + ".constant_input",
              "expected a number with experiment compare, got null",
              "it has the weights that are the biases of sgd");
      if (k + 1 < layers.size()) hidden.push_back(layers[k].outputs);
    }
    bool found = false;
    const auto& baselines = spec_.evaluate.learners;
    for (size_t i = 0; i < baselines.size(); ++i) {
      const LearnerOptions& one = baselines[i];
      if (one.type != LearnerType::Sgd && one.type != LearnerType::Adam) continue;
      const std::string path = element_path("evaluate.learners", i);
      require(one.mlp.learning_rate.size() == 1, path + ".learning_rate",
              "expected one number with experiment compare, got a list");
      found = found || (one.type == LearnerType::Sgd && one.mlp.hidden == hidden);
    }
    require(found, "evaluate.learners",
            fmt::format("expected sgd with hidden [{}] among them, as the learner has, got none",
                        fmt::join(hidden, ", ")));
  }

  void require_meta_tested(const LearnerOptions& learner, const std::string& path) const {
    require(!is_meta_trained(learner.type) || learner.init.type != InitType::Random,
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
