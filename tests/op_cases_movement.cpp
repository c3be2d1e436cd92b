#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "tests/op_cases.h"

namespace engine::test {
namespace {

Reference of_first(std::function<Array(const Array&)> f) {
  return [f](const std::vector<Array>& in) { return f(in[0]); };
}

// Adds a row for each way an operand can lie in memory.
void each_layout(OpCases& cases, const char* op, const std::string& variant, Operand x,
                 const Run& run, const Reference& naive) {
  const std::pair<const char*, Layout> layouts[] = {{"", Layout::Contiguous},
                                                    {", reversed strides", Layout::Reversed},
                                                    {", inner part", Layout::Inner},
                                                    {", stride 0", Layout::Repeated}};
  for (const auto& [suffix, layout] : layouts) {
    if (layout == Layout::Repeated && (x.shape.rank() == 0 || x.shape.size() == 0)) continue;
    x.layout = layout;
    cases.add(op, variant + suffix, {x}, run, naive).numbers();
  }
}

void add_reshapes(OpCases& cases) {
  const auto row = [&](const char* variant, Shape from, Shape to) {
    each_layout(
        cases, "reshape", variant, {from}, [to](const Operands& in) { return reshape(in[0], to); },
        of_first([to](const Array& x) { return reference::reshape(x, to); }));
  };
  row("matrix to matrix", {2, 6}, {3, 4});
  row("to a vector", {2, 3, 2}, {12});
  row("axes of extent 1", {2, 3}, {1, 2, 1, 3});
  row("scalar to vector", {}, {1});
  row("empty", {0, 3}, {5, 0, 2});
  row("same shape", {2, 3}, {2, 3});
  const auto inferred = [&](const char* variant, Shape from, std::vector<int64_t> to, Shape want) {
    cases
        .add(
            "reshape_inferred", variant, {{from}},
            [to](const Operands& in) { return reshape_inferred(in[0], to); },
            of_first([want](const Array& x) { return reference::reshape(x, want); }))
        .numbers();
  };
  inferred("middle", {2, 6}, {3, -1, 2}, {3, 2, 2});
  inferred("alone", {2, 6}, {-1}, {12});
  inferred("none to infer", {2, 6}, {4, 3}, {4, 3});
  inferred("empty", {0, 3}, {-1, 3}, {0, 3});

  cases.misuse("reshape", "size", {"[2, 3]", "[4]", "6 elements"}, [] {
    reshape(ones({2, 3}), {4});
  });
  cases.misuse("reshape", "inferred does not divide", {"[2, 3]"}, [] {
    reshape_inferred(ones({2, 3}), {4, -1});
  });
  cases.misuse("reshape", "inferred twice", {"[2, 3]"}, [] {
    reshape_inferred(ones({2, 3}), {-1, -1});
  });
}

void add_orders(OpCases& cases) {
  const auto row = [&](const char* variant, Shape shape, std::vector<int> order) {
    each_layout(
        cases, "permute", variant, {shape},
        [order](const Operands& in) { return permute(in[0], order); },
        of_first([order](const Array& x) { return reference::permute(x, order); }));
  };
  row("matrix", {2, 3}, {1, 0});
  row("cycle", {2, 3, 4}, {2, 0, 1});
  row("counted from the end", {2, 3, 4}, {-1, 1, 0});
  row("none", {}, {});
  row("empty", {0, 3}, {1, 0});
  each_layout(
      cases, "transpose", "matrix", {{2, 3}}, [](const Operands& in) { return transpose(in[0]); },
      of_first([](const Array& x) {
        return reference::permute(x, {1, 0});
      }));
  each_layout(
      cases, "transpose", "batch", {{2, 3, 4}}, [](const Operands& in) { return transpose(in[0]); },
      of_first([](const Array& x) {
        return reference::permute(x, {0, 2, 1});
      }));

  cases.misuse("permute", "axis twice", {"[2, 3]", "[0, 0]"}, [] {
    permute(ones({2, 3}), {0, 0});
  });
  cases.misuse("permute", "too few axes", {"[2, 3]", "[0]"}, [] { permute(ones({2, 3}), {0}); });
  cases.misuse("permute", "no such axis", {"[-2, 2)", "2"}, [] { permute(ones({2, 3}), {0, 2}); });
  cases.misuse("transpose", "vector", {"[3]"}, [] { transpose(ones({3})); });
}

void add_broadcasts(OpCases& cases) {
  const auto row = [&](const char* variant, Shape from, Shape to) {
    each_layout(
        cases, "broadcast_to", variant, {from},
        [to](const Operands& in) { return broadcast_to(in[0], to); },
        of_first([to](const Array& x) { return reference::broadcast_to(x, to); }));
  };
  row("new axis", {3}, {2, 3});
  row("column", {2, 1}, {2, 3});
  row("all at once", {3, 1, 2}, {2, 3, 4, 2});
  row("scalar", {}, {2, 3});
  row("to nothing", {1, 3}, {0, 3});
  row("same shape", {2, 3}, {2, 3});
  const auto expanded = [&](const char* variant, Shape from, int axis, Shape to) {
    each_layout(
        cases, "expand", variant, {from},
        [axis](const Operands& in) { return expand(in[0], axis); },
        of_first([to](const Array& x) { return reference::reshape(x, to); }));
  };
  expanded("first", {2, 3}, 0, {1, 2, 3});
  expanded("middle", {2, 3}, 1, {2, 1, 3});
  expanded("last", {2, 3}, -1, {2, 3, 1});
  expanded("scalar", {}, 0, {1});

  cases.misuse("broadcast_to", "extent", {"[2, 3]", "[2, 4]"}, [] {
    broadcast_to(ones({2, 3}), {2, 4});
  });
  cases.misuse("broadcast_to", "fewer axes", {"[2, 3]", "[3]"}, [] {
    broadcast_to(ones({2, 3}), {3});
  });
  cases.misuse("broadcast_to", "extent down to 1", {"[2, 3]", "[2, 1]"}, [] {
    broadcast_to(ones({2, 3}), {2, 1});
  });
  cases.misuse("expand", "no such axis", {"[-3, 3)", "3"}, [] { expand(ones({2, 3}), 3); });
}

void add_slices(OpCases& cases) {
  const auto row = [&](const char* variant, Shape shape, int axis, int64_t first, int64_t last,
                       int64_t from, int64_t to) {
    each_layout(
        cases, "slice", variant, {shape},
        [=](const Operands& in) { return slice(in[0], axis, first, last); },
        of_first([=](const Array& x) { return reference::slice(x, axis, from, to); }));
  };
  row("rows", {4, 3}, 0, 1, 3, 1, 3);
  row("columns", {2, 5}, -1, 2, 4, 2, 4);
  row("from the end", {2, 5}, 1, -3, -1, 2, 4);
  row("to the end", {2, 5}, 1, 2, 5, 2, 5);
  row("everything", {2, 5}, 1, 0, 5, 0, 5);
  row("nothing", {2, 5}, 1, 2, 2, 2, 2);
  for (const int64_t part : {0, 2}) {
    each_layout(
        cases, "split", "part " + std::to_string(part), {{2, 6}},
        [part](const Operands& in) { return split(in[0], 1, 3)[static_cast<size_t>(part)]; },
        of_first(
            [part](const Array& x) { return reference::slice(x, 1, 2 * part, 2 * part + 2); }));
  }
  each_layout(
      cases, "split", "parts times each other", {{4, 3}},
      [](const Operands& in) {
        const std::vector<Tensor> parts = split(in[0], 0, 2);
        return parts[0] * parts[1] * parts[1];
      },
      of_first([](const Array& x) {
        return reference::binary(reference::slice(x, 0, 0, 2), reference::slice(x, 0, 2, 4),
                                 [](double a, double b) { return a * b * b; });
      }));
  each_layout(
      cases, "split", "one part", {{4, 3}},
      [](const Operands& in) { return split(in[0], -2, 1)[0]; },
      of_first([](const Array& x) { return x; }));
  const auto padded = [&](const char* variant, Shape shape, int axis, int64_t before,
                          int64_t after) {
    each_layout(
        cases, "pad", variant, {shape},
        [=](const Operands& in) { return pad(in[0], axis, before, after); },
        of_first([=](const Array& x) { return reference::pad(x, axis, before, after); }));
  };
  padded("rows", {2, 3}, 0, 1, 2);
  padded("columns", {2, 3}, -1, 2, 0);
  padded("not at all", {2, 3}, 1, 0, 0);
  padded("nothing to zeros", {0, 3}, 0, 1, 1);

  cases.misuse("slice", "beyond the end", {"[2, 5]", "[2, 6)"}, [] {
    slice(ones({2, 5}), 1, 2, 6);
  });
  cases.misuse("slice", "backwards", {"[2, 5]", "[3, 2)"}, [] { slice(ones({2, 5}), 1, 3, 2); });
  cases.misuse("slice", "before the start", {"[2, 5]", "[-6, 2)"}, [] {
    slice(ones({2, 5}), 1, -6, 2);
  });
  cases.misuse("slice", "no such axis", {"[-2, 2)", "2"}, [] { slice(ones({2, 5}), 2, 0, 1); });
  cases.misuse("split", "does not divide", {"[2, 5]", "2"}, [] { split(ones({2, 5}), 1, 2); });
  cases.misuse("split", "no parts", {"[2, 5]", "0"}, [] { split(ones({2, 5}), 1, 0); });
  cases.misuse("pad", "negative", {"-1"}, [] { pad(ones({2, 5}), 1, -1, 0); });
}

void add_joins(OpCases& cases) {
  const auto row = [&](const char* op, const char* variant, std::vector<Operand> parts, Run run,
                       Reference naive) {
    cases.add(op, variant, std::move(parts), std::move(run), std::move(naive)).numbers();
  };
  const auto concat_along = [&](const char* variant, std::vector<Operand> parts, int axis) {
    row(
        "concat", variant, std::move(parts),
        [axis](const Operands& in) { return concat(in.tensors, axis); },
        [axis](const std::vector<Array>& in) { return reference::concat(in, axis); });
  };
  concat_along("rows", {{{2, 3}}, {{1, 3}}, {{4, 3}}}, 0);
  concat_along("columns", {{{2, 3}}, {{2, 1}}}, -1);
  concat_along("middle", {{{2, 1, 2}}, {{2, 3, 2}}}, 1);
  concat_along("one part", {{{2, 3}}}, 0);
  concat_along("an empty part", {{{2, 3}}, {{2, 0}}, {{2, 1}}}, 1);
  concat_along("strided",
               {{{2, 3}, Range::Signed, Layout::Reversed},
                {{2, 2}, Range::Signed, Layout::Inner},
                {{2, 3}, Range::Signed, Layout::Repeated}},
               1);
  const auto stack_along = [&](const char* variant, Operand part, int axis, int place) {
    row(
        "stack", variant, {part, {part.shape}, {part.shape}},
        [axis](const Operands& in) { return stack(in.tensors, axis); },
        [place](const std::vector<Array>& in) {
          std::vector<Array> parts = in;
          for (Array& x : parts) x.shape = x.shape.inserted(place, 1);
          return reference::concat(parts, place);
        });
  };
  stack_along("first", {{2, 3}}, 0, 0);
  stack_along("last", {{2, 3}}, -1, 2);
  stack_along("middle, strided", {{2, 3}, Range::Signed, Layout::Reversed}, 1, 1);
  stack_along("scalars", {{}}, 0, 0);

  cases.misuse("concat", "other extents", {"[2, 3]", "[2, 4]"}, [] {
    concat({ones({2, 3}), ones({2, 4})}, 0);
  });
  cases.misuse("concat", "ranks", {"[2, 3]", "[3]"}, [] { concat({ones({2, 3}), ones({3})}, 0); });
  cases.misuse("concat", "nothing", {"none"}, [] { concat({}, 0); });
  cases.misuse("stack", "shapes", {"[2]", "[3]"}, [] { stack({ones({2}), ones({3})}, 0); });
  cases.misuse("stack", "nothing", {"none"}, [] { stack({}, 0); });
}

void add_places(OpCases& cases) {
  const auto row = [&](const char* variant, Operand x, int axis, int64_t places) {
    const int64_t extent = x.shape[axis];
    cases
        .add(
            "gather", variant, {x, {{places}, Range::Place, Layout::Contiguous, extent}},
            [axis](const Operands& in) { return gather(in[0], in[1], axis); },
            [axis](const std::vector<Array>& in) { return reference::gather(in[0], in[1], axis); })
        .numbers();
    // More places than the axis has, fewer, and the same one several times.
    const int64_t target = 3;
    cases
        .add(
            "scatter_add", variant, {x, {{extent}, Range::Place, Layout::Contiguous, target}},
            [=](const Operands& in) { return scatter_add(in[0], in[1], axis, target); },
            [=](const std::vector<Array>& in) {
              return reference::scatter_add(in[0], in[1], axis, target);
            })
        .numbers();
  };
  row("rows", {{4, 3}}, 0, 6);
  row("columns", {{2, 5}}, -1, 3);
  row("middle", {{2, 4, 2}}, 1, 5);
  row("vector", {{5}}, 0, 4);
  row("reversed strides", {{4, 3}, Range::Signed, Layout::Reversed}, 0, 5);
  row("inner part", {{4, 3}, Range::Signed, Layout::Inner}, 1, 5);
  row("stride 0", {{4, 3}, Range::Signed, Layout::Repeated}, 0, 5);
  row("no places", {{4, 3}}, 0, 0);
  row("nothing else", {{4, 0}}, 0, 2);
  cases
      .add(
          "gather", "index strided", {{{4, 3}}, {{5}, Range::Place, Layout::Inner, 4}},
          [](const Operands& in) { return gather(in[0], in[1], 0); },
          [](const std::vector<Array>& in) { return reference::gather(in[0], in[1], 0); })
      .numbers();
  for (const Shape& shape : {Shape{5}, Shape{2, 3}, Shape{}, Shape{0}}) {
    cases
        .add(
            "one_hot", "index " + to_string(shape), {{shape, Range::Place, Layout::Contiguous, 4}},
            [](const Operands& in) { return one_hot(in[0], 4, in.dtype); },
            [](const std::vector<Array>& in) { return reference::one_hot(in[0], 4); })
        .constant();
  }
  const auto places = [](std::vector<int32_t> values) {
    return Tensor::from(values, {static_cast<int64_t>(values.size())});
  };
  cases.misuse("gather", "index beyond", {"[0, 4)", "4"}, [=] {
    gather(ones({4, 3}), places({0, 4}), 0);
  });
  cases.misuse("gather", "negative index", {"[0, 4)", "-1"}, [=] {
    gather(ones({4, 3}), places({-1}), 0);
  });
  cases.misuse("gather", "index of two axes", {"[2, 1]"}, [=] {
    gather(ones({4, 3}), reshape(places({0, 1}), {2, 1}), 0);
  });
  cases.misuse(
      "gather", "float index", {"f64", "[2]"},
      [] {
        gather(ones({4, 3}), ones({2}), 0);
      },
      Refusal::DType);
  cases.misuse("gather", "no such axis", {"[-2, 2)", "2"}, [=] {
    gather(ones({4, 3}), places({0}), 2);
  });
  cases.misuse("scatter_add", "index beyond", {"[0, 2)", "2"}, [=] {
    scatter_add(ones({3}), places({0, 1, 2}), 0, 2);
  });
  cases.misuse("scatter_add", "index length", {"[3, 2]", "[2]"}, [=] {
    scatter_add(ones({3, 2}), places({0, 1}), 0, 4);
  });
  cases.misuse(
      "scatter_add", "float index", {"f64", "[3]"}, [] { scatter_add(ones({3}), ones({3}), 0, 4); },
      Refusal::DType);
  cases.misuse("one_hot", "beyond", {"[0, 3)", "3"}, [=] { one_hot(places({3}), 3, DType::f32); });
  cases.misuse(
      "one_hot", "float index", {"f64", "[2]"}, [] { one_hot(ones({2}), 3, DType::f32); },
      Refusal::DType);
  cases.misuse(
      "one_hot", "i32 result", {"i32"}, [=] { one_hot(places({0}), 3, DType::i32); },
      Refusal::DType);
  cases.misuse("one_hot", "classes", {"-1"}, [=] { one_hot(places({}), -1, DType::f32); });
}

}  // namespace

void add_movement_cases(OpCases& cases) {
  add_reshapes(cases);
  add_orders(cases);
  add_broadcasts(cases);
  add_slices(cases);
  add_joins(cases);
  add_places(cases);
}

}  // namespace engine::test
