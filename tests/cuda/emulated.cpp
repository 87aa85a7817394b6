// SPDX-License-Identifier: Apache-2.0
// The library espalier::cuda on the emulator: its kernels run on the CPU, and its runtime is a
// stand-in that records graphs and what was submitted.
#define ESPALIER_CUDA_EMULATOR "cuda/emulator.hpp"
#include "../../cmake/espalier_cuda.cu"
#include "cuda/recording.hpp"
#include "own_loss.cu"

namespace espalier::cuda {

namespace {
Recording recorded;
std::size_t memory_left = static_cast<std::size_t>(-1);
}  // namespace

Recording& recording() { return recorded; }
bool emulated() { return true; }
void limit_memory(std::size_t bytes) { memory_left = bytes; }
void seed_emulator(std::uint64_t seed) { emulator::seed(seed); }

struct Graph {
  std::vector<std::function<void()>> work;
};
struct Stream {
  std::unique_ptr<Graph, Release> captured;  ///< not null between begin_capture() and end_capture()
};

void require_gpu() {}
std::string gpu_name() { return "emulator"; }

void submit(Stream* stream, const char* name, std::function<void()> work) {
  ++recorded.submitted[name];
  if (stream->captured) {
    stream->captured->work.push_back(std::move(work));
  } else {
    work();
  }
}

void* allocate(std::size_t bytes, std::string_view what) {
  if (bytes > memory_left)
    throw CudaError("out of device memory: " + std::to_string(bytes) + " bytes were asked for " +
                    std::string(what) + ", " + std::to_string(memory_left) + " are free");
  return std::calloc(bytes, 1);
}
void release(void* memory) noexcept { std::free(memory); }
void* allocate_pinned(std::size_t bytes, std::string_view) { return std::malloc(bytes); }
void release_pinned(void* memory) noexcept { std::free(memory); }

Stream* make_stream() { return new Stream; }
void release(Stream* stream) noexcept { delete stream; }
void synchronize(Stream* stream) {
  if (stream->captured) throw CudaError("the host waits for a stream that is captured");
  ++recorded.waits;
}

void copy_to_device(Stream* stream, void* to, const void* from, std::size_t bytes) {
  submit(stream, "copy to device", [=] { std::memcpy(to, from, bytes); });
}
void copy_to_host(Stream* stream, void* to, const void* from, std::size_t bytes) {
  submit(stream, "copy to host", [=] { std::memcpy(to, from, bytes); });
}
void copy_on_device(Stream* stream, void* to, const void* from, std::size_t bytes) {
  submit(stream, "copy on device", [=] { std::memcpy(to, from, bytes); });
}
void clear(Stream* stream, void* memory, std::size_t bytes) {
  submit(stream, "clear", [=] { std::memset(memory, 0, bytes); });
}

struct Event {};
Event* make_event() { return new Event; }
void release(Event* event) noexcept { delete event; }
void record(Event*, Stream* stream) {
  if (stream->captured) throw CudaError("an event is recorded while the stream is captured");
}
void wait(Event*) {}

void begin_capture(Stream* stream) {
  if (stream->captured) throw CudaError("a stream is captured twice");
  stream->captured.reset(new Graph);
}
Graph* end_capture(Stream* stream) {
  if (!stream->captured) throw CudaError("a stream is not captured");
  return stream->captured.release();
}
void launch(Graph* graph, Stream* stream) {
  if (stream->captured) throw CudaError("a graph is launched while the stream is captured");
  ++recorded.graphs;
  for (const auto& work : graph->work) work();
}
std::size_t nodes(const Graph* graph) { return graph->work.size(); }
void release(Graph* graph) noexcept { delete graph; }

}  // namespace espalier::cuda
