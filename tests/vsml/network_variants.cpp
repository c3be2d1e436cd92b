#include "tests/vsml/network_variants.h"

#include "tests/vsml/vsml_checks.h"

namespace vsml::test {

NetworkOptions small_network() {
  NetworkOptions options;
  options.cell = {2, 2};
  options.micro_ticks = 1;
  options.layers = {{LayerType::Dense, 2, {}}, {LayerType::Dense, 0, {}}};
  return options;
}

std::vector<NetworkVariant> network_variants() {
  std::vector<NetworkVariant> variants;
  const auto add = [&](const std::string& name, auto change) {
    NetworkOptions options = small_network();
    change(options);
    variants.push_back({name, options});
  };
  add("plain", [](NetworkOptions&) {});
  add("one layer", [](NetworkOptions& o) { o.layers = {LayerOptions{}}; });
  add("three layers", [](NetworkOptions& o) {
    o.layers = {{LayerType::Dense, 2, {}}, {LayerType::Dense, 3, {}}, LayerOptions{}};
  });
  add("micro ticks", [](NetworkOptions& o) { o.micro_ticks = 3; });
  add("input energy", [](NetworkOptions& o) { o.input_energy = 7; });
  add("sum", [](NetworkOptions& o) { o.reduce = Reduce::Sum; });
  add("output channel", [](NetworkOptions& o) { o.output_channel = 0; });
  add("no bound", [](NetworkOptions& o) { o.output_bound = 0; });
  add("tight bound", [](NetworkOptions& o) { o.output_bound = 0.5; });
  add("label", [](NetworkOptions& o) { o.feed_label = true; });
  add("backward pass", [](NetworkOptions& o) { o.backward_pass = true; });
  add("backward cell",
      [](NetworkOptions& o) { o.backward_pass = o.separate_backward_cell = true; });
  add("cleared", [](NetworkOptions& o) { o.backward_pass = o.clear_reverse = true; });
  add("own cells", [](NetworkOptions& o) { o.cell_per_layer = true; });
  add("own backward cells", [](NetworkOptions& o) {
    o.cell_per_layer = o.backward_pass = o.separate_backward_cell = true;
  });
  add("layer norm", [](NetworkOptions& o) {
    o.layer_norm = true;
    o.cell.message = 4;
  });
  add("constant below", [](NetworkOptions& o) { o.layers[0].constant_input = 0.7; });
  add("constants", [](NetworkOptions& o) {
    o.layers[0].constant_input = -1.3;
    o.layers[1].constant_input = 0.4;
    o.backward_pass = true;
  });
  add("much", [](NetworkOptions& o) {
    o.cell = {3, 4};
    o.micro_ticks = 2;
    o.reduce = Reduce::Sum;
    o.feed_label = o.backward_pass = o.separate_backward_cell = o.layer_norm = true;
    o.layers[0].constant_input = 1;
    o.output_channel = 2;
    o.output_bound = 3;
  });
  return variants;
}

namespace {

LayerOptions conv(int64_t channels, std::array<int64_t, 2> kernel, int64_t stride = 1) {
  LayerOptions layer;
  layer.type = LayerType::Conv;
  layer.outputs = channels;
  layer.kernel_size = kernel;
  layer.stride = stride;
  return layer;
}

}  // namespace

std::vector<NetworkVariant> conv_variants() {
  std::vector<NetworkVariant> variants;
  const auto add = [&](const std::string& name, const ImageShape& image, auto change) {
    NetworkOptions options = small_network();
    options.layers = {conv(2, {3, 3}), LayerOptions{}};
    change(options);
    variants.push_back({name, options, {image.size(), 2, image}});
  };
  add("plain", {1, 3, 4}, [](NetworkOptions&) {});
  add("channels", {3, 2, 3}, [](NetworkOptions&) {});
  add("stride", {1, 4, 5}, [](NetworkOptions& o) { o.layers[0].stride = 2; });
  add("no padding", {1, 4, 3}, [](NetworkOptions& o) { o.layers[0].padding = {0, 0}; });
  add("much padding", {1, 2, 1}, [](NetworkOptions& o) { o.layers[0].padding = {1, 3}; });
  add("pixels that nobody sees", {1, 4, 6}, [](NetworkOptions& o) {
    o.layers = {conv(1, {1, 1}), conv(1, {2, 3}, 3), LayerOptions{}};
    o.layers[1].padding = {0, 0};
  });
  add("oblong kernels", {1, 3, 4}, [](NetworkOptions& o) {
    o.layers = {conv(2, {1, 3}), conv(1, {2, 1}, 2), LayerOptions{}};
  });
  add("two", {2, 4, 3}, [](NetworkOptions& o) {
    o.layers = {conv(2, {3, 3}), conv(2, {3, 3}, 2), LayerOptions{}};
    o.backward_pass = true;
  });
  add("authors", {1, 5, 4}, [](NetworkOptions& o) {
    o.layers = {conv(1, {3, 3}), conv(2, {3, 3}, 2), LayerOptions{}};
    o.layers[1].backward = ConvBackward::Authors;
    o.backward_pass = true;
  });
  add("dense above", {1, 2, 3}, [](NetworkOptions& o) {
    o.layers.insert(o.layers.begin() + 1, {LayerType::Dense, 2, 0.6});
    o.micro_ticks = 2;
  });
  add("sum", {1, 3, 3}, [](NetworkOptions& o) {
    o.layers = {conv(1, {1, 1}), conv(2, {3, 3}), LayerOptions{}};
    o.reduce = Reduce::Sum;
    o.micro_ticks = 2;
  });
  add("much", {2, 3, 4}, [](NetworkOptions& o) {
    o.cell = {3, 4};
    o.layers = {conv(2, {3, 3}, 2), conv(2, {3, 3}), LayerOptions{}};
    o.micro_ticks = 2;
    o.feed_label = o.backward_pass = o.layer_norm = true;
  });
  return variants;
}

NetworkState lively_state(const Network& network, int64_t members, int64_t batch, uint64_t salt) {
  NetworkState state;
  const CellDims cell = network.options().cell;
  for (int64_t k = 0; k < network.num_layers(); ++k) {
    const engine::Shape grid{members, batch, network.rows(k), network.columns(k), cell.state};
    const engine::Tensor h = values(grid, -0.9, 0.9, ++salt), c = values(grid, -1.5, 1.5, ++salt);
    state.layers.push_back(cast_state({h, c}, network.kept_in(engine::DType::f64)));
    state.reverse.push_back(
        values({members, batch, network.shape(k).outputs, cell.message}, -1, 1, ++salt));
  }
  return state;
}

}  // namespace vsml::test
