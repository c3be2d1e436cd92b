#include "engine/ops/conv.h"
#include "tests/op_cases.h"

namespace engine::test {
namespace {

struct Variant {
  const char* name;
  Shape image;
  int64_t kernel_y, kernel_x, stride;
  Padding padding;
  Layout layout = Layout::Contiguous;
};

const Variant kVariants[] = {
    {"same", {1, 4, 5, 2}, 3, 3, 1, Padding::Same},
    {"valid", {2, 4, 5, 1}, 3, 2, 1, Padding::Valid},
    {"same, even kernel", {1, 4, 3, 1}, 2, 2, 1, Padding::Same},
    {"same, stride 2", {2, 5, 4, 2}, 3, 3, 2, Padding::Same},
    {"valid, stride 2", {1, 5, 6, 2}, 2, 3, 2, Padding::Valid},
    {"stride beyond the kernel", {1, 7, 5, 1}, 2, 1, 3, Padding::Valid},
    {"same, stride beyond the kernel", {1, 7, 5, 1}, 1, 2, 3, Padding::Same},
    {"kernel larger than the image", {1, 2, 3, 1}, 5, 5, 1, Padding::Same},
    {"one pixel", {2, 1, 1, 3}, 1, 1, 1, Padding::Valid},
    {"whole image", {2, 3, 2, 2}, 3, 2, 1, Padding::Valid},
    {"reversed strides", {2, 4, 3, 2}, 2, 3, 1, Padding::Same, Layout::Reversed},
    {"inner part", {2, 4, 3, 2}, 3, 2, 2, Padding::Same, Layout::Inner},
    {"stride 0", {2, 3, 3, 2}, 2, 2, 1, Padding::Valid, Layout::Repeated},
    {"no images", {0, 4, 4, 2}, 3, 3, 1, Padding::Same},
    {"no channels", {1, 4, 4, 0}, 3, 3, 1, Padding::Same},
};

void add_variant(OpCases& cases, const Variant& v) {
  const bool same = v.padding == Padding::Same;
  const Operand image{v.image, Range::Signed, v.layout};
  cases.add(
      "unfold", v.name, {image},
      [v](const Operands& in) {
        return unfold(in[0], v.kernel_y, v.kernel_x, v.stride, v.padding);
      },
      [v, same](const std::vector<Array>& in) {
        return reference::unfold(in[0], v.kernel_y, v.kernel_x, v.stride, same);
      });
  const Shape patches =
      reference::unfold(zeros(v.image), v.kernel_y, v.kernel_x, v.stride, same).shape;
  const int64_t height = v.image[1], width = v.image[2];
  cases
      .add(
          "fold", v.name, {{patches, Range::Signed, v.layout}},
          [=](const Operands& in) { return fold(in[0], height, width, v.stride, v.padding); },
          [=](const std::vector<Array>& in) {
            return reference::fold(in[0], height, width, v.stride, same);
          })
      .f32(4e-6, "up to 9 patches of up to 2 overlap, added in f32");
  const Operand kernel{{v.kernel_y, v.kernel_x, v.image[3], 2}, Range::Signed, v.layout};
  cases
      .add(
          "conv2d", v.name, {image, kernel},
          [v](const Operands& in) { return conv2d(in[0], in[1], v.stride, v.padding); },
          [v, same](const std::vector<Array>& in) {
            return reference::conv2d(in[0], in[1], v.stride, same);
          })
      .f32(4e-6, "up to 18 products of up to 4 are added in f32");
}

}  // namespace

void add_conv_cases(OpCases& cases) {
  for (const Variant& variant : kVariants) add_variant(cases, variant);
  cases.misuse("unfold", "rank", {"[4, 4, 1]"}, [] {
    unfold(ones({4, 4, 1}), 3, 3, 1, Padding::Same);
  });
  cases.misuse("unfold", "stride", {"0"}, [] {
    unfold(ones({1, 4, 4, 1}), 3, 3, 0, Padding::Same);
  });
  cases.misuse("unfold", "kernel", {"0"}, [] {
    unfold(ones({1, 4, 4, 1}), 3, 0, 1, Padding::Same);
  });
  cases.misuse("unfold", "kernel beyond the image", {"5", "4"}, [] {
    unfold(ones({1, 4, 4, 1}), 3, 5, 1, Padding::Valid);
  });
  cases.misuse("fold", "rank", {"[1, 4, 4, 3, 3]"}, [] {
    fold(ones({1, 4, 4, 3, 3}), 4, 4, 1, Padding::Same);
  });
  cases.misuse("fold", "number of patches", {"4 x 5", "[1, 4, 4, 3, 3, 1]"}, [] {
    fold(ones({1, 4, 4, 3, 3, 1}), 4, 5, 1, Padding::Same);
  });
  cases.misuse("conv2d", "channels", {"[1, 4, 4, 2]", "[3, 3, 3, 1]"}, [] {
    conv2d(ones({1, 4, 4, 2}), ones({3, 3, 3, 1}));
  });
  cases.misuse("conv2d", "kernel rank", {"[1, 4, 4, 2]", "[3, 3, 2]"}, [] {
    conv2d(ones({1, 4, 4, 2}), ones({3, 3, 2}));
  });
}

}  // namespace engine::test
