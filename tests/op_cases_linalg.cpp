#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "tests/op_cases.h"

namespace engine::test {
namespace {

constexpr Layout kPlain = Layout::Contiguous;

void add_matmul(OpCases& cases) {
  const auto row = [&](const char* variant, Shape a, Shape b, Layout left = kPlain,
                       Layout right = kPlain) {
    cases
        .add(
            "matmul", variant, {{a, Range::Signed, left}, {b, Range::Signed, right}},
            [](const Operands& in) { return matmul(in[0], in[1]); },
            [](const std::vector<Array>& in) { return reference::matmul(in[0], in[1]); })
        .f32(4e-6, "up to 33 products of up to 4 are added in f32");
  };
  row("matrices", {3, 4}, {4, 2});
  row("square", {3, 3}, {3, 3});
  row("beyond a cache line", {7, 33}, {33, 5});
  row("row vector", {1, 4}, {4, 3});
  row("column vector", {3, 4}, {4, 1});
  row("outer product", {3, 1}, {1, 4});
  row("one by one", {1, 1}, {1, 1});
  row("batch", {2, 3, 4}, {2, 4, 2});
  row("two batch axes", {2, 3, 2, 4}, {2, 3, 4, 2});
  row("batch folded into rows", {2, 3, 4}, {4, 2});
  row("two batch axes folded", {2, 2, 3, 4}, {4, 2});
  row("batch broadcast on the left", {3, 4}, {2, 4, 2});
  row("batch broadcast crosswise", {2, 1, 3, 4}, {3, 4, 2});
  row("batch of 1 on the right", {2, 3, 4}, {1, 4, 2});
  row("a transposed", {3, 4}, {4, 2}, Layout::Reversed);
  row("b transposed", {3, 4}, {4, 2}, kPlain, Layout::Reversed);
  row("both transposed", {3, 4}, {4, 2}, Layout::Reversed, Layout::Reversed);
  row("batch, all axes reversed", {2, 3, 4}, {2, 4, 2}, Layout::Reversed, Layout::Reversed);
  row("folded, all axes reversed", {2, 3, 4}, {4, 2}, Layout::Reversed, Layout::Reversed);
  row("inner parts", {3, 4}, {4, 2}, Layout::Inner, Layout::Inner);
  row("batch of inner parts", {2, 3, 4}, {2, 4, 2}, Layout::Inner, Layout::Inner);
  row("stride 0 rows", {3, 4}, {4, 2}, Layout::Repeated, Layout::Repeated);
  row("stride 0 column", {5, 1}, {1, 3}, Layout::Repeated);
  row("stride 0 columns of b", {3, 4}, {4, 1}, kPlain, Layout::Repeated);
  row("stride 0 batch", {3, 2, 4}, {3, 4, 2}, Layout::Repeated, Layout::Repeated);
  row("nothing to add", {3, 0}, {0, 2});
  row("batch, nothing to add", {2, 3, 0}, {2, 0, 2});
  row("folded, nothing to add", {2, 3, 0}, {0, 2});
  row("no rows", {0, 4}, {4, 2});
  row("no columns", {3, 4}, {4, 0});
  row("no batch", {0, 3, 4}, {4, 2});
  row("no batch on either side", {0, 3, 4}, {0, 4, 2});

  cases
      .add(
          "matmul", "view of a row, repeated", {{{1, 4}}, {{4, 3}}},
          [](const Operands& in) {
            return matmul(broadcast_to(in[0], {5, 4}), in[1]);
          },
          [](const std::vector<Array>& in) {
            return reference::matmul(reference::broadcast_to(in[0], {5, 4}), in[1]);
          })
      .calls_others();
  cases
      .add(
          "matmul", "one element, repeated along both axes", {{{1, 1}}, {{4, 3}}},
          [](const Operands& in) {
            return matmul(broadcast_to(in[0], {1, 4}), in[1]);
          },
          [](const std::vector<Array>& in) {
            return reference::matmul(reference::broadcast_to(in[0], {1, 4}), in[1]);
          })
      .calls_others();

  cases.misuse("matmul", "inner extents", {"[32, 17]", "[16, 8]"}, [] {
    matmul(ones({32, 17}), ones({16, 8}));
  });
  cases.misuse("matmul", "vector on the left", {"[4]", "[4, 2]"}, [] {
    matmul(ones({4}), ones({4, 2}));
  });
  cases.misuse("matmul", "vector on the right", {"[3, 4]", "[4]"}, [] {
    matmul(ones({3, 4}), ones({4}));
  });
  cases.misuse("matmul", "batch", {"[2]", "[3]"}, [] { matmul(ones({2, 3, 4}), ones({3, 4, 5})); });
}

void add_affine(OpCases& cases) {
  const auto row = [&](const char* variant, Operand x, Operand w, Operand bias) {
    cases
        .add(
            "affine", variant, {x, w, bias},
            [](const Operands& in) { return affine(in[0], in[1], in[2]); },
            [](const std::vector<Array>& in) {
              return reference::add(reference::matmul(in[0], in[1]), in[2]);
            })
        .f32(2e-6, "up to 5 products of up to 4 are added in f32");
  };
  row("rows", {{3, 4}}, {{4, 2}}, {{2}});
  row("batch", {{2, 3, 4}}, {{4, 2}}, {{2}});
  row("bias of the result's shape", {{3, 4}}, {{4, 2}}, {{3, 2}});
  row("bias per row", {{2, 3, 4}}, {{4, 2}}, {{3, 1}});
  row("bias per batch", {{2, 3, 4}}, {{4, 2}}, {{2, 1, 1}});
  row("scalar bias", {{3, 4}}, {{4, 2}}, {{}});
  row("one column", {{3, 4}}, {{4, 1}}, {{1}});
  row("one input", {{3, 1}}, {{1, 2}}, {{2}});
  row("reversed strides", {{2, 3, 4}, Range::Signed, Layout::Reversed},
      {{4, 2}, Range::Signed, Layout::Reversed}, {{3, 2}, Range::Signed, Layout::Reversed});
  row("inner parts", {{3, 4}, Range::Signed, Layout::Inner}, {{4, 2}, Range::Signed, Layout::Inner},
      {{2}, Range::Signed, Layout::Inner});
  row("stride 0", {{3, 4}, Range::Signed, Layout::Repeated},
      {{4, 2}, Range::Signed, Layout::Repeated}, {{3, 2}, Range::Signed, Layout::Repeated});
  row("no inputs", {{3, 0}}, {{0, 2}}, {{2}});
  row("no outputs", {{3, 4}}, {{4, 0}}, {{0}});
  row("no rows", {{0, 4}}, {{4, 2}}, {{2}});

  cases.misuse("affine", "inner extents", {"[3, 5]", "[4, 2]"}, [] {
    affine(ones({3, 5}), ones({4, 2}), ones({2}));
  });
  cases.misuse("affine", "batch of weights", {"[2, 4, 2]"}, [] {
    affine(ones({2, 3, 4}), ones({2, 4, 2}), ones({2}));
  });
  cases.misuse("affine", "bias", {"[3]", "[3, 2]"}, [] {
    affine(ones({3, 4}), ones({4, 2}), ones({3}));
  });
  cases.misuse("affine", "bias with more axes", {"[1, 3, 2]", "[3, 2]"}, [] {
    affine(ones({3, 4}), ones({4, 2}), ones({1, 3, 2}));
  });
}

}  // namespace

void add_linalg_cases(OpCases& cases) {
  add_matmul(cases);
  add_affine(cases);
}

}  // namespace engine::test
