// engine/params.h: a model's parameters as one flat tensor with named views.
//
// Everything that treats parameters alike (optimisers, evolution strategies' noise, clipping,
// files) works on the flat tensor; a model asks for its parts by name. A view is made of ops, so
// gradients flow from the parts to the flat tensor.
#pragma once

#include <string>
#include <vector>

#include "engine/tensor.h"

namespace engine {

// Names, shapes and places of a model's parameters. A plain value.
class ParamLayout {
 public:
  struct Entry {
    std::string name;
    Shape shape;
    int64_t offset;  // in elements of the flat tensor
  };

  // Appends a parameter. Throws Error if the name is taken.
  void add(const std::string& name, const Shape& shape);
  // Throws Error naming the parameter if it is not there.
  const Entry& at(const std::string& name) const;
  bool contains(const std::string& name) const;

  const std::vector<Entry>& entries() const { return entries_; }
  int64_t size() const { return size_; }  // elements of the flat tensor

 private:
  std::vector<Entry> entries_;
  int64_t size_ = 0;
};

// A flat tensor read through a layout. flat is [n], or [P, n] with one set per population member; a
// part then has shape [P, ...]. A plain value; copies share the flat tensor.
class ParamSet {
 public:
  ParamSet() = default;
  // Throws ShapeError if flat's last axis is not layout.size() or its rank is not 1 or 2.
  ParamSet(ParamLayout layout, Tensor flat);
  // The same set, to be differentiated by each part rather than by the flat tensor: a part's
  // gradient then is not padded to the size of all. `parts` are in the order of the layout.
  ParamSet(ParamLayout layout, Tensor flat, std::vector<Tensor> parts);

  const ParamLayout& layout() const { return layout_; }
  const Tensor& flat() const { return flat_; }
  bool per_member() const { return flat_.rank() == 2; }
  // The named part; a differentiable view of flat(), unless parts were given. Throws Error if it is
  // not there.
  Tensor operator[](const std::string& name) const;
  // All of them, in the order of the layout.
  std::vector<Tensor> parts() const;

 private:
  ParamLayout layout_;
  Tensor flat_;
  std::vector<Tensor> parts_;  // empty: views of flat_
};

}  // namespace engine
