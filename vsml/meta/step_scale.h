// vsml/meta/step_scale.h: how far, and which together, parameters move from where they started.
#pragma once

#include "engine/params.h"
#include "vsml/meta/meta_options.h"

namespace vsml {

// The scale of each parameter with step_scale initial, flat [n]: |start|, but no less than the
// floor of its view. Throws engine::Error if the layout lacks a view that
// options.step_scale_floors names.
engine::Tensor step_scale(const engine::ParamLayout& layout, const engine::Tensor& start,
                          const MetaOptions& options);

// x, flat [n], with tied entries brought together: those of one view, in a cell's w and bias also
// of one gate, whose initial values have the same magnitude above 0. Each becomes the mean of
// theirs, those of negative initial values counted with their sign turned; so values that start as
// v, v and -v stay equal but for the sign when their steps are tied.
engine::Tensor tied(const engine::ParamLayout& layout, const engine::Tensor& start,
                    const engine::Tensor& x);

}  // namespace vsml
