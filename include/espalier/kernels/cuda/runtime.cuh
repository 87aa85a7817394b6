// SPDX-License-Identifier: Apache-2.0
// Definitions of runtime.hpp for the CUDA runtime.
#pragma once

#include "espalier/kernels/cuda/launch.cuh"

#if defined(__CUDACC__)

#include <string>

namespace espalier::cuda {

struct Stream {
  cudaStream_t native = nullptr;
};
struct Event {
  cudaEvent_t native = nullptr;
};
struct Graph {
  cudaGraph_t recorded = nullptr;
  cudaGraphExec_t native = nullptr;
  std::size_t nodes = 0;
};

cudaStream_t native(Stream* stream) { return stream->native; }

void check(cudaError_t result, const char* call) {
  if (result == cudaSuccess) return;
  throw CudaError(std::string(call) + ": " + cudaGetErrorString(result));
}

void require_gpu() {
  int count = 0;
  const cudaError_t result = cudaGetDeviceCount(&count);
  if (result != cudaSuccess)
    throw CudaError(std::string("no usable GPU: ") + cudaGetErrorString(result));
  if (count == 0) throw CudaError("no usable GPU: the driver lists none");
}

std::string gpu_name() {
  int device = 0;
  cudaDeviceProp properties{};
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  return properties.name;
}

void* allocate(std::size_t bytes, std::string_view what) {
  void* memory = nullptr;
  const cudaError_t result = cudaMalloc(&memory, bytes);
  if (result == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());  // not an error of later calls
    std::size_t available = 0, total = 0;
    check(cudaMemGetInfo(&available, &total), "cudaMemGetInfo");
    throw CudaError("out of device memory: " + std::to_string(bytes) + " bytes were asked for " +
                    std::string(what) + ", " + std::to_string(available) + " of " +
                    std::to_string(total) + " are free");
  }
  check(result, "cudaMalloc");
  check(cudaMemset(memory, 0, bytes), "cudaMemset");
  return memory;
}
void release(void* memory) noexcept { static_cast<void>(cudaFree(memory)); }

void* allocate_pinned(std::size_t bytes, std::string_view what) {
  void* memory = nullptr;
  if (cudaMallocHost(&memory, bytes) != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    throw CudaError("cudaMallocHost: no " + std::to_string(bytes) + " bytes of pinned memory for " +
                    std::string(what));
  }
  return memory;
}
void release_pinned(void* memory) noexcept { static_cast<void>(cudaFreeHost(memory)); }

Stream* make_stream() {
  require_gpu();
  auto stream = std::make_unique<Stream>();
  check(cudaStreamCreateWithFlags(&stream->native, cudaStreamNonBlocking),
        "cudaStreamCreateWithFlags");
  return stream.release();
}
void release(Stream* stream) noexcept {
  if (stream == nullptr) return;
  static_cast<void>(cudaStreamDestroy(stream->native));
  delete stream;
}
void synchronize(Stream* stream) {
  check(cudaStreamSynchronize(stream->native), "cudaStreamSynchronize");
}

void copy_to_device(Stream* stream, void* to, const void* from, std::size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream->native),
        "cudaMemcpyAsync to the device");
}
void copy_to_host(Stream* stream, void* to, const void* from, std::size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream->native),
        "cudaMemcpyAsync to the host");
}
void copy_on_device(Stream* stream, void* to, const void* from, std::size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream->native),
        "cudaMemcpyAsync on the device");
}
void clear(Stream* stream, void* memory, std::size_t bytes) {
  check(cudaMemsetAsync(memory, 0, bytes, stream->native), "cudaMemsetAsync");
}

Event* make_event() {
  auto event = std::make_unique<Event>();
  check(cudaEventCreateWithFlags(&event->native, cudaEventDisableTiming),
        "cudaEventCreateWithFlags");
  return event.release();
}
void release(Event* event) noexcept {
  if (event == nullptr) return;
  static_cast<void>(cudaEventDestroy(event->native));
  delete event;
}
void record(Event* event, Stream* stream) {
  check(cudaEventRecord(event->native, stream->native), "cudaEventRecord");
}
void wait(Event* event) { check(cudaEventSynchronize(event->native), "cudaEventSynchronize"); }

void begin_capture(Stream* stream) {
  check(cudaStreamBeginCapture(stream->native, cudaStreamCaptureModeThreadLocal),
        "cudaStreamBeginCapture");
}
Graph* end_capture(Stream* stream) {
  std::unique_ptr<Graph, Release> graph(new Graph);
  check(cudaStreamEndCapture(stream->native, &graph->recorded), "cudaStreamEndCapture");
  check(cudaGraphGetNodes(graph->recorded, nullptr, &graph->nodes), "cudaGraphGetNodes");
  check(cudaGraphInstantiate(&graph->native, graph->recorded, 0), "cudaGraphInstantiate");
  return graph.release();
}
void launch(Graph* graph, Stream* stream) {
  check(cudaGraphLaunch(graph->native, stream->native), "cudaGraphLaunch");
}
std::size_t nodes(const Graph* graph) { return graph->nodes; }
void release(Graph* graph) noexcept {
  if (graph == nullptr) return;
  if (graph->native != nullptr) static_cast<void>(cudaGraphExecDestroy(graph->native));
  if (graph->recorded != nullptr) static_cast<void>(cudaGraphDestroy(graph->recorded));
  delete graph;
}

}  // namespace espalier::cuda

#endif
