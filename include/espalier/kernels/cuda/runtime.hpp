// SPDX-License-Identifier: Apache-2.0
// The part of the CUDA runtime that executors use: memory, streams and graphs. Declared without
// CUDA's headers; espalier::cuda has the definitions. All throw CudaError, which names the call.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

/// A call of the CUDA runtime failed, or there is no GPU.
struct CudaError : Error {
  using Error::Error;
};

namespace cuda {

struct Stream;
struct Graph;
struct Event;

/// Throws CudaError with one line if the program runs on a machine without a usable GPU.
void require_gpu();
/// Name of the current GPU, such as "NVIDIA H200".
[[nodiscard]] std::string gpu_name();

/// Device memory, zeroed. `what` is named if there is not enough: "out of device memory: …".
[[nodiscard]] void* allocate(std::size_t bytes, std::string_view what);
void release(void* memory) noexcept;
/// Host memory that copies may read and write while the host goes on.
[[nodiscard]] void* allocate_pinned(std::size_t bytes, std::string_view what);
void release_pinned(void* memory) noexcept;

[[nodiscard]] Stream* make_stream();
void release(Stream* stream) noexcept;
/// Waits until everything before it on the stream has run.
void synchronize(Stream* stream);

void copy_to_device(Stream* stream, void* to, const void* from, std::size_t bytes);
void copy_to_host(Stream* stream, void* to, const void* from, std::size_t bytes);
void copy_on_device(Stream* stream, void* to, const void* from, std::size_t bytes);
void clear(Stream* stream, void* memory, std::size_t bytes);

/// Between these two, what is put on the stream is recorded and does not run.
void begin_capture(Stream* stream);
[[nodiscard]] Graph* end_capture(Stream* stream);
/// Runs a recorded graph: one launch.
void launch(Graph* graph, Stream* stream);
/// Number of nodes: kernels, copies and clears.
[[nodiscard]] std::size_t nodes(const Graph* graph);
void release(Graph* graph) noexcept;

/// A point of a stream. wait() returns when everything before the last record() has run; at once if
/// there was none.
[[nodiscard]] Event* make_event();
void release(Event* event) noexcept;
void record(Event* event, Stream* stream);
void wait(Event* event);

struct Release {
  void operator()(Event* event) const noexcept { release(event); }
  void operator()(Stream* stream) const noexcept { release(stream); }
  void operator()(Graph* graph) const noexcept { release(graph); }
};
using StreamPtr = std::unique_ptr<Stream, Release>;
using GraphPtr = std::unique_ptr<Graph, Release>;
using EventPtr = std::unique_ptr<Event, Release>;

/// Owns an array of trivially copyable `T`.
template <class T, void* (*Allocate)(std::size_t, std::string_view), void (*Free)(void*) noexcept>
class Array {
 public:
  Array() = default;
  Array(std::size_t size, std::string_view what)
      : data_(size == 0 ? nullptr : static_cast<T*>(Allocate(size * sizeof(T), what))),
        size_(size) {}

  [[nodiscard]] T* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Delete {
    void operator()(T* memory) const noexcept { Free(memory); }
  };
  std::unique_ptr<T, Delete> data_;
  std::size_t size_ = 0;
};

/// In device memory, zeroed at first.
template <class T>
class Memory : public Array<T, allocate, release> {
 public:
  using Array<T, allocate, release>::Array;

  /// Copies `count` values from the host; returns when they may be changed.
  void set(Stream* stream, const T* from, std::size_t count) {
    copy_to_device(stream, this->data(), from, count * sizeof(T));
    synchronize(stream);
  }
  void get(Stream* stream, T* to, std::size_t count) const {
    copy_to_host(stream, to, this->data(), count * sizeof(T));
    synchronize(stream);
  }
};

/// In pinned host memory.
template <class T>
using Pinned = Array<T, allocate_pinned, release_pinned>;

/// Copies from the host to the device that go on while the host prepares the next: two buffers in
/// pinned memory take turns.
class Staging {
 public:
  explicit Staging(std::size_t bytes = 0) {
    for (Slot& slot : slots_) slot = {Pinned<std::byte>(bytes, "copies"), EventPtr(make_event())};
  }

  /// The buffer for the next copies, once those from it have run.
  [[nodiscard]] std::byte* next() {
    at_ = 1 - at_;
    wait(slots_[at_].copied.get());
    return slots_[at_].bytes.data();
  }
  /// After all copies from that buffer have been put on the stream.
  void sent(Stream* stream) { record(slots_[at_].copied.get(), stream); }
  /// Waits for all copies: the buffers may then be released.
  void settle() {
    for (Slot& slot : slots_) wait(slot.copied.get());
  }

 private:
  struct Slot {
    Pinned<std::byte> bytes;
    EventPtr copied;
  };
  Slot slots_[2];
  int at_ = 0;
};

}  // namespace cuda
}  // namespace espalier
