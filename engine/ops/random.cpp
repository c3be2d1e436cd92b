#include "engine/ops/random.h"

#include "engine/backend.h"
#include "engine/ops/op.h"

namespace engine {
namespace {

Tensor draw(const char* op, RandomKind kind, const Shape& shape, const RngKey& key, DType dtype,
            Device device) {
  Tensor out = Tensor::empty(shape, dtype, device);
  require_float(op, out);
  if (out.size() > 0) backend(device).random(kind, key, 0, 1, out.view());
  return out;
}

}  // namespace

Tensor uniform(const Shape& shape, const RngKey& key, DType dtype, Device device) {
  return draw("uniform", RandomKind::Uniform, shape, key, dtype, device);
}

Tensor normal(const Shape& shape, const RngKey& key, DType dtype, Device device) {
  return draw("normal", RandomKind::Normal, shape, key, dtype, device);
}

Tensor truncated_normal(const Shape& shape, const RngKey& key, DType dtype, Device device) {
  return draw("truncated_normal", RandomKind::TruncatedNormal, shape, key, dtype, device);
}

void draw_truncated_normal(const Tensor& out, const RngKey& key, int64_t first, double scale) {
  if (out.dtype() != DType::bf16) require_float("draw_truncated_normal", out);
  if (out.size() == 0) return;
  backend(out.device()).random(RandomKind::TruncatedNormal, key, first, scale, out.view());
}

Tensor permutation(int64_t n, const RngKey& key, Device device) {
  return Tensor::from(random_permutation(n, key), {n}, device);
}

}  // namespace engine
