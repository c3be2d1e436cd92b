// vsml/experiment/available_memory.h: how much memory a run can have here, and has.
#pragma once

#include <cstdint>

namespace vsml {

// Bytes of memory that new work with so many threads can have: the least of what the machine has
// available, what is left of the limits of the control groups that this process is in, and what is
// left of its address space (ulimit -v). A large number where nothing is known.
int64_t available_memory(int threads);

// Bytes of memory that this process has now; 0 where nothing is known.
int64_t resident_memory();

}  // namespace vsml
