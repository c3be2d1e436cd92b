// vsml/experiment/plot.h: the curves of a run of experiment compare (compare.h) or introspect
// (vsml/meta/introspect.h) as a picture.
#pragma once

#include <string>

namespace vsml {

// SVG text with a row of panels per task: accuracy and loss of every learner, averaged over
// episodes and over windows of a fortieth of an episode, and the distance of the weights from those
// of sgd, layer by layer, averaged over episodes; of introspect the probabilities in windows. Shows
// the episodes that are done. Throws IoError if the folder holds no such run, or a table in it is
// malformed.
std::string plot_run(const std::string& run_directory);

}  // namespace vsml
