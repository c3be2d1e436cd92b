#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "engine/error.h"
#include "tests/vsml/spec_failures.h"
#include "vsml/experiment/validate_spec.h"

TEST_CASE("the small spec itself is right") {
  CHECK(failure_of(small_spec()).message.empty());
}

TEST_CASE("text that is not JSON") {
  check_failure(failure_of(""), "spec.json:1: column 1: expected JSON, got unexpected end");
  check_failure(failure_of("[]"), "spec.json:1: expected an object, got a list");
  check_failure(failure_of("7"), "spec.json:1: expected an object, got 7");
  check_file("\"seed\": 7,", "\"seed\": 7, // a comment", "spec.json:3: column 14: expected JSON",
             "$comment");
  check_file("\"seed\": 7,", "\"seed\": 1e999,", "spec.json:3: seed: column");
  check_file("\"seed\": 7,", "\"seed\": NaN,", "spec.json:3: seed: column");
  check_file("\"seed\": 7,", "\"seed\": 07,", "spec.json:3: column");
  check_file("\"seed\": 7,", "\"seed\": 7,\n\"seed\": 8,",
             "spec.json:4: seed: expected each key once, got it on line 3 before");
  check_file("\"unroll\": 20", "\"unroll\": 20,", "spec.json:8: meta: column 3: expected JSON",
             "no comma");
}

TEST_CASE("a spec cut anywhere is refused") {
  const std::string text = small_spec();
  for (size_t length = 0; length + 2 < text.size(); ++length) {
    CAPTURE(length);
    CHECK(failure_of(text.substr(0, length)).message.rfind("spec.json:", 0) == 0);
  }
}

TEST_CASE("unknown keys") {
  check_file("\"unroll\"", "\"unrol\"",
             "spec.json:7: meta.unrol: expected a known key, got \"unrol\"",
             "did you mean \"unroll\"?");
  check_file("\"seed\"", "\"sede\"", "spec.json:3: sede: expected a known key", "\"seed\"");
  check_file("\"seed\"", "\"unroll\"", "spec.json:3: unroll: expected a known key",
             "\"unroll\" is a key at meta.unroll");
  check_file("\"seed\"", "\"zzzz\"", "spec.json:3: zzzz: expected a known key", "known keys: name");
  check_file("\"seed\"", "\"\"", "spec.json:3: expected a known key, got \"\"");
  check_file("{\"outputs\": 4}", "{\"output\": 4}",
             "spec.json:4: learner.layers[0].output: expected a known key", "\"outputs\"");
  check_file("\"weight\"", "\"wieght\"", "spec.json:11: tasks.train[0].wieght: expected a known",
             "\"weight\"");
  check_file("\"weight\"", "\"random-projection\"", "spec.json:11: tasks.train[0].random-proj",
             "\"random_projection\"");
  check_file("\"beta1\"", "\"Beta1\"", "spec.json:16: evaluate.learners[1].Beta1: expected a known",
             "\"beta1\"");
  check_file("\"seed\"", "\"\\u001b[2J\"", "spec.json:3: \\x1b[2J: expected a known key");
  check_file("\"seed\"", "\"" + std::string(100'000, 'k') + "\"", "spec.json:3: kkkk");
}

TEST_CASE("wrong types") {
  check_file("\"seed\": 7", "\"seed\": \"7\"",
             "spec.json:3: seed: expected an integer from 0 to 18446744073709551615, got \"7\"");
  check_file("\"seed\": 7", "\"seed\": -1", "spec.json:3: seed: expected an integer from 0 to");
  check_file("\"seed\": 7", "\"seed\": 18446744073709551616", "spec.json:3: seed: expected");
  check_file("\"seed\": 7", "\"seed\": 7.5", "spec.json:3: seed: expected");
  check_file("20", "2.5", "spec.json:7: meta.unroll: expected an integer from 0 to 1000000000");
  check_file("20", "true", "spec.json:7: meta.unroll: expected an integer");
  check_file("20", "null", "spec.json:7: meta.unroll: expected an integer");
  check_file("20", "\n[20]",
             "spec.json:8: meta.unroll: expected an integer from 0 to 1000000000, "
             "got a list");
  check_file("\"unroll\": 20", "\"carry\": 1",
             "spec.json:7: meta.carry: expected true or false, got 1");
  check_file("\"unroll\": 20", "\"learning_rate\": \"x\"",
             "spec.json:7: meta.learning_rate: expected a number of at least 0 and at most");
  check_file("\"bptt\"", "1",
             "spec.json:6: meta.optimizer: expected one of bptt, es or pes, got 1");
  check_file("\"seed\": 7", "\"name\": 7", "spec.json:3: name: expected text in quotes, got 7");
  check_file("\"seed\": 7", "\"data\": {}", "spec.json:3: data: expected a path in quotes, got an");
  check_file("{\"type\": \"vsml\", \"layers\": [{\"outputs\": 4}, {}]}", "[]",
             "spec.json:4: learner: expected an object, got a list");
  check_file("[{\"outputs\": 4}, {}]", "{}",
             "spec.json:4: learner.layers: expected a list of objects, got an object");
  check_file("[{\"outputs\": 4}, {}]", "[]",
             "spec.json:4: learner.layers: expected from 1 to 1000 objects, got 0");
  check_file("{\"outputs\": 4}", "4", "spec.json:4: learner.layers[0]: expected an object, got 4");
  check_file("\"weight\": 1", "\"resize\": 14",
             "spec.json:11: tasks.train[0].resize: expected [height, width] or null, got 14");
  check_file("\"weight\": 1", "\"resize\": [14]",
             "spec.json:11: tasks.train[0].resize: expected [height, width], got 1 numbers");
  check_file("\"weight\": 1", "\"resize\": [14, 0]",
             "spec.json:11: tasks.train[0].resize[1]: expected an integer from 1 to 1024, got 0");
  check_file("\"beta1\": 0.8", "\"learning_rate\": []",
             "spec.json:16: evaluate.learners[1].learning_rate: expected from 1 to 1000 numbers");
  check_file("\"beta1\": 0.8", "\"learning_rate\": [0.1, \"x\"]",
             "spec.json:16: evaluate.learners[1].learning_rate[1]: expected a number");
  check_file(
      "\"beta1\": 0.8", "\"learning_rate\": \"x\"",
      "spec.json:16: evaluate.learners[1].learning_rate: expected a number of at least 0 and "
      "at most 1000000000, or a list of such numbers, got \"x\"");
  check_file("\"beta1\": 0.8", "\"hidden\": 5",
             "spec.json:16: evaluate.learners[1].hidden: expected a list of integers, got 5");
}

TEST_CASE("out of range, and words that are none of the choices") {
  check_file("20", "-1",
             "spec.json:7: meta.unroll: expected an integer from 0 to 1000000000, "
             "got -1");
  check_file("20", "9223372036854775808", "spec.json:7: meta.unroll: expected an integer");
  check_file("20", "1e300", "spec.json:7: meta.unroll: expected an integer");
  check_file("\"weight\": 1", "\"weight\": -0.5",
             "spec.json:11: tasks.train[0].weight: expected a number of at least 0 and at most "
             "1000000000, got -0.5");
  check_file("0.8", "1",
             "spec.json:16: evaluate.learners[1].beta1: expected a number of at least "
             "0 and below 1, got 1");
  check_file("\"beta1\": 0.8", "\"epsilon\": 0",
             "spec.json:16: evaluate.learners[1].epsilon: expected a number above 0 and at most 1");
  check_file("\"bptt\"", "\"btpt\"",
             "spec.json:6: meta.optimizer: expected one of bptt, es or pes, got \"btpt\"",
             "did you mean \"bptt\"?");
  check_file(
      "\"fashion_mnist\"", "\"fashion-mnist\"",
      "spec.json:11: tasks.train[0].dataset: expected one of fashion_mnist, mnist, kmnist, "
      "emnist, emnist_balanced, emnist_byclass, emnist_bymerge, emnist_digits, emnist_letters, "
      "emnist_mnist, omniglot, digits, letter, satellite, cifar10, idx, omniglot_images, csv, "
      "random, sum_sign, clusters or teacher, got \"fashion-mnist\"",
      "did you mean \"fashion_mnist\"?");
  check_file("\"outputs\": 4", "\"type\": \"pool\"",
             "spec.json:4: learner.layers[0].type: expected one of dense or conv, got \"pool\"");
}

TEST_CASE("missing keys, and keys of another type") {
  check_file("{\"dataset\": \"random\"}", "\n{}",
             "spec.json:13: tasks.train[1].dataset: expected this key, got none");
  check_file("{\"dataset\": \"random\"}", "{\"datset\": \"random\"}",
             "spec.json:12: tasks.train[1].datset: expected a known key", "\"dataset\"");
  check_file("{\"type\": \"vsml\", \"layers\"", "{\"hidden\": [], \"layers\"",
             "spec.json:4: learner.hidden: expected type sgd, adam or learned_rule with this key, "
             "got vsml (the "
             "default)");
  check_file("{\"type\": \"sgd\"}", "{\"beta1\": 0.5, \"type\": \"sgd\"}",
             "spec.json:16: evaluate.learners[0].beta1: expected type adam with this key, got sgd");
  check_file("{\"type\": \"sgd\"}", "{\"type\": \"nearest_mean\", \"learning_rate\": 1}",
             "spec.json:16: evaluate.learners[0].learning_rate: expected type sgd or adam with");
  check_file("{\"type\": \"sgd\"}", "{\"type\": \"sgd\", \"state_size\": 4}",
             "spec.json:16: evaluate.learners[0].state_size: expected type vsml, meta_rnn");
  check_file(
      "\"dataset\": \"random\"", "\"dataset\": \"random\", \"pad\": 1",
      "spec.json:12: tasks.train[1].pad: expected dataset fashion_mnist, mnist, kmnist, "
      "emnist, emnist_balanced, emnist_byclass, emnist_bymerge, emnist_digits, emnist_letters, "
      "emnist_mnist, omniglot, digits, letter, satellite, cifar10, idx or omniglot_images with "
      "this "
      "key, got random");
  check_file("\"weight\": 1", "\"pairs\": 1",
             "spec.json:11: tasks.train[0].pairs: expected dataset random with this key, got "
             "fashion_mnist");
  check_file("\"weight\": 1", "\"images\": \"x\"",
             "spec.json:11: tasks.train[0].images: expected dataset idx with this key");
  check_file("\"dataset\": \"sum_sign\"", "\"dataset\": \"sum_sign\", \"split\": \"test\"",
             "spec.json:14: tasks.test[0].split: expected dataset fashion_mnist, mnist");
}

TEST_CASE("keys that contradict one another") {
  check_file("{\"outputs\": 4}, {}", "{\"outputs\": 4},\n {\"outputs\": 3}",
             "spec.json:5: learner.layers[1].outputs: expected 0 in the last layer, got 3",
             "the last layer's outputs are the task's classes");
  check_file("{\"outputs\": 4}, {}", "{}, {}",
             "spec.json:4: learner.layers[0].outputs: expected the number of neurons, got 0");
  const std::string layers = "\"layers\": [{\"outputs\": 4}, {}]";
  check_file(layers, "\n\"output_channel\": 8",
             "spec.json:5: learner.output_channel: expected a channel below message_size 8, got 8");
  check_file(layers, "\n\"feed_label\": true,\n\"message_size\": 1, \"output_channel\": 0",
             "spec.json:5: learner.feed_label: expected message_size of at least 2");
  check_file(layers, "\n\"separate_backward_cell\": true",
             "spec.json:5: learner.separate_backward_cell: expected backward_pass true");
  check_file(layers, "\n\"clear_reverse\": true",
             "spec.json:5: learner.clear_reverse: expected backward_pass true with this key");
  check_file(layers, "\n\"init\": {\"type\": \"file\"}",
             "spec.json:5: learner.init.path: expected the path of a trained algorithm");
  check_file(layers, "\n\"init\": {\"type\": \"untrained\"}",
             "spec.json:5: learner.init.type: expected random, file or backprop with");
  check_file("{\"type\": \"vsml\", " + layers + "}", "{\"type\": \"sgd\"}",
             "spec.json:4: learner.type: expected a learner with parameters to train with "
             "experiment meta_train, got sgd");
  check_file("\"type\": \"vsml\", " + layers, "\"type\": \"hebbian\",\n\"micro_ticks\": 2",
             "spec.json:5: learner.micro_ticks: expected type vsml, meta_rnn or hypernetwork with "
             "this key, got hebbian");
  check_file("\"type\": \"vsml\", " + layers,
             "\"type\": \"fast_weights\", \"form\": \"memory\",\n\"key_size\": 2",
             "spec.json:5: learner.key_size: expected form delta_rule with this key, got memory");
  check_file("\"type\": \"vsml\", " + layers, "\"type\": \"fast_weights\",\n\"memory_size\": 2",
             "spec.json:5: learner.memory_size: expected form memory with this key");
  check_file("{\"type\": \"sgd\"}", "{\"type\": \"vsml\"}",
             "spec.json:16: evaluate.learners[0].init.type: expected file, backprop or");
  check_file("\"unroll\": 20", "\"carry\": true,\n\"unroll\": 0",
             "spec.json:8: meta.unroll: expected at least 1 with carry, got 0");
  check_file("\"bptt\",", "\"pes\",\n\"carry\": false,",
             "spec.json:7: meta.carry: expected true with optimizer pes, got false");
  check_file("\"unroll\": 20", "\"unroll\": 20,\n\"tie_steps\": true",
             "spec.json:8: meta.tie_steps: expected false without step_scale initial, got true");
  check_file("\"bptt\",", "\"es\",\n\"clip_lifetime_norm\": 0.5,",
             "spec.json:7: meta.clip_lifetime_norm: expected 0 without optimizer bptt, got 0.5");
  check_file("\"unroll\": 20",
             "\"carry\": true, \"unroll\": 20, \"lifetime\": 100,\n\"shortest_lifetime\": 101",
             "spec.json:8: meta.shortest_lifetime: expected at most lifetime, 100, got 101");
  check_file("{\"learners\"", "{\"prefixes\": [10, 10], \"learners\"",
             "spec.json:16: evaluate.prefixes[0]: expected a number below the next, 10, got 10");
  check_file("{\"learners\"", "{\"prefixes\": [10, 500], \"learners\"",
             "spec.json:16: evaluate.prefixes[1]: expected a number below the next, 500, got 500");
  check_file("\"dataset\": \"random\"", "\"dataset\": \"idx\", \"labels\": \"x\"",
             "spec.json:12: tasks.train[1].images: expected the file of images, got none");
  check_file("\"dataset\": \"random\"", "\"dataset\": \"idx\", \"images\": \"x\"",
             "spec.json:12: tasks.train[1].labels: expected the file of labels, got none");
  check_file("\"weight\": 1", "\"classes\": [1, 2, 1]",
             "spec.json:11: tasks.train[0].classes: expected each class once");
  check_file("\"seed\": 7", "\"name\": \"../x\"",
             "spec.json:3: name: expected a name that can be a folder's, got \"../x\"");
  check_failure(failure_of(R"({"tasks": {"train": [{"dataset": "random", "weight": 0}]}})"),
                "spec.json:1: tasks.train: expected weights with a sum above 0, got 0");
  check_failure(failure_of("{}"), "spec.json:1: tasks.train: expected at least one task");
  check_failure(failure_of(R"({"experiment": "meta_test"})"),
                "spec.json:1: tasks.test: expected at least one task");
  check_failure(failure_of("{\"experiment\": \"meta_test\",\n"
                           "\"tasks\": {\"test\": [{\"dataset\": \"random\"}]}}"),
                "spec.json:1: learner.init.type: expected file, backprop or untrained", "trained");
}

TEST_CASE("hidden layers of a task where parameters fix the layers") {
  check_failure(failure_of(R"({"learner": {"type": "vsml", "cell_per_layer": true},
"tasks": {"train": [{"dataset": "random"}],
"test": [{"dataset": "random", "hidden": [4]}]}})"),
                "spec.json:3: tasks.test[0].hidden: expected none with cell_per_layer");
}

TEST_CASE("a trained algorithm brings its options: what they demand of one another is not asked") {
  const auto failure = [](const std::string& type) {
    return failure_of(R"({"tasks": {"train": [{"dataset": "random"}]},
        "learner": {"init": {"type": ")" +
                          type + R"("}, "output_channel": 12, "clear_reverse": true}})",
                      type == "file" ? std::vector<std::string>{"learner.init.path=x"}
                                     : std::vector<std::string>{});
  };
  check_failure(failure("random"), "spec.json:2: learner.output_channel: expected a channel below");
  CHECK(failure("file").message.empty());
}

TEST_CASE("a spec made in the program is validated too") {
  vsml::Spec spec;
  spec.name = "x";
  spec.tasks.train.resize(1);
  spec.learner.network.output_channel = 99;
  CHECK_THROWS_WITH_AS(vsml::validate_spec(spec, vsml::SpecSource()),
                       "spec: learner.output_channel: expected a channel below message_size 8, got "
                       "99",
                       vsml::SpecError);
}

TEST_CASE("convolutional layers that do not fit together") {
  const auto check_layers = [](const std::string& layers, const std::string& message,
                               const std::string& hint = {}) {
    check_file("[{\"outputs\": 4}, {}]", layers, "spec.json:4: learner.layers" + message, hint);
  };
  const std::string conv = R"({"type": "conv", "outputs": 4})";
  CHECK(failure_of(with("[{\"outputs\": 4}, {}]", "[" + conv + ", " + conv + ", {}]"))
            .message.empty());
  check_layers("[" + conv + "]", "[0].type: expected dense for the last layer, got conv");
  check_layers("[{\"outputs\": 4}, " + conv + ", {}]",
               "[1].type: expected dense after a dense layer, got conv", "conv layers come first");
  check_layers(R"([{"type": "conv"}, {}])",
               "[0].outputs: expected the number of neurons, got 0 before the last layer");
  check_layers(R"([{"outputs": 4, "stride": 2}, {}])",
               "[0].stride: expected type conv with this key, got dense (the default)");
  check_layers(R"([{"type": "conv", "outputs": 4, "constant_input": 1}, {}])",
               "[0].constant_input: expected type dense with this key, got conv");
  check_layers(R"([{"type": "conv", "outputs": 4, "kernel_size": 3}, {}])",
               "[0].kernel_size: expected [height, width], got 3");
  check_layers(R"([{"type": "conv", "outputs": 4, "kernel_size": [3, 0]}, {}])",
               "[0].kernel_size[1]: expected an integer from 1 to 1024, got 0");
  check_layers(R"([{"type": "conv", "outputs": 4, "stride": 0}, {}])",
               "[0].stride: expected an integer from 1 to 1024, got 0");
  check_layers(R"([{"type": "conv", "outputs": 4, "padding": [1]}, {}])",
               "[0].padding: expected [height, width], got 1 numbers");
  check_layers(R"([{"type": "conv", "outputs": 4, "padding": "same"}, {}])",
               "[0].padding: expected [height, width] or null, got \"same\"");
  check_layers(
      R"([{"type": "conv", "outputs": 4, "kernel_size": [5, 5], "backward": "authors"}, {}])",
      "[0].kernel_size: expected [3, 3] with backward authors, got [5, 5]");
  check_layers(R"([{"type": "conv", "outputs": 4, "padding": [0, 1], "backward": "authors"}, {}])",
               "[0].padding: expected [1, 1] with backward authors, got [0, 1]");
}
