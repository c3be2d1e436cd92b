#include "engine/parallel.h"

#include <fmt/format.h>
#include <memory>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <thread>

#include "engine/error.h"
#include "engine/tape.h"

namespace engine {
namespace {

struct Arena {
  explicit Arena(int count)
      : threads(count),
        control(tbb::global_control::max_allowed_parallelism, static_cast<size_t>(count)),
        arena(count) {}
  int threads;
  tbb::global_control control;  // allows more threads than cores when asked to
  tbb::task_arena arena;
};

std::unique_ptr<Arena>& current() {
  static std::unique_ptr<Arena> arena =
      std::make_unique<Arena>(std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  return arena;
}

}  // namespace

void set_num_threads(int threads) {
  if (threads < 1 || threads > 1024) {
    throw Error(fmt::format("threads: expected 1 to 1024, got {}", threads));
  }
  current().reset();
  current() = std::make_unique<Arena>(threads);
}

int num_threads() {
  return current()->threads;
}

void parallel_for(int64_t count, const std::function<void(int64_t)>& body) {
  if (count <= 0) return;
  const auto run = [&body](int64_t k) {
    const NoRecord fresh;  // a worker may have been waiting inside somebody else's tape
    body(k);
  };
  if (count == 1 || num_threads() == 1) {
    for (int64_t k = 0; k < count; ++k) run(k);
    return;
  }
  current()->arena.execute([&] {
    tbb::this_task_arena::isolate(
        [&] { tbb::parallel_for(int64_t{0}, count, run, tbb::simple_partitioner()); });
  });
}

}  // namespace engine
