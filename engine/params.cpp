#include "engine/params.h"

#include <fmt/format.h>

#include "engine/error.h"
#include "engine/ops/movement.h"

namespace engine {

void ParamLayout::add(const std::string& name, const Shape& shape) {
  if (contains(name)) throw Error(fmt::format("parameters: \"{}\" is there already", name));
  entries_.push_back({name, shape, size_});
  size_ += shape.size();
}

bool ParamLayout::contains(const std::string& name) const {
  for (const Entry& entry : entries_) {
    if (entry.name == name) return true;
  }
  return false;
}

const ParamLayout::Entry& ParamLayout::at(const std::string& name) const {
  for (const Entry& entry : entries_) {
    if (entry.name == name) return entry;
  }
  throw Error(fmt::format("parameters: expected a parameter \"{}\", found none", printable(name)));
}

ParamSet::ParamSet(ParamLayout layout, Tensor flat)
    : layout_(std::move(layout)), flat_(std::move(flat)) {
  if (flat_.rank() < 1 || flat_.rank() > 2 || flat_.dim(-1) != layout_.size()) {
    throw ShapeError(fmt::format("parameters: expected a flat tensor [{0}] or [P, {0}], got {1}",
                                 layout_.size(), to_string(flat_.shape())));
  }
}

ParamSet::ParamSet(ParamLayout layout, Tensor flat, std::vector<Tensor> parts)
    : ParamSet(std::move(layout), std::move(flat)) {
  parts_ = std::move(parts);
  if (parts_.size() == layout_.entries().size()) return;
  throw ShapeError(fmt::format("parameters: expected {} parts, got {}", layout_.entries().size(),
                               parts_.size()));
}

std::vector<Tensor> ParamSet::parts() const {
  std::vector<Tensor> parts;
  for (const ParamLayout::Entry& entry : layout_.entries()) parts.push_back((*this)[entry.name]);
  return parts;
}

Tensor ParamSet::operator[](const std::string& name) const {
  const ParamLayout::Entry& entry = layout_.at(name);
  if (!parts_.empty()) return parts_[static_cast<size_t>(&entry - layout_.entries().data())];
  const Tensor part = slice(flat_, -1, entry.offset, entry.offset + entry.shape.size());
  return reshape(part, per_member() ? Shape{flat_.dim(0)} + entry.shape : entry.shape);
}

}  // namespace engine
