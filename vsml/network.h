// vsml/network.h: layers of cells, the order in which they tick, and the read-out.
//
// One example: the input enters as channel 0 of the first layer's forward message; the layers tick
// in order, each on the reverse message that the layer above left with the example before; the
// prediction is read from the last forward message; the error at the prediction is fed back as the
// last layer's reverse message, with the next example or, with backward_pass, at once in a pass
// over the layers in reverse order. Nothing else happens: learning is what the cells do with that.
#pragma once

#include <vector>

#include "engine/params.h"
#include "engine/rng.h"
#include "vsml/layer.h"
#include "vsml/layer_shape.h"
#include "vsml/network_options.h"
#include "vsml/weight_code.h"

namespace vsml {

// What a network has learned so far.
struct NetworkState {
  std::vector<CellState> layers;
  // Reverse message waiting at each layer's outputs, [P, B, O, R]; at a convolution's [P, B, Q O,
  // R].
  std::vector<engine::Tensor> reverse;
};

struct NetworkStep {
  NetworkState state;
  engine::Tensor prediction;  // [P, B, C], made before the label was used
};

class Network {
 public:
  // Throws Error if the options contradict each other or the task.
  Network(const NetworkOptions& options, const TaskDims& task);
  Network(const NetworkOptions& options, int64_t inputs, int64_t classes)
      : Network(options, TaskDims{inputs, classes}) {}

  const NetworkOptions& options() const { return options_; }
  const TaskDims& task() const { return task_; }
  int64_t inputs() const { return task_.inputs; }
  int64_t classes() const { return task_.classes; }
  int64_t num_layers() const { return static_cast<int64_t>(options_.layers.size()); }
  const LayerShape& shape(int64_t layer) const { return shapes_.at(static_cast<size_t>(layer)); }
  // Rows and columns of cells of a layer.
  int64_t rows(int64_t layer) const { return shape(layer).rows; }
  int64_t columns(int64_t layer) const { return shape(layer).columns; }
  bool has_constant(int64_t layer) const;
  // Cells of the whole network.
  int64_t num_cells() const;

  // The types of h and c in a network that computes in `computed`.
  StateTypes kept_in(engine::DType computed) const;

  // The learning algorithm's parameters; the same for every number of inputs and classes.
  const engine::ParamLayout& layout() const { return layout_; }

  // State of members.size() learners that have seen nothing: h = 0; the first
  // floor(random_state_fraction H) channels of c truncated normal with deviation 1 / sqrt(rows of
  // cells), drawn from the member's key, equal over the batch; the rest 0. With encoded_weights
  // initial_weights() are added in their code. Element type and device are those of the parameters;
  // h and c are of the type of kept_in().
  NetworkState initial_state(const engine::ParamSet& params,
                             const std::vector<engine::RngKey>& members, int64_t batch) const;

  // The weights that encoded_weights begin with, per layer [P, I, O]: truncated normal (cut at two
  // deviations) with deviation 1 / sqrt(I) before cutting; 0 from the constant input, as biases
  // are. A function of the member's key.
  std::vector<engine::Tensor> initial_weights(const std::vector<engine::RngKey>& members,
                                              engine::DType dtype,
                                              engine::Device device = {}) const;
  // New cells that stand for these weights, per layer [P, I, O]. Needs encoded_weights.
  NetworkState state_of_weights(const engine::ParamSet& params,
                                const std::vector<engine::Tensor>& weights, int64_t batch) const;
  // How the cells of a layer hold their weights. Needs encoded_weights.
  WeightCode code_of(const engine::ParamSet& params, int64_t layer) const;

  // Sees one example per batch entry.
  //   input [P, B, D], label [P, B, C] (one-hot)
  // Throws ShapeError if they do not fit the network or the state.
  NetworkStep step(const engine::ParamSet& params, NetworkState state, const engine::Tensor& input,
                   const engine::Tensor& label) const;

 private:
  struct Pass;
  engine::Tensor forward_pass(Pass& pass) const;
  void reverse_pass(Pass& pass) const;
  void tick_layer(Pass& pass, int64_t layer, bool backward) const;
  engine::Tensor with_constant(const engine::Tensor& forward, int64_t layer) const;
  engine::Tensor first_message(const engine::Tensor& input) const;

  NetworkOptions options_;
  TaskDims task_;
  std::vector<LayerShape> shapes_;
  engine::ParamLayout layout_;
};

// With more than one example in a batch the learners of the batch share half of what they know: the
// first half of the channels of h and of c is averaged over B. In bf16 it is averaged in f32.
CellState merged_over_batch(const CellState& state);

}  // namespace vsml
