#include "engine/backend.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <memory>
#include <mutex>
#include <stdexcept>

#include "engine/caching_allocator.h"
#include "engine/cuda/kernels.h"
#include "engine/recorded_memory.h"

namespace engine {
namespace {

constexpr int kMostDevices = 64;
// Room for what the runtime and cuBLAS take when they are first called, beside our tensors.
constexpr int64_t kLibraries = int64_t{256} << 20;

// Memory of one GPU. The calling thread's device is that GPU: CudaBackend sees to it.
class DeviceMemory final : public MemorySource {
 public:
  explicit DeviceMemory(int index) : index_(index) {}
  void* obtain(int64_t size) override {
    void* data = nullptr;
    const cudaError_t status = cudaMalloc(&data, static_cast<size_t>(size));
    if (status == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();  // the next call shall not see it
      return nullptr;
    }
    cuda::require_success(status, "cudaMalloc", __FILE__, __LINE__);
    return data;
  }
  void give_back(void* data, int64_t) noexcept override {
    (void)cudaFree(data);  // waits for the kernels that use it
  }
  std::string name() const override { return fmt::format("cuda:{} memory", index_); }

 private:
  int index_;
};

// What a thread records just now: its kernels go to a stream of their own, so that those of other
// threads are not noted with them.
struct Capture {
  cuda::Queue queue;
  RecordedMemory* memory = nullptr;
};
thread_local Capture* capture = nullptr;
thread_local int64_t num_host_copies = 0;

// A CUDA graph, with the memory that its kernels use.
class Graph final : public Recording {
 public:
  Graph(const cuda::Queue& queue, CachingAllocator& allocator)
      : queue_(queue), memory_(allocator) {}
  ~Graph() override {
    // One that is still running is freed when it is done; its memory goes back to a queue in order.
    if (graph_ != nullptr) (void)cudaGraphExecDestroy(graph_);
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void record(const std::function<void()>& body) {
    Capture now{queue_, &memory_};
    ENGINE_CUDA(cudaStreamCreateWithFlags(&now.queue.stream, cudaStreamNonBlocking));
    cudaGraph_t graph = nullptr;
    const auto end = [&] {
      capture = nullptr;
      const cudaError_t status = cudaStreamEndCapture(now.queue.stream, &graph);
      (void)cudaStreamDestroy(now.queue.stream);
      return status;
    };
    // Relaxed: more memory may be asked for meanwhile.
    const cudaError_t begun =
        cudaStreamBeginCapture(now.queue.stream, cudaStreamCaptureModeRelaxed);
    if (begun != cudaSuccess) (void)cudaStreamDestroy(now.queue.stream);
    ENGINE_CUDA(begun);
    capture = &now;
    try {
      body();
    } catch (...) {
      (void)end();
      if (graph != nullptr) (void)cudaGraphDestroy(graph);
      (void)cudaGetLastError();
      throw;
    }
    ENGINE_CUDA(end());
    const cudaError_t status = cudaGraphInstantiate(&graph_, graph, 0);
    (void)cudaGraphDestroy(graph);
    ENGINE_CUDA(status);
  }

  void replay() override {
    ENGINE_CUDA(cudaSetDevice(queue_.index));
    ENGINE_CUDA(cudaGraphLaunch(graph_, queue_.stream));
  }

 private:
  const cuda::Queue& queue_;  // of the device, not of the capture
  RecordedMemory memory_;
  cudaGraphExec_t graph_ = nullptr;
};

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(int index) : memory_(index) {
    queue_.index = index;
    queue_.backend = this;
    use();
    ENGINE_CUDA(cudaStreamCreateWithFlags(&queue_.stream, cudaStreamNonBlocking));
    ENGINE_CUDA(cudaDeviceGetAttribute(&queue_.shared_memory,
                                       cudaDevAttrMaxSharedMemoryPerBlockOptin, index));
  }

  // Makes this the calling thread's device. Where its kernels go.
  const cuda::Queue& use() const {
    ENGINE_CUDA(cudaSetDevice(queue_.index));
    return records() ? capture->queue : queue_;
  }

  void* allocate(int64_t bytes) override {
    use();
    return records() ? capture->memory->allocate(bytes) : allocator_.allocate(bytes);
  }
  void release(void* data, int64_t bytes) noexcept override {
    if (records()) return capture->memory->release(data, bytes);
    allocator_.release(data, bytes);
  }
  MemoryUse memory_use() const override { return allocator_.use(); }
  void reset_peak() override { allocator_.reset_peak(); }
  int64_t memory_left() const override {
    use();
    size_t left = 0, total = 0;
    ENGINE_CUDA(cudaMemGetInfo(&left, &total));
    return static_cast<int64_t>(left) - kLibraries + allocator_.use().cached;
  }

  void copy_from_host(const void* host, void* device, int64_t bytes) override {
    transfer(device, host, bytes, cudaMemcpyHostToDevice);
  }
  void copy_to_host(const void* device, void* host, int64_t bytes) override {
    transfer(host, device, bytes, cudaMemcpyDeviceToHost);
  }

  int64_t host_copies() const override { return num_host_copies; }

  // By CUDA graphs, unless ENGINE_GRAPHS=off is in the environment or they do not work here.
  bool can_record() override {
    const char* wanted = std::getenv("ENGINE_GRAPHS");
    if (wanted != nullptr && std::strcmp(wanted, "off") == 0) return false;
    std::call_once(graphs_tried_, [this] { graphs_work_ = try_graph(); });
    return graphs_work_;
  }
  std::unique_ptr<Recording> record(const std::function<void()>& body) override {
    use();
    auto graph = std::make_unique<Graph>(queue_, allocator_);
    graph->record(body);
    return graph;
  }

  void fill(double value, const View& out) override { cuda::fill(use(), value, out); }
  void copy(const View& in, const View& out) override { cuda::copy(use(), in, out); }
  void unary(UnaryOp op, const View& in, const View& out) override {
    cuda::unary(use(), op, in, out);
  }
  void binary(BinaryOp op, const View& a, const View& b, const View& out) override {
    cuda::binary(use(), op, a, b, out);
  }
  void where(const View& mask, const View& a, const View& b, const View& out) override {
    cuda::where(use(), mask, a, b, out);
  }
  void reduce(ReduceOp op, const View& in, const View& out) override {
    cuda::reduce(use(), op, in, out);
  }
  void argmax(const View& in, int axis, const View& out) override {
    cuda::argmax(use(), in, axis, out);
  }
  void matmul(const View& a, const View& b, const View& out, bool accumulate) override {
    cuda::matmul(use(), a, b, out, accumulate);
  }
  void gather(const View& in, const View& index, int axis, const View& out) override {
    cuda::gather(use(), in, index, axis, out);
  }
  void scatter_add(const View& in, const View& index, int axis, const View& out) override {
    cuda::scatter_add(use(), in, index, axis, out);
  }
  void unfold(const View& image, const View& patches, int64_t stride, int64_t pad_y,
              int64_t pad_x) override {
    cuda::unfold(use(), image, patches, stride, pad_y, pad_x);
  }
  void fold(const View& patches, const View& image, int64_t stride, int64_t pad_y,
            int64_t pad_x) override {
    cuda::fold(use(), patches, image, stride, pad_y, pad_x);
  }
  void random(RandomKind kind, const RngKey& key, int64_t first, double scale,
              const View& out) override {
    cuda::random(use(), kind, key, first, scale, out);
  }

 private:
  // Whether a product that was recorded is right for the numbers that are there when it is
  // replayed.
  bool try_graph() {
    constexpr float kFactor[4] = {1, 2, 3, 4}, kBefore[4] = {0, 0, 0, 0}, kAfter[4] = {5, 6, 7, 8};
    constexpr float kWant[4] = {19, 22, 43, 50};
    View views[3];
    for (View& view : views) {
      view.rank = 2;
      view.shape[0] = view.shape[1] = view.strides[0] = 2;
      view.strides[1] = 1;
      view.data = allocate(sizeof(kFactor));
    }
    float got[4] = {};
    try {
      copy_from_host(kFactor, views[0].data, sizeof(kFactor));
      copy_from_host(kBefore, views[1].data, sizeof(kBefore));
      const auto multiply = [&] { matmul(views[0], views[1], views[2], false); };
      multiply();
      Graph graph(queue_, allocator_);
      graph.record(multiply);
      copy_from_host(kAfter, views[1].data, sizeof(kAfter));
      graph.replay();
      copy_to_host(views[2].data, got, sizeof(got));
    } catch (const std::runtime_error&) {
      (void)cudaGetLastError();  // or the next launch would be blamed for it
      got[0] = 0;
    }
    for (View& view : views) release(view.data, sizeof(kFactor));
    return std::memcmp(got, kWant, sizeof(got)) == 0;
  }

  bool records() const { return capture != nullptr && capture->queue.backend == this; }

  void transfer(void* to, const void* from, int64_t bytes, cudaMemcpyKind kind) {
    if (bytes == 0) return;
    use();
    if (records()) throw std::logic_error("CUDA: a copy to or from the host cannot be recorded");
    ++num_host_copies;
    ENGINE_CUDA(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), kind, queue_.stream));
    ENGINE_CUDA(cudaStreamSynchronize(queue_.stream));
  }

  cuda::Queue queue_;
  DeviceMemory memory_;
  CachingAllocator allocator_{memory_};
  std::once_flag graphs_tried_;
  bool graphs_work_ = false;
};

// What is known of device `index`: its backend, made when it is first asked for, or why not.
struct Known {
  std::once_flag once;
  CudaBackend* backend = nullptr;  // never destroyed: tensors may outlive any order of destruction
  std::string absence;
};

std::string absence_of(int index) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess && status != cudaErrorNoDevice) {
    return fmt::format("the CUDA driver is missing or does not work: {}",
                       cudaGetErrorString(status));
  }
  if (index >= count) return fmt::format("this machine has {} CUDA devices", count);
  int major = 0, minor = 0;
  ENGINE_CUDA(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index));
  ENGINE_CUDA(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index));
  if (major * 10 + minor < 75) {
    return fmt::format("expected compute capability 7.5 or more, found {}.{}", major, minor);
  }
  return "";
}

Known& known(int index) {
  static auto* const all = new std::array<Known, kMostDevices>;
  Known& one = (*all)[static_cast<size_t>(index)];
  std::call_once(one.once, [&] {
    one.absence = absence_of(index);
    if (one.absence.empty()) one.backend = new CudaBackend(index);
  });
  return one;
}

}  // namespace

Backend* cuda_backend(int index) {
  return index < 0 || index >= kMostDevices ? nullptr : known(index).backend;
}

std::string cuda_absence(int index) {
  if (index < 0 || index >= kMostDevices) return "there is no such device";
  return known(index).absence;
}

namespace cuda {

const Queue& queue_of(int index) {
  return known(index).backend->use();
}

}  // namespace cuda
}  // namespace engine
