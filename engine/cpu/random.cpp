#include <algorithm>

#include "engine/cpu/kernels.h"
#include "engine/kernels/bf16.h"
#include "engine/kernels/philox.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

constexpr int64_t kPerTask = 65536;

// The numbers first, first + 1, ... of a key's stream.
class Stream {
 public:
  Stream(const RngKey& key, int64_t first) : key_(key), next_(first) {
    if (next_ % 4 != 0) fill();
  }
  uint32_t next() {
    if (next_ % 4 == 0) fill();
    return words_[next_++ % 4];
  }

 private:
  void fill() {
    kernels::philox_block(key_.seed, static_cast<uint32_t>(next_ / 4), key_.purpose, key_.step,
                          key_.member, words_);
  }
  RngKey key_;
  int64_t next_;
  uint32_t words_[4];
};

template <class To, class T>
void random_typed(RandomKind kind, const RngKey& key, int64_t first, T scale, const View& out) {
  const int64_t count = element_count(out);
  if (count == 0) return;
  const int last_axis = out.rank - 1;
  const int64_t length = out.rank == 0 ? 1 : out.shape[last_axis];
  const int64_t stride = out.rank == 0 ? 1 : out.strides[last_axis];
  const int64_t rows_per_task = std::max<int64_t>(1, kPerTask / length);
  const int64_t rows = count / length;
  parallel_for((rows + rows_per_task - 1) / rows_per_task, [&](int64_t task) {
    const int64_t last = std::min(rows, (task + 1) * rows_per_task);
    Stream stream(key, first + task * rows_per_task * length);
    for (int64_t row = task * rows_per_task; row < last; ++row) {
      To* to = static_cast<To*>(out.data);
      int64_t rest = row;
      for (int axis = last_axis; axis-- > 0; rest /= out.shape[axis]) {
        to += rest % out.shape[axis] * out.strides[axis];
      }
      for (int64_t i = 0; i < length; ++i) {
        to[i * stride] = kernels::converted<To>(
            scale * static_cast<T>(kernels::random_value(kind, stream.next())));
      }
    }
  });
}

}  // namespace

void random(RandomKind kind, const RngKey& key, int64_t first, double scale, const View& out) {
  if (out.dtype == DType::f64) return random_typed<double>(kind, key, first, scale, out);
  const auto single = static_cast<float>(scale);
  if (out.dtype == DType::bf16) return random_typed<Bf16>(kind, key, first, single, out);
  random_typed<float>(kind, key, first, single, out);
}

}  // namespace engine::cpu
