#include "vsml/kernels/cpu/layer_ticks.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

#include "engine/parallel.h"
#include "vsml/kernels/cpu/tile.h"
#include "vsml/kernels/message_norm.h"

namespace vsml::kernels::cpu {
namespace {

using engine::DType;
using engine::Tensor;

// How a layer is cut. A tile has work for some 50 microseconds; its columns' share of the gates
// fits in the second cache level; and there are so few rows of tiles that their partial sums are
// small beside the state.
struct Plan {
  static constexpr int64_t kCells = 1024, kMostColumns = 256, kMostRowTiles = 64;

  int64_t layers, inputs, outputs, state;
  int64_t message_size, directions;  // of normalised messages; 0: none
  int64_t alike;                     // layers that begin with one state
  int64_t rows, columns;             // of a tile
  int64_t row_tiles, column_tiles;   // of a layer

  explicit Plan(const LayerTicks& layer)
      : layers(layer.from_input.dim(0)),
        inputs(layer.h.dim(1)),
        outputs(layer.h.dim(2)),
        state(layer.h.dim(3)),
        message_size(layer.message_size),
        directions(layer.directions()),
        alike(layers / layer.h.dim(0)) {
    column_tiles = up(outputs, kMostColumns);
    columns = up(outputs, column_tiles);
    row_tiles = std::min(up(inputs, up(kCells, columns)), kMostRowTiles);
    rows = up(inputs, row_tiles);
    row_tiles = up(inputs, rows);
    column_tiles = up(outputs, columns);
  }
  int64_t tiles() const { return row_tiles * column_tiles; }
  int64_t summed() const { return message_size > 0 ? message_size : state; }  // of each cell
  engine::Shape states() const { return {layers, inputs, outputs, state}; }

 private:
  static int64_t up(int64_t a, int64_t b) { return (a + b - 1) / b; }
};

// One tile's place.
struct Place {
  int64_t layer, row_tile, column_tile, first_row, first_column;
  int64_t begin_offset;  // of its first cell's state before the ticks
  int64_t state_offset;  // of the same after them

  Place(const Plan& plan, int64_t task)
      : layer(task / plan.tiles()),
        row_tile(task % plan.tiles() / plan.column_tiles),
        column_tile(task % plan.column_tiles),
        first_row(row_tile * plan.rows),
        first_column(column_tile * plan.columns),
        begin_offset(offset(plan, layer / plan.alike)),
        state_offset(offset(plan, layer)) {}

 private:
  int64_t offset(const Plan& plan, int64_t of_layer) const {
    return ((of_layer * plan.inputs + first_row) * plan.outputs + first_column) * plan.state;
  }
};

// Memory of the calling thread, kept from call to call.
float* scratch_of_thread(int64_t floats) {
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  thread_local std::unique_ptr<float, Free> kept;
  thread_local int64_t size = 0;
  if (size < floats) {
    const size_t bytes = (static_cast<size_t>(floats) * sizeof(float) + 63) / 64 * 64;
    kept.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
    if (kept == nullptr) throw std::bad_alloc();
    size = floats;
  }
  return kept.get();
}

Tile tile_of(const LayerTicks& layer, const Plan& plan, const Place& place,
             int64_t (*scratch_floats)(const Tile&)) {
  const int64_t gates = 4 * plan.state;
  Tile tile;
  tile.rows = std::min(plan.rows, plan.inputs - place.first_row);
  tile.columns = std::min(plan.columns, plan.outputs - place.first_column);
  tile.row_step = plan.outputs * plan.state;
  tile.micro_ticks = layer.micro_ticks;
  tile.from_input =
      layer.from_input.data<float>() + (place.layer * plan.inputs + place.first_row) * gates;
  tile.from_output =
      layer.from_output.data<float>() + (place.layer * plan.outputs + place.first_column) * gates;
  // Those of this layer's member, of `numbers` numbers.
  const auto parameters = [&](const Tensor& x, int64_t numbers) {
    const int64_t sharing = x.rank() == 3 ? plan.layers / x.dim(0) : plan.layers;
    return x.data<float>() + place.layer / sharing * numbers;
  };
  tile.w_hidden = parameters(layer.w_hidden, plan.state * gates);
  tile.message_size = plan.message_size;
  tile.directions = plan.directions;
  if (plan.message_size > 0) {
    tile.messengers = parameters(layer.messengers,
                                 messenger_numbers(plan.state, plan.directions, plan.message_size));
  }
  tile.scratch = scratch_of_thread(scratch_floats(tile));
  return tile;
}

// parts [n, count, size] -> [n, size]: sums in order of the parts.
Tensor summed(const Tensor& parts) {
  const int64_t n = parts.dim(0), count = parts.dim(1), size = parts.dim(2);
  if (count == 1) return parts.with_layout({n, size}, engine::Strides{size, 1});
  constexpr int64_t kBlock = 4096;
  Tensor sums = Tensor::empty({n, size}, DType::f32, parts.device());
  const int64_t blocks = (size + kBlock - 1) / kBlock;
  const float* from = parts.data<float>();
  float* to = sums.data<float>();
  engine::parallel_for(n * blocks, [&](int64_t task) {
    const int64_t k = task / blocks, first = task % blocks * kBlock;
    const int64_t last = std::min(size, first + kBlock);
    std::copy(from + k * count * size + first, from + k * count * size + last,
              to + k * size + first);
    for (int64_t part = 1; part < count; ++part) {
      const float* more = from + (k * count + part) * size;
      for (int64_t i = first; i < last; ++i) to[k * size + i] += more[i];
    }
  });
  return sums;
}

Tensor reshaped(const Tensor& x, const engine::Shape& shape) {
  return x.with_layout(shape, engine::contiguous_strides(shape));
}

template <class Hidden, class Memory>
const TilePasses<Hidden, Memory>& passes_of(const TileKernels& kernels) {
  if constexpr (std::is_same_v<Hidden, float>) {
    return kernels.single;
  } else if constexpr (std::is_same_v<Memory, float>) {
    return kernels.half_h;
  } else {
    return kernels.half;
  }
}

template <class Hidden, class Memory>
LayerTicksResult run_typed(const LayerTicks& layer, bool want_over_outputs, bool in_place) {
  const Plan plan(layer);
  const TileKernels kernels = tile_kernels(plan.state);
  const engine::Device device = layer.h.device();
  LayerTicksResult result;
  result.h = in_place ? layer.h : Tensor::empty(plan.states(), layer.h.dtype(), device);
  result.c = in_place ? layer.c : Tensor::empty(plan.states(), layer.c.dtype(), device);
  const int64_t n = plan.layers, size = plan.summed();
  Tensor over_rows = Tensor::empty({n, plan.row_tiles, plan.outputs * size}, DType::f32, device);
  Tensor over_columns;
  if (want_over_outputs) {
    over_columns = Tensor::empty({n, plan.column_tiles, plan.inputs * size}, DType::f32, device);
  }
  Hidden* next_h = result.h.data<Hidden>();
  Memory* next_c = result.c.data<Memory>();
  float* rows = over_rows.data<float>();
  float* columns = want_over_outputs ? over_columns.data<float>() : nullptr;
  const Hidden* h = layer.h.data<Hidden>();
  const Memory* c = layer.c.data<Memory>();
  engine::parallel_for(n * plan.tiles(), [&](int64_t task) {
    const Place place(plan, task);
    ForwardTile<Hidden, Memory> work;
    work.tile = tile_of(layer, plan, place, kernels.forward_floats);
    work.h = h + place.begin_offset;
    work.c = c + place.begin_offset;
    work.next_h = next_h + place.state_offset;
    work.next_c = next_c + place.state_offset;
    work.over_rows = rows + ((place.layer * plan.row_tiles + place.row_tile) * plan.outputs +
                             place.first_column) *
                                size;
    if (columns != nullptr) {
      work.over_columns =
          columns +
          ((place.layer * plan.column_tiles + place.column_tile) * plan.inputs + place.first_row) *
              size;
    }
    passes_of<Hidden, Memory>(kernels).forward(work);
  });
  result.over_inputs = reshaped(summed(over_rows), {n, plan.outputs, size});
  if (want_over_outputs) {
    result.over_outputs = reshaped(summed(over_columns), {n, plan.inputs, size});
  }
  return result;
}

template <class Hidden, class Memory>
LayerTicksGradients gradients_typed(const LayerTicks& layer, const LayerTicksResult& dresult) {
  const Plan plan(layer);
  const TileKernels kernels = tile_kernels(plan.state);
  const engine::Device device = layer.h.device();
  const int64_t n = plan.layers, size = plan.state, gates = 4 * size, sum = plan.summed();
  LayerTicksGradients result;
  result.h = Tensor::empty(plan.states(), DType::f32, device);
  result.c = Tensor::empty(plan.states(), DType::f32, device);
  Tensor over_rows = Tensor::empty({n, plan.row_tiles, plan.outputs * gates}, DType::f32, device);
  Tensor over_columns =
      Tensor::empty({n, plan.column_tiles, plan.inputs * gates}, DType::f32, device);
  Tensor over_cells = Tensor::empty({n, plan.tiles(), size * gates}, DType::f32, device);
  const int64_t messengers = messenger_numbers(size, plan.directions, plan.message_size);
  Tensor of_messages;
  if (plan.message_size > 0) {
    of_messages = Tensor::empty({n, plan.tiles(), messengers}, DType::f32, device);
  }
  const auto from = [](const Tensor& x) { return x.defined() ? x.data<float>() : nullptr; };
  const float *dh = from(dresult.h), *dc = from(dresult.c);
  const float *dinputs = from(dresult.over_inputs), *doutputs = from(dresult.over_outputs);
  float *to_h = result.h.data<float>(), *to_c = result.c.data<float>();
  float *rows = over_rows.data<float>(), *columns = over_columns.data<float>();
  float* cells = over_cells.data<float>();
  float* messages = of_messages.defined() ? of_messages.data<float>() : nullptr;
  const Hidden* h = layer.h.data<Hidden>();
  const Memory* c = layer.c.data<Memory>();
  engine::parallel_for(n * plan.tiles(), [&](int64_t task) {
    const Place place(plan, task);
    const auto at = [](const float* p, int64_t offset) { return p == nullptr ? p : p + offset; };
    const int64_t row = place.layer * plan.inputs + place.first_row;
    const int64_t column = place.layer * plan.outputs + place.first_column;
    BackwardTile<Hidden, Memory> work;
    work.tile = tile_of(layer, plan, place, kernels.backward_floats);
    work.h = h + place.begin_offset;
    work.c = c + place.begin_offset;
    work.dnext_h = at(dh, place.state_offset);
    work.dnext_c = at(dc, place.state_offset);
    work.dover_rows = at(dinputs, column * sum);
    work.dover_columns = at(doutputs, row * sum);
    work.dh = to_h + place.state_offset;
    work.dc = to_c + place.state_offset;
    work.dfrom_output = rows + ((place.layer * plan.row_tiles + place.row_tile) * plan.outputs +
                                place.first_column) *
                                   gates;
    work.dfrom_input =
        columns +
        ((place.layer * plan.column_tiles + place.column_tile) * plan.inputs + place.first_row) *
            gates;
    work.dw_hidden = cells + task * size * gates;
    if (messages != nullptr) work.dmessengers = messages + task * messengers;
    passes_of<Hidden, Memory>(kernels).backward(work);
  });
  result.from_output = reshaped(summed(over_rows), {n, plan.outputs, gates});
  result.from_input = reshaped(summed(over_columns), {n, plan.inputs, gates});
  if (plan.alike > 1) {
    for (Tensor* d : {&result.h, &result.c}) {
      const Tensor of_states =
          reshaped(*d, {n / plan.alike, plan.alike, plan.inputs * plan.outputs * plan.state});
      *d = reshaped(summed(of_states), layer.h.shape());
    }
  }
  // parts [n, tiles, numbers], summed for each set of parameters.
  const auto of_sets = [&](const Tensor& parts, const Tensor& parameters) {
    const int64_t sets = parameters.rank() == 3 ? parameters.dim(0) : 1;
    return reshaped(summed(reshaped(parts, {sets, n / sets * plan.tiles(), parts.dim(2)})),
                    parameters.shape());
  };
  result.w_hidden = of_sets(over_cells, layer.w_hidden);
  if (of_messages.defined()) result.messengers = of_sets(of_messages, layer.messengers);
  return result;
}

}  // namespace

LayerTicksResult run_layer_ticks(const LayerTicks& layer, bool want_over_outputs, bool in_place) {
  return with_state_types(layer, [&](auto h, auto c) {
    return run_typed<decltype(h), decltype(c)>(layer, want_over_outputs, in_place);
  });
}

LayerTicksGradients layer_ticks_gradients(const LayerTicks& layer,
                                          const LayerTicksResult& dresult) {
  return with_state_types(layer, [&](auto h, auto c) {
    return gradients_typed<decltype(h), decltype(c)>(layer, dresult);
  });
}

}  // namespace vsml::kernels::cpu
