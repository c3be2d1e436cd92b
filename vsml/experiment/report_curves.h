// vsml/experiment/report_curves.h: the panels of a report.
#pragma once

#include <vector>

#include "vsml/experiment/report_runs.h"
#include "vsml/experiment/svg.h"

namespace vsml {

constexpr size_t kMostCurves = 14;  // of a panel

// How runs learn within an episode: a panel per task, over the longest episodes there are. With one
// variant all its learners; with several the first learner of each and the other learners of the
// first, as many as fit. Each is a mean over seeds with a band of one standard deviation.
std::vector<Panel> episode_panels(const std::vector<ReportRun>& runs);

// How meta-training went: loss, accuracy and the meta-tests on the way, a curve per variant. A
// curve has at most 200 points, each the mean of what lies between.
std::vector<Panel> training_panels(const std::vector<ReportRun>& runs);

// The variants of the runs, in order.
std::vector<std::string> variants_of(const std::vector<ReportRun>& runs);

}  // namespace vsml
