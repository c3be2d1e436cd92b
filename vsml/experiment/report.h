// vsml/experiment/report.h: runs side by side on one page.
#pragma once

#include <string>
#include <vector>

namespace vsml {

// An HTML page that needs nothing but itself: no script, no file, no network. It shows the runs in
// the folders (report_runs.h): which there are and what is wrong with them, the table of results,
// learning curves with their spread over seeds, confusion matrices, specs and environments. Texts
// of specs are escaped. The same folders give the same page. Throws IoError if a folder holds no
// run.
std::string report_html(const std::vector<std::string>& folders);

}  // namespace vsml
