#include "engine/tensor.h"

#include <cmath>
#include <doctest/doctest.h>
#include <thread>

#include "engine/backend.h"
#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"

namespace engine::test {
namespace {

const Device kCuda{Device::Kind::Cuda, 0};

TEST_CASE("new tensors") {
  CHECK_FALSE(Tensor().defined());
  const Tensor x = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK(x.defined());
  CHECK(x.shape() == Shape{2, 3});
  CHECK(x.rank() == 2);
  CHECK(x.dim(-1) == 3);
  CHECK(x.size() == 6);
  CHECK(x.dtype() == DType::f32);
  CHECK(x.device() == Device{});
  CHECK(x.is_contiguous());
  CHECK(x.to_vector<float>() == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(Tensor::full({3}, -2, DType::i32).to_vector<int32_t>() == std::vector<int32_t>(3, -2));
  CHECK(Tensor::zeros({2, 2}, DType::f64).to_vector<double>() == std::vector<double>(4, 0.0));
  CHECK(Tensor::scalar(2.5, DType::f64).shape() == Shape{});
  CHECK(Tensor::empty({0, 5}, DType::f32).to_vector<float>().empty());
}

TEST_CASE("values from the host are counted") {
  CHECK_THROWS_WITH_AS(Tensor::from<float>({1, 2, 3}, {2, 2}),
                       "from: expected 4 values for shape [2, 2], got 3", ShapeError);
  CHECK_THROWS_AS(Tensor::from<double>({}, {}), ShapeError);
}

TEST_CASE("views share storage and are read in row-major order") {
  Tensor x = Tensor::from<int32_t>({0, 1, 2, 3, 4, 5}, {2, 3});
  const Tensor t = transpose(x), part = slice(x, 1, 1, 3), row = slice(x, 0, 1, 2);
  CHECK_FALSE(t.is_contiguous());
  CHECK_FALSE(part.is_contiguous());
  CHECK(row.is_contiguous());
  CHECK(t.to_vector<int32_t>() == std::vector<int32_t>{0, 3, 1, 4, 2, 5});
  CHECK(part.to_vector<int32_t>() == std::vector<int32_t>{1, 2, 4, 5});
  CHECK(slice(part, 0, 1, 2).to_vector<int32_t>() == std::vector<int32_t>{4, 5});
  CHECK(broadcast_to(row, {2, 2, 3}).to_vector<int32_t>() ==
        std::vector<int32_t>{3, 4, 5, 3, 4, 5, 3, 4, 5, 3, 4, 5});
  x.data<int32_t>()[4] = 40;
  CHECK(t.to_vector<int32_t>()[3] == 40);
  CHECK(part.to_vector<int32_t>()[2] == 40);
  CHECK(slice(part, 0, 1, 2).to_vector<int32_t>()[0] == 40);
}

TEST_CASE("contiguous copies a view once and leaves the rest alone") {
  const Tensor x = Tensor::from<double>({0, 1, 2, 3, 4, 5}, {2, 3});
  CHECK(x.contiguous().id() == x.id());
  const Tensor copy = transpose(x).contiguous();
  CHECK(copy.is_contiguous());
  CHECK(copy.shape() == Shape{3, 2});
  CHECK(copy.to_vector<double>() == std::vector<double>{0, 3, 1, 4, 2, 5});
  CHECK(copy.data<double>() != x.data<double>());
  CHECK(Tensor::zeros({3, 1}, DType::f32).with_layout({3, 1}, {1, 77}).is_contiguous());
}

TEST_CASE("a view keeps its storage alive") {
  Tensor part;
  {
    const Tensor x = Tensor::from<float>({1, 2, 3, 4}, {4});
    part = slice(x, 0, 2, 4);
  }
  const Tensor other = Tensor::full({4}, 9, DType::f32);
  CHECK(part.to_vector<float>() == std::vector<float>{3, 4});
}

TEST_CASE("identities") {
  const Tensor x = Tensor::zeros({2}, DType::f32);
  const Tensor copy = x;
  CHECK(copy.id() == x.id());
  CHECK(x.detached().id() != x.id());
  CHECK(slice(x, 0, 0, 1).id() != x.id());
  CHECK(Tensor::zeros({2}, DType::f32).id() != x.id());
  CHECK(x.detached().data<float>() == x.data<float>());
}

TEST_CASE("item") {
  CHECK(Tensor::scalar(1.5, DType::f64).item() == 1.5);
  CHECK(Tensor::from<int32_t>({7}, {1, 1}).item() == 7);
  const Tensor x = Tensor::from<float>({1, 2, 3, 4}, {2, 2});
  CHECK(slice(slice(transpose(x), 0, 1, 2), 1, 0, 1).item() == 2);
  CHECK_THROWS_WITH_AS(x.item(), "item: expected one element, got shape [2, 2]", ShapeError);
  CHECK_THROWS_AS(Tensor().item(), ShapeError);
}

TEST_CASE("elements are given out in their own dtype only") {
  Tensor x = Tensor::zeros({2, 3}, DType::f32);
  CHECK_THROWS_WITH_AS(x.to_vector<double>(), "to_vector: expected a tensor of f64, got f32",
                       DTypeError);
  CHECK_THROWS_WITH_AS(x.data<int32_t>(), "data: expected a tensor of i32, got f32", DTypeError);
  CHECK_THROWS_WITH_AS(transpose(x).data<float>(),
                       "data: expected a contiguous tensor, got a view of shape [3, 2]",
                       ShapeError);
}

TEST_CASE("a device that is not there") {
  CHECK(available(Device{}));
  const Device far{Device::Kind::Cuda, 1000};
  CHECK_FALSE(available(far));
  CHECK_THROWS_WITH_AS(Tensor::zeros({2}, DType::f32, far), "device: cuda:1000 is not present",
                       DeviceError);
  CHECK_THROWS_AS(Tensor::zeros({2}, DType::f32).to(far), DeviceError);
  const Tensor x = Tensor::zeros({2}, DType::f32);
  CHECK(x.to(Device{}).id() == x.id());
  if (!available(kCuda)) {
    CHECK_THROWS_WITH_AS(Tensor::zeros({2}, DType::f32, kCuda), "device: cuda:0 is not present",
                         DeviceError);
    try {
      (void)Tensor::zeros({2}, DType::f32, kCuda);
    } catch (const DeviceError& error) {
      CHECK(error.hint().find("--device cpu") != std::string::npos);
    }
  }
}

TEST_CASE("names of devices") {
  CHECK(parse_device("cpu") == Device{});
  CHECK(parse_device("cuda") == kCuda);
  CHECK(parse_device("cuda:3") == Device{Device::Kind::Cuda, 3});
  CHECK(to_string(parse_device("cuda:12")) == "cuda:12");
  CHECK(to_string(Device{}) == "cpu");
  for (const char* text :
       {"", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999999999", "cpu "}) {
    CAPTURE(std::string(text));
    CHECK_THROWS_WITH_AS(parse_device(text), doctest::Contains("expected cpu, cuda or cuda:N"),
                         DeviceError);
  }
}

TEST_CASE("shapes") {
  const Shape shape{2, 3, 4};
  CHECK(to_string(shape) == "[2, 3, 4]");
  CHECK(to_string(Shape{}) == "[]");
  CHECK(Shape{}.size() == 1);
  CHECK(Shape{3, 0}.size() == 0);
  CHECK(shape[-1] == 4);
  CHECK(shape.with(1, 7) == Shape{2, 7, 4});
  CHECK(shape.without(-1) == Shape{2, 3});
  CHECK(shape.inserted(0, 9) == Shape{9, 2, 3, 4});
  CHECK(shape.inserted(-1, 9) == Shape{2, 3, 4, 9});
  CHECK(shape.part(1, 3) == Shape{3, 4});
  CHECK(shape.part(0, -1) == Shape{2, 3});
  CHECK(shape + Shape{5} == Shape{2, 3, 4, 5});
  CHECK_FALSE(shape == Shape{2, 3});
  CHECK_THROWS_WITH_AS(shape[3], "shape: expected an axis in [-3, 3), got 3", ShapeError);
  CHECK_THROWS_AS(shape[-4], ShapeError);
  CHECK(broadcast("op", {2, 1, 3}, {4, 1}) == Shape{2, 4, 3});
  CHECK(broadcast("op", {1}, {0}) == Shape{0});
  CHECK_THROWS_WITH_AS(broadcast("op", {2, 3}, {2}), doctest::Contains("op: expected shapes that"),
                       ShapeError);
}

TEST_CASE("limits of rank and extents") {
  const Shape most{1, 1, 1, 1, 1, 1, 1, 2};
  CHECK(Tensor::zeros(most, DType::f32).size() == 2);
  CHECK_THROWS_WITH_AS(most + Shape{1}, "shape: expected at most 8 axes, got one more", ShapeError);
  CHECK_THROWS_WITH_AS((Shape{2, -1}), "shape: expected extents of 0 or more, got -1", ShapeError);
  const int64_t huge = int64_t{1} << 40;
  CHECK_THROWS_WITH_AS(Tensor::empty({huge, huge}, DType::f32), doctest::Contains("does not fit"),
                       ShapeError);
  CHECK_THROWS_AS(Tensor::empty({int64_t{1} << 61}, DType::f64), ShapeError);
  CHECK_THROWS_WITH_AS(Tensor::empty({int64_t{1} << 58}, DType::f64), doctest::Contains("memory:"),
                       ResourceError);
  CHECK(Tensor::zeros({2}, DType::f32).to_vector<float>() == std::vector<float>{0, 0});
}

TEST_CASE("the allocator counts, aligns and reuses") {
  Backend& cpu = backend(Device{});
  const MemoryUse before = cpu.memory_use();
  cpu.reset_peak();
  const void* place = nullptr;
  {
    const Tensor x = Tensor::empty({123'457}, DType::f64);
    place = x.data<double>();
    CHECK(reinterpret_cast<uintptr_t>(place) % 64 == 0);
    const int64_t used = cpu.memory_use().live - before.live;
    CHECK(used >= x.size() * 8);
    CHECK(used <= x.size() * 10);  // size classes are at most a quarter above the request
  }
  const MemoryUse after = cpu.memory_use();
  CHECK(after.live == before.live);
  CHECK(after.peak >= before.live + 123'457 * 8);
  CHECK(after.cached >= 123'457 * 8);
  const Tensor again = Tensor::empty({123'457}, DType::f64);
  CHECK(again.data<double>() == place);
  cpu.reset_peak();
  CHECK(cpu.memory_use().peak == cpu.memory_use().live);
  for (const int64_t elements : {0, 1, 63, 64, 65, 1000}) {
    const Tensor small = Tensor::empty({elements}, DType::f32);
    CHECK(reinterpret_cast<uintptr_t>(small.data<float>()) % 64 == 0);
  }
}

TEST_CASE("tensors are made and freed on several threads") {
  const int64_t live = backend(Device{}).memory_use().live;
  const Tensor shared = Tensor::full({1000}, 2, DType::f32);
  std::vector<std::thread> threads;
  std::vector<double> results(4);
  for (size_t k = 0; k < results.size(); ++k) {
    threads.emplace_back([&results, shared, k] {
      Tensor x = shared;
      for (int repeat = 0; repeat < 200; ++repeat) x = x + slice(shared, 0, 0, 1);
      results[k] = x.to_vector<float>()[999];
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const double result : results) CHECK(result == 402);
  threads.clear();
  CHECK(backend(Device{}).memory_use().live - live <= 1000 * 5);
}

TEST_CASE("sizes from files are multiplied and added with care") {
  CHECK(checked_mul(3, 4) == 12);
  CHECK(checked_add(3, 4) == 7);
  const int64_t most = INT64_MAX;
  CHECK_THROWS_AS(checked_mul(most, 2), ShapeError);
  CHECK_THROWS_AS(checked_mul(-1, 2), ShapeError);
  CHECK_THROWS_AS(checked_add(most, 1), ShapeError);
  CHECK_THROWS_AS(checked_add(0, -1), ShapeError);
}

TEST_CASE("text that is not fit to print") {
  CHECK(printable("plain") == "plain");
  CHECK(printable("a\x1b[31m\n") == "a\\x1b[31m\\x0a");
  CHECK(printable("caf\xc3\xa9") == "caf\xc3\xa9");
  CHECK(printable("\xff\xc3") == "\\xff\\xc3");
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");  // a control character of Latin-1
  CHECK(std::string(IoError("file", "3", "is bad").what()) == "file:3: is bad");
  CHECK(std::string(IoError("file", "", "is bad").what()) == "file: is bad");
}

}  // namespace
}  // namespace engine::test
