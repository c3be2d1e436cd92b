// engine/tape.h: reverse-mode differentiation.
//
// A Tape records the ops of its thread for as long as it is in scope, in order. It is an
// append-only list, replayed backwards in a plain loop, so a graph may be as deep as memory allows.
// The tape owns what backward rules need; tensors know nothing of tapes. Gradients are returned,
// never stored in tensors.
//
//   Tape tape;
//   tape.watch(w);
//   Tensor loss = mean(square(matmul(x, w)));
//   Tensor dw = tape.gradient(loss, {w})[0];
//
// Tapes nest: backward rules are made of ordinary ops, so a gradient that an inner tape computes is
// recorded by the tapes around it and can be differentiated again. A Tape belongs to the thread
// that made it and must be destroyed in reverse order of construction.
#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "engine/tensor.h"

namespace engine {

// What a backward rule fills: one slot per input of the op.
class InputGradients {
 public:
  explicit InputGradients(std::vector<bool> wanted);
  // True if the gradient of input i is asked for; a rule skips the work of others.
  bool wanted(int i) const { return wanted_[static_cast<size_t>(i)]; }
  void set(int i, Tensor gradient);

 private:
  friend class Tape;
  std::vector<bool> wanted_;
  std::vector<Tensor> gradients_;
};

// Computes the inputs' gradients from the outputs' (empty where an output was not used).
using BackwardRule = std::function<void(const std::vector<Tensor>& douts, InputGradients& grads)>;

enum class Differentiable { Repeatedly, Once };

class Tape {
 public:
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // Makes a tensor an independent variable of this tape. Watching twice is harmless.
  void watch(const Tensor& tensor);

  // Gradients of a scalar with respect to `inputs`, in their order; zeros for an input that the
  // loss does not depend on. May be called several times. Throws GradientError if loss is not a
  // single float element or an input was neither watched nor recorded.
  std::vector<Tensor> gradient(const Tensor& loss, const std::vector<Tensor>& inputs);

  // The vector-Jacobian product: gradients of sum_k <outputs[k], doutputs[k]>; an empty tensor for
  // an input that nothing reached. Outputs whose doutput is empty are left out. `initial`, if
  // given, holds one accumulator per input (or an empty tensor): contributions are added to it one
  // after another, exactly as if the ops that it came from had been recorded after this tape's.
  // Gradient checkpointing rests on this.
  std::vector<Tensor> gradient(const std::vector<Tensor>& outputs,
                               const std::vector<Tensor>& doutputs,
                               const std::vector<Tensor>& inputs,
                               const std::vector<Tensor>& initial = {});

  // Number of recorded ops, watched tensors included.
  int64_t size() const { return static_cast<int64_t>(nodes_.size()); }

  // For ops: true if some tape of this thread would record an op with these inputs.
  static bool recording(const std::vector<Tensor>& inputs);
  // For ops: appends to every tape of this thread that tracks one of the inputs. With
  // Differentiable::Once, a gradient taken through the rule itself throws GradientError naming
  // `op`. Libraries register ops of their own with this too.
  static void record(const char* op, const std::vector<Tensor>& inputs,
                     const std::vector<Tensor>& outputs, const BackwardRule& rule,
                     Differentiable times = Differentiable::Repeatedly);

 private:
  struct Node {
    const char* op;
    std::vector<int64_t> inputs;  // slots; -1 for a tensor that is not tracked
    int64_t first_output;         // its outputs' slots are consecutive
    int64_t num_outputs;
    BackwardRule rule;  // empty: a watched tensor
  };
  struct Slot {  // an op's output, for checking what backward rules return
    Shape shape;
    DType dtype;
  };

  bool tracks(const Tensor& tensor) const { return slot_of_.count(tensor.id()) != 0; }
  void append(const char* op, const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
              BackwardRule rule);
  std::vector<bool> reachable_from(const std::vector<int64_t>& slots) const;
  void run_rule(const Node& node, const std::vector<bool>& reachable,
                std::vector<Tensor>& gradients) const;

  std::vector<Node> nodes_;
  std::vector<Slot> slots_;
  std::unordered_map<uint64_t, int64_t> slot_of_;  // tensor id -> slot
  Tape* enclosing_;                                // the tape around this one
  bool paused_ = false;
};

// While in scope, nothing is recorded on this thread.
class NoRecord {
 public:
  NoRecord();
  ~NoRecord();
  NoRecord(const NoRecord&) = delete;
  NoRecord& operator=(const NoRecord&) = delete;

 private:
  Tape* saved_;
};

}  // namespace engine
