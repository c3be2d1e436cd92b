// engine/parallel.h: the one way to use several threads (oneTBB, in engine/cpu/parallel.cpp).
#pragma once

#include <cstdint>
#include <functional>

namespace engine {

// Number of threads that parallel_for may use; the machine's cores until set. Throws Error below 1
// or above 1024. Not to be called while work is in progress.
void set_num_threads(int threads);
int num_threads();

// Runs body(0) .. body(count - 1), each once, in any order and on any thread; returns when all are
// done. What is run must depend on count alone, never on the number of threads. Calls nest: a
// thread that waits takes only parts of the loop it waits for. Nothing is recorded on tapes of the
// calling thread. The first exception thrown by a body is rethrown here.
void parallel_for(int64_t count, const std::function<void(int64_t)>& body);

}  // namespace engine
