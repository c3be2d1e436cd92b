// The launches of vsml/kernels/cuda/ticks.cu, block by block on the host.
#include <limits>
#include <memory>

#include "engine/backend.h"
#include "engine/parallel.h"
#include "tests/stand_in/stand_in.h"
#include "vsml/kernels/cuda/launch.h"

namespace vsml::kernels::cuda {
namespace {

using engine::kernels::HostBlock;
using engine::test::on_host;

std::unique_ptr<Four[]> shared_memory(int floats) {
  std::unique_ptr<Four[]> fours(new Four[static_cast<size_t>(floats / 4 + 1)]);
  for (int k = 0; k < floats; ++k) fours[0].at[k] = std::numeric_limits<float>::quiet_NaN();
  return fours;
}

template <class T>
void to_host(T*& x) {
  x = const_cast<T*>(on_host(x));
}

template <class Inputs>
Inputs here(Inputs in) {
  for (const float** x : {&in.from_input, &in.from_output, &in.w_hidden, &in.messengers})
    to_host(*x);
  to_host(in.h);
  to_host(in.c);
  return in;
}

}  // namespace

bool can_launch(int device, int64_t state_size) {
  return engine::cuda_backend(device) != nullptr && forward_plan(1, 1, 1, state_size).tiles > 0;
}

int64_t most_messages(int device, int64_t state_size) {
  return can_launch(device, state_size) ? kMostMessages : 0;
}

template <class Hidden, class Memory>
void launch_forward(int, int64_t state_size, const ForwardWork<Hidden, Memory>& asked) {
  ForwardWork<Hidden, Memory> work = asked;
  work.in = here(asked.in);
  to_host(work.next_h);
  to_host(work.next_c);
  to_host(work.over_rows);
  to_host(work.over_columns);
  engine::test::ask_for([work, state_size] {
    with_state_size(state_size, [&](auto size) {
      constexpr int H = decltype(size)::value;
      engine::parallel_for(work.in.plan.tiles, [&](int64_t tile) {
        const auto shared = shared_memory(forward_floats<H>(work.in));
        if (work.in.message_size > 0) {
          forward_tile<H, true>(HostBlock{tile}, work, shared[0].at);
        } else {
          forward_tile<H, false>(HostBlock{tile}, work, shared[0].at);
        }
      });
    });
  });
}

template <class Hidden, class Memory>
void launch_backward(int device, int64_t state_size, const BackwardWork<Hidden, Memory>& asked) {
  BackwardWork<Hidden, Memory> work = asked;
  work.in = here(asked.in);
  for (const float** x : {&work.dnext_h, &work.dnext_c, &work.dover_inputs, &work.dover_outputs}) {
    *x = on_host(*x);
  }
  for (float** x : {&work.dh, &work.dc, &work.dfrom_output, &work.dfrom_input, &work.dw_hidden,
                    &work.dmessengers}) {
    *x = on_host(*x);
  }
  const int64_t blocks = backward_blocks(work.in.plan);
  const int64_t floats = history_floats(state_size, work.in.micro_ticks);
  const int64_t bytes = blocks * floats * int64_t{sizeof(float)};
  engine::Backend& backend = *engine::cuda_backend(device);
  void* const memory = backend.allocate(bytes);
  auto* const history = static_cast<float*>(const_cast<void*>(on_host(memory)));
  engine::test::ask_for([work, state_size, blocks, floats, history] {
    with_state_size(state_size, [&](auto size) {
      constexpr int H = decltype(size)::value;
      engine::parallel_for(blocks, [&](int64_t block) {
        for (int64_t tile = block; tile < work.in.plan.tiles; tile += blocks) {
          const auto shared = shared_memory(backward_floats<H>(work.in));
          float* own = history + block * floats;
          if (work.in.message_size > 0) {
            backward_tile<H, true>(HostBlock{tile}, work, shared[0].at, own);
          } else {
            backward_tile<H, false>(HostBlock{tile}, work, shared[0].at, own);
          }
        }
      });
    });
  });
  backend.release(memory, bytes);
}

template void launch_forward(int, int64_t, const ForwardWork<float, float>&);
template void launch_forward(int, int64_t, const ForwardWork<Bf16, float>&);
template void launch_forward(int, int64_t, const ForwardWork<Bf16, Bf16>&);
template void launch_backward(int, int64_t, const BackwardWork<float, float>&);
template void launch_backward(int, int64_t, const BackwardWork<Bf16, float>&);
template void launch_backward(int, int64_t, const BackwardWork<Bf16, Bf16>&);

}  // namespace vsml::kernels::cuda
