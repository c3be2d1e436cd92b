// tests/stand_in: a device "cuda:0" that needs no GPU, for tests of everything above the backends.
//
// A test program that links these files instead of engine/cuda and the launches of
// vsml/kernels/cuda has a device that is not the CPU: its memory faults when the host touches it,
// and is full of NaN until it is written; kernels are the CPU's, the fused ticks are those of the
// GPU, block by block; work can be recorded. VSML_STAND_IN_BYTES in the environment is the size of
// its memory.
#pragma once

#include <cstdint>
#include <functional>

namespace engine::test {

// Where the host may read and write what has this address on the device; null for null.
void* on_host(const void* device);
template <class T>
T* on_host(T* device) {
  return static_cast<T*>(on_host(static_cast<const void*>(device)));
}

// Runs `kernel`, or notes it where the calling thread records.
void ask_for(const std::function<void()>& kernel);

// What tests may want to know: kernels that ran one by one, and those that ran in replays.
struct StandInWork {
  int64_t alone = 0, replayed = 0;
};
StandInWork stand_in_work();

}  // namespace engine::test
