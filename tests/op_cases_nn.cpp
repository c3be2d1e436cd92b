#include "engine/ops/nn.h"
#include "tests/op_cases.h"

namespace engine::test {
namespace {

constexpr const char* kComposed = "composed of about five ops, each rounded in f32";

void add_softmaxes(OpCases& cases) {
  const auto row = [&](const char* variant, Operand x, int axis) {
    cases
        .add(
            "softmax", variant, {x}, [axis](const Operands& in) { return softmax(in[0], axis); },
            [axis](const std::vector<Array>& in) { return reference::softmax(in[0], axis); })
        .f32(2e-6, kComposed);
    cases
        .add(
            "log_softmax", variant, {x},
            [axis](const Operands& in) { return log_softmax(in[0], axis); },
            [axis](const std::vector<Array>& in) { return reference::log_softmax(in[0], axis); })
        .f32(2e-6, kComposed);
  };
  row("last axis", {{3, 4}}, -1);
  row("first axis", {{3, 4}}, 0);
  row("middle axis", {{2, 3, 2}}, 1);
  row("vector", {{5}}, 0);
  row("extent 1", {{3, 1}}, -1);
  row("equal elements", {{2, 4}, Range::Mask}, -1);
  row("reversed strides", {{2, 3, 2}, Range::Signed, Layout::Reversed}, 1);
  row("inner part", {{3, 4}, Range::Signed, Layout::Inner}, -1);
  row("stride 0", {{3, 4}, Range::Signed, Layout::Repeated}, 0);
  row("no rows", {{0, 4}}, -1);
  row("nothing to share", {{3, 0}}, -1);
  cases.misuse("softmax", "scalar", {"0"}, [] { softmax(ones({}), -1); });
  cases.misuse("softmax", "no such axis", {"[-2, 2)", "2"}, [] { softmax(ones({2, 3}), 2); });
  cases.misuse("log_softmax", "no such axis", {"[-2, 2)", "2"}, [] {
    log_softmax(ones({2, 3}), 2);
  });
}

void add_cross_entropy(OpCases& cases) {
  const auto row = [&](const char* variant, Operand logits, Operand target) {
    cases
        .add(
            "cross_entropy", variant, {logits, target},
            [](const Operands& in) { return cross_entropy(in[0], in[1]); },
            [](const std::vector<Array>& in) { return reference::cross_entropy(in[0], in[1]); })
        .f32(6e-6, "up to five terms of up to 8, each with the error of log_softmax");
  };
  row("rows", {{3, 4}}, {{3, 4}, Range::Positive});
  row("one row", {{5}}, {{5}, Range::Positive});
  row("one-hot or not", {{3, 4}}, {{3, 4}, Range::Mask});
  row("strided", {{2, 3, 4}, Range::Signed, Layout::Reversed},
      {{2, 3, 4}, Range::Positive, Layout::Inner});
  row("no rows", {{0, 4}}, {{0, 4}, Range::Positive});
  row("no classes", {{2, 0}}, {{2, 0}, Range::Positive});
  cases.misuse("cross_entropy", "shapes", {"[3, 4]", "[4]"}, [] {
    cross_entropy(ones({3, 4}), ones({4}));
  });
  cases.misuse("cross_entropy", "scalars", {"[]"}, [] { cross_entropy(ones({}), ones({})); });
}

void add_layer_norm(OpCases& cases) {
  const auto row = [&](const char* variant, Operand x, Operand scale, Operand offset,
                       double epsilon = 1e-5) {
    cases
        .add(
            "layer_norm", variant, {x, scale, offset},
            [epsilon](const Operands& in) { return layer_norm(in[0], in[1], in[2], epsilon); },
            [epsilon](const std::vector<Array>& in) {
              return reference::layer_norm(in[0], in[1], in[2], epsilon);
            })
        .f32(4e-6, kComposed);
  };
  // With a larger epsilon the stencil's truncation stays far below the bound.
  row("rows", {{3, 5}}, {{5}}, {{5}}, 0.1);
  row("default epsilon", {{3, 5}, Range::Distinct}, {{5}}, {{5}});
  row("scalar scale and offset", {{2, 2, 4}}, {{}}, {{}}, 0.1);
  row("scale per row", {{2, 2, 4}}, {{2, 4}}, {{2, 1}}, 0.1);
  row("vector", {{5}}, {{5}}, {{5}}, 0.1);
  row("one element", {{3, 1}}, {{1}}, {{1}}, 0.1);
  row("strided", {{2, 3, 4}, Range::Signed, Layout::Reversed},
      {{3, 4}, Range::Signed, Layout::Repeated}, {{4}, Range::Signed, Layout::Inner}, 0.1);
  row("no rows", {{0, 4}}, {{4}}, {{4}});
  cases.misuse("layer_norm", "nothing", {"[3, 0]"}, [] {
    layer_norm(ones({3, 0}), ones({0}), ones({0}));
  });
  cases.misuse("layer_norm", "scalar", {"[]"}, [] { layer_norm(ones({}), ones({}), ones({})); });
  cases.misuse("layer_norm", "scale", {"[3, 5]", "[4]"}, [] {
    layer_norm(ones({3, 5}), ones({4}), ones({5}));
  });
  cases.misuse("layer_norm", "offset with more axes", {"[3, 5]", "[2, 1, 5]"}, [] {
    layer_norm(ones({3, 5}), ones({5}), ones({2, 1, 5}));
  });
}

}  // namespace

void add_nn_cases(OpCases& cases) {
  add_softmaxes(cases);
  add_cross_entropy(cases);
  add_layer_norm(cases);
}

}  // namespace engine::test
