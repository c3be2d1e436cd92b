#include "vsml/experiment/spec_fields.h"

namespace vsml {
namespace {

// In the order of LearnerType.
const std::vector<std::string> kLearnerTypes{"vsml",
                                             "sgd",
                                             "adam",
                                             "nearest_mean",
                                             "nearest_neighbour",
                                             "recursive_least_squares",
                                             "meta_rnn",
                                             "fast_weights",
                                             "hebbian",
                                             "hypernetwork",
                                             "learned_rule"};

// The words of the types for which `holds`.
std::vector<std::string> types_where(bool (*holds)(LearnerType)) {
  std::vector<std::string> names;
  for (size_t k = 0; k < kLearnerTypes.size(); ++k) {
    if (holds(static_cast<LearnerType>(k))) names.push_back(kLearnerTypes[k]);
  }
  return names;
}

Fields network_fields(NetworkOptions& o) {
  return {
      {"state_size", "H: channels of a cell's h and c", IntegerField{&o.cell.state, {1, 1024}}},
      {"message_size", "F and R: channels of a message", IntegerField{&o.cell.message, {1, 1024}}},
      {"micro_ticks", "ticks of a layer on the same incoming messages",
       IntegerField{&o.micro_ticks, {1, 1000}}},
      {"layers", "layers, from the input on; the last one's outputs are the task's classes",
       record_list("layer", o.layers, 1)},
      {"input_energy",
       "inputs enter times sqrt(this / number of inputs), whatever their number; 0: as they are",
       RealField{&o.input_energy, kNotNegative}},
      {"reduce", "how a neuron combines its cells' messages", choice(o.reduce, {"mean", "sum"})},
      {"output_channel", "channel of the last forward message that is the prediction",
       IntegerField{&o.output_channel, {0, 1023}}},
      {"output_bound", "prediction = bound tanh(y / bound); 0: the prediction is y",
       RealField{&o.output_bound, kNotNegative}},
      {"feed_label", "the label enters as channel 1 beside the error", FlagField{&o.feed_label}},
      {"backward_pass", "after each example a pass over the layers in reverse order",
       FlagField{&o.backward_pass}},
      {"separate_backward_cell", "the backward pass has cell parameters of its own",
       FlagField{&o.separate_backward_cell}},
      {"clear_reverse", "after the backward pass every reverse message is zeroed",
       FlagField{&o.clear_reverse}},
      {"cell_per_layer", "each layer has cell parameters of its own", FlagField{&o.cell_per_layer}},
      {"layer_norm", "messages are normalised", FlagField{&o.layer_norm}},
      {"random_state_fraction", "part of the channels of c that starts random",
       RealField{&o.random_state_fraction, kFraction}},
      {"encoded_weights", "cells start from random weights; parameters say how a state holds them",
       FlagField{&o.encoded_weights}},
      {"state_type",
       "what h and c are kept in between examples; bfloat16: half the memory, 8 bits of precision; "
       "bfloat16_h: h in that, c in float32",
       choice(o.state_type, {"float32", "bfloat16_h", "bfloat16"})},
  };
}

// One key for all learners that are told an error.
ChoiceField loss_choice(LearnerOptions& o) {
  ChoiceField field = choice(o.network.loss, {"cross_entropy", "squared"});
  field.set = [&o, set = field.set](const std::string& name) {
    set(name);
    o.mlp.loss = o.network.loss;
  };
  return field;
}

Fields backprop_fields(BackpropOptions& o) {
  return {
      {"learning_rate", "of the gradient descent", RealField{&o.learning_rate, kNotNegative}},
      {"batch_size", "examples at once that it is for", IntegerField{&o.batch_size, {1, 65536}}},
      {"momentum", "v = momentum v + gradient; needs separate_backward_cell",
       RealField{&o.momentum, kDecay}},
      {"eps", "a weight w is kept as eps w; errors are of order eps^2",
       RealField{&o.eps, kEpsilon}},
      {"forget_bias", "of what is kept, and negative of what is not; 20 is exact, less decays",
       RealField{&o.forget_bias, {0, 1000}}},
      {"spare_scale", "random weights of the units that are not needed; 0: they are silent",
       RealField{&o.spare_scale, kNotNegative}},
  };
}

Fields mlp_fields(MlpOptions& o) {
  Fields fields = {
      {"hidden", "widths of the hidden layers", IntegerListField{&o.hidden, {1, kMostNeurons}}},
      {"input_activation", "applied to the inputs", choice(o.input_activation, {"none", "tanh"})},
      {"learning_rate", "a number; or a list, of which the best on the test task is reported",
       RealListField{&o.learning_rate, kNotNegative}},
      {"beta1", "decay of the mean gradient", RealField{&o.beta1, kDecay}, {"adam"}},
      {"beta2", "decay of the mean squared gradient", RealField{&o.beta2, kDecay}, {"adam"}},
      {"epsilon",
       "added to the root of the mean squared gradient",
       RealField{&o.epsilon, kEpsilon},
       {"adam"}},
  };
  append(fields,
         {{"output_bound", "prediction = bound tanh(y / bound); 0: the prediction is y",
           RealField{&o.output_bound, kNotNegative}}},
         {});
  append(fields, fields_of(o.conv), {});
  return fields;
}

}  // namespace

Fields fields_of(LayerOptions& o) {
  return {
      {"type",
       "kind of layer; conv layers come first",
       choice(o.type, {"dense", "conv"}),
       {},
       true},
      {"outputs",
       "neurons, of conv channels; 0: the task's classes, in the last layer and only there",
       IntegerField{&o.outputs, {0, kMostNeurons}}},
      {"constant_input",
       "one more input that always is this number; null: none",
       OptionalRealField{&o.constant_input, kAnyReal},
       {"dense"}},
      {"kernel_size", "pixels", ExtentField{&o.kernel_size, {1, kMostPixels}}, {"conv"}},
      {"stride",
       "pixels from a position of the kernel to the next",
       IntegerField{&o.stride, {1, kMostPixels}},
       {"conv"}},
      {"padding",
       "zeros on each side of the image; null: half the kernel, rounded down",
       SizeField{&o.padding, {0, kMostPixels}},
       {"conv"}},
      {"backward",
       "reverse messages: to where forward ones came from; or masked as in the authors' code",
       choice(o.backward, {"transpose", "authors"}),
       {"conv"}},
  };
}

Fields fields_of(InitOptions& o) {
  Fields fields = {
      {"type",
       "where the parameters come from; untrained is random said on purpose",
       choice(o.type, {"random", "untrained", "file", "backprop"}),
       {},
       true},
      {"scale",
       "factor on the deviation of the weights",
       RealField{&o.scale, kNotNegative},
       {"random", "untrained"}},
      {"path", "a trained algorithm (safetensors)", PathField{&o.path}, {"file"}},
  };
  append(fields, backprop_fields(o.backprop), {"backprop"});
  return fields;
}

Fields fields_of(LearnerOptions& o) {
  Fields fields = {
      {"type", "kind of learner", choice(o.type, kLearnerTypes), {}, true},
      {"name", "in tables; empty: the type", TextField{&o.name}},
  };
  append(fields, network_fields(o.network), {"vsml"});
  append(fields,
         {{"init", "the parameters before meta-training, or of the algorithm that is meta-tested",
           record("init", o.init)}},
         types_where(is_meta_trained));
  append(fields, mlp_fields(o.mlp), {"sgd", "adam"});
  append(fields, fields_of(o.meta_rnn), {"meta_rnn"});
  append(fields, fields_of(o.fast_weights), {"fast_weights"});
  append(fields, fields_of(o.hebbian), {"hebbian"});
  append(fields, fields_of(o.hypernetwork), {"hypernetwork"});
  append(fields, fields_of(o.learned_rule), {"learned_rule"});
  append(fields,
         {{"inputs",
           "that the parameters are for, smaller tasks are filled up with zeros; 0: the most of "
           "the spec's tasks",
           IntegerField{&o.inputs, {0, kMostNeurons}}},
          {"classes", "the same for classes", IntegerField{&o.classes, {0, 65536}}}},
         types_where(has_task_sizes));
  fields.push_back({"capacity",
                    "examples that are kept, the newest; 0: all those of an episode",
                    IntegerField{&o.capacity, {0, kMostNeurons}},
                    {"nearest_neighbour"}});
  fields.push_back({"ridge",
                    "weight of the squared weights; or a list, of which the best is reported",
                    RealListField{&o.ridge, kPositive},
                    {"recursive_least_squares"}});
  append(
      fields,
      {{"loss", "its derivative by the prediction is the error that is fed back", loss_choice(o)}},
      {"vsml", "sgd", "adam"});
  return fields;
}

Fields fields_of(StepScaleFloor& o) {
  return {
      {"view", "name of a parameter, such as cell.m_forward", TextField{&o.view}, {}, false, true},
      {"gate", "of a cell's w or bias: the columns of one gate",
       choice(o.gate, {"all", "input", "candidate", "forget", "output"})},
      {"floor", "its smallest scale", RealField{&o.floor, kPositive}},
  };
}

Fields fields_of(MetaOptions& o) {
  return {
      {"optimizer", "where the meta-gradient comes from",
       choice(o.optimizer, {"bptt", "es", "pes"})},
      {"steps", "meta-training steps", IntegerField{&o.steps, kSteps}},
      {"population", "bptt: lifetimes per step; es, pes: antithetic pairs per step",
       IntegerField{&o.population, kMembers}},
      {"chunk_size", "members that are computed together; part of the result's bits",
       IntegerField{&o.chunk_size, kMembers}},
      {"batch_size", "examples a learner sees at once", IntegerField{&o.batch_size, {1, 65536}}},
      {"loss", "cross entropy: mean over all examples, or of the last one",
       choice(o.loss, {"mean", "last"})},
      {"learning_rate", "of Adam on the parameters", RealField{&o.learning_rate, kNotNegative}},
      {"schedule", "of the learning rate", choice(o.schedule, {"constant", "cosine"})},
      {"warmup", "steps of linear warm-up", IntegerField{&o.warmup, kStepsOrNone}},
      {"final_learning_rate", "cosine: what is left at the end, as a fraction",
       RealField{&o.final_learning_rate, kFraction}},
      {"beta1", "decay of the mean gradient", RealField{&o.beta1, kDecay}},
      {"beta2", "decay of the mean squared gradient", RealField{&o.beta2, kDecay}},
      {"epsilon", "added to the root of the mean squared gradient",
       RealField{&o.epsilon, kEpsilon}},
      {"clip_norm", "largest norm of the meta-gradient; 0: no clipping",
       RealField{&o.clip_norm, kNotNegative}},
      {"clip_lifetime_norm",
       "bptt: largest norm of a lifetime's part of it, averaged over those of its size in a chunk; "
       "0: no clipping",
       RealField{&o.clip_lifetime_norm, kNotNegative}},
      {"step_scale", "initial: steps in proportion to the initial parameters",
       choice(o.step_scale, {"none", "initial"})},
      {"start_noise", "step_scale initial: deviation of a first random step, in units of the scale",
       RealField{&o.start_noise, kNotNegative}},
      {"step_scale_floor", "step_scale initial: the smallest scale",
       RealField{&o.step_scale_floor, kPositive}},
      {"step_scale_floors", "step_scale initial: other smallest scales, for named parameters",
       record_list("step_scale_floor", o.step_scale_floors, 0)},
      {"tie_steps",
       "step_scale initial: what starts with the same magnitude in one view (and gate) stays so",
       FlagField{&o.tie_steps}},
      {"episode_length", "examples of a lifetime, without carry",
       IntegerField{&o.episode_length, kSteps}},
      {"unroll", "examples that one gradient sees; 0: all of them, without carry",
       IntegerField{&o.unroll, kStepsOrNone}},
      {"carry", "a member's state goes on into the next step until its lifetime ends",
       FlagField{&o.carry}},
      {"lifetime", "carry: examples of the longest lifetime", IntegerField{&o.lifetime, kSteps}},
      {"shortest_lifetime",
       "carry: lifetimes are log-uniform from here on; 0: uniform in [0.3, 1] of the longest",
       IntegerField{&o.shortest_lifetime, kStepsOrNone}},
      {"noise_std",
       "es, pes: deviation of the perturbations; step_scale initial: in units of the scale",
       RealField{&o.noise_std, kPositive}},
      {"standardize_fitness", "es, pes: fitness to mean 0 and deviation 1 over the population",
       FlagField{&o.standardize_fitness}},
      {"memory_budget", "bptt: MiB for what an unroll stores; does not change any bit",
       IntegerField{&o.memory_budget, {1, 1 << 24}}},
  };
}

Fields fields_of(EvaluateSpec& s) {
  return {
      {"every", "meta-training steps between two meta-tests; 0: only at the end",
       IntegerField{&s.every, kStepsOrNone}},
      {"episodes", "episodes of each test task", IntegerField{&s.episodes, kMembers}},
      {"episode_length", "examples of an episode", IntegerField{&s.episode_length, kSteps}},
      {"prefixes", "at the end also scored: so many first examples, ascending",
       IntegerListField{&s.prefixes, kSteps}},
      {"chunk_size", "episodes that are computed together; part of the result's bits",
       IntegerField{&s.chunk_size, kMembers}},
      {"weights_every", "compare: examples between two looks at the weights",
       IntegerField{&s.weights_every, kSteps}},
      {"swap_labels_at",
       "introspect: after so many examples class c is called c + 1, the last one 0; 0: never",
       IntegerField{&s.swap_labels_at, kStepsOrNone}},
      {"untrained", "meta_train: also meta-test the parameters it started from",
       FlagField{&s.untrained}},
      {"learners", "baselines on the same episodes", record_list("learner", s.learners, 0)},
  };
}

Fields fields_of(CheckpointSpec& s) {
  return {
      {"every", "steps of meta-training or cloning between two checkpoints",
       IntegerField{&s.every, kSteps}},
      {"keep", "newest checkpoints that are kept", IntegerField{&s.keep, {1, 1000}}},
  };
}

Fields sweep_fields() {
  return {
      {"grid", "key paths, each with a list of values: a run for every combination",
       SweepField{SweepPart::Grid}},
      {"list", "objects of key paths and values: runs for each; a name in it is theirs",
       SweepField{SweepPart::List}},
      {"seeds", "each run with these seeds; a number: with so many, from the spec's seed on",
       SweepField{SweepPart::Seeds}},
  };
}

Fields fields_of(Spec& s) {
  return {
      {"name", "of the run and its folder; empty: the file's name", TextField{&s.name}},
      {"experiment", "what is done",
       choice(s.experiment, {"meta_train", "meta_test", "compare", "clone", "introspect"})},
      {"seed", "of every random number", SeedField{&s.seed}},
      {"data", "folder searched first for named data sets", PathField{&s.data}},
      {"learner", "the learner that is meta-trained or meta-tested", record("learner", s.learner)},
      {"meta", "meta-training", record("meta", s.meta)},
      {"clone", "cloning of backpropagation by training", record("clone", s.clone)},
      {"tasks", "what is learned", record("tasks", s.tasks)},
      {"evaluate", "meta-testing", record("evaluate", s.evaluate)},
      {"checkpoint", "saving of meta-training and cloning", record("checkpoint", s.checkpoint)},
      {"sweep",
       "runs that differ in some keys, for vsml sweep",
       RecordField{"sweep", sweep_fields()},
       {},
       false,
       false,
       false},
  };
}

std::string name_of(LearnerType type) {
  return kLearnerTypes.at(static_cast<size_t>(type));
}

}  // namespace vsml
