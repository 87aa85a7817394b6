// SPDX-License-Identifier: Apache-2.0
// Runs CUDA kernels on the CPU, for tests on machines without a GPU. Each thread of a block is a
// fibre; the order of blocks and of threads is random, by seed(). Reports what a GPU would not:
// barriers that not all threads reach, lanes missing from a shuffle, indices out of range of a
// shared array, and accesses to a shared array that no barrier separates. Memory of the device is
// memory of the host, so that AddressSanitizer sees accesses out of its range.
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

/// Under nvcc: `__shared__ T name[count]`.
#define ESPALIER_SHARED(T, name, count) \
  const auto name = ::emulator::shared_array<T>(__LINE__, #name, static_cast<std::size_t>(count))

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

namespace emulator {

constexpr unsigned warp_size = 32;

/// A kernel did what a GPU leaves undefined.
struct Fault : std::logic_error {
  using std::logic_error::logic_error;
};

/// Values that the lanes of a warp exchange.
struct Warp {
  std::uint32_t lanes = 0;    ///< lanes that exist
  std::uint32_t arrived = 0;  ///< lanes that wait in the current exchange
  std::uint64_t generation = 0;
  const char* what = nullptr;  ///< of the current exchange
  std::uint64_t given[warp_size]{}, taken[warp_size]{};
  std::uint64_t epoch = 0;  ///< number of exchanges and barriers so far
};

struct Fibre {
  ucontext_t context{};
  std::unique_ptr<std::byte[]> stack;
  dim3 index;
  unsigned number = 0;  ///< in the block
  bool done = false, at_barrier = false;
};

/// Who accessed an element of a shared array last. A number of 0 is nobody, else 1 + the thread's.
struct Shadow {
  unsigned writer = 0, reader = 0, other_reader = 0;
  std::uint64_t written = 0, read = 0, other_read = 0;                 ///< the block's epoch
  std::uint64_t written_warp = 0, read_warp = 0, other_read_warp = 0;  ///< the warp's epoch
};

struct SharedMemory {
  std::vector<std::byte> bytes;
  std::vector<Shadow> shadow;
};

/// The block that runs. One at a time.
struct Block {
  dim3 grid, size, index;
  std::vector<Fibre> fibres;
  std::vector<Warp> warps;
  std::map<std::pair<int, std::string>, SharedMemory> shared;
  std::uint64_t epoch = 1;  ///< number of barriers so far
  const std::function<void()>* kernel = nullptr;
  ucontext_t scheduler{};
  Fibre* current = nullptr;
  std::string fault;
};

inline Block& block() {
  static Block one;
  return one;
}
/// Seeds the order of blocks and threads.
inline std::mt19937_64& order() {
  static std::mt19937_64 engine{1};
  return engine;
}
inline void seed(std::uint64_t value) { order().seed(value); }

inline Fibre& self() { return *block().current; }
inline Warp& warp() { return block().warps[self().number / warp_size]; }
inline unsigned lane() { return self().number % warp_size; }

/// Lets other threads run.
inline void yield() {
  Fibre& me = self();
  swapcontext(&me.context, &block().scheduler);
}

/// A fault inside a fibre: reported by run(); the fibre never continues.
[[noreturn]] inline void fail(const std::string& what) {
  Block& b = block();
  if (b.fault.empty()) {
    const auto place = [](dim3 i) {
      return "(" + std::to_string(i.x) + ", " + std::to_string(i.y) + ", " + std::to_string(i.z) +
             ")";
    };
    b.fault = what + "; block " + place(b.index) + ", thread " + place(self().index);
  }
  for (;;) yield();
}

inline void enter() {
  Block& b = block();
  (*b.kernel)();
  b.current->done = true;
  swapcontext(&b.current->context, &b.scheduler);
}

inline void run_block() {
  Block& b = block();
  const unsigned threads = b.size.x * b.size.y * b.size.z;
  constexpr std::size_t stack_bytes = std::size_t{128} << 10U;
  while (b.fibres.size() < threads) b.fibres.emplace_back();
  b.warps.assign((threads + warp_size - 1) / warp_size, {});
  b.shared.clear();
  b.epoch = 1;
  std::vector<Fibre*> ready;
  for (unsigned t = 0; t < threads; ++t) {
    Fibre& f = b.fibres[t];
    if (!f.stack) f.stack = std::make_unique<std::byte[]>(stack_bytes);
    f.number = t;
    f.index = {t % b.size.x, t / b.size.x % b.size.y, t / b.size.x / b.size.y};
    f.done = f.at_barrier = false;
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = f.stack.get();
    f.context.uc_stack.ss_size = stack_bytes;
    f.context.uc_link = nullptr;
    makecontext(&f.context, enter, 0);
    b.warps[t / warp_size].lanes |= 1U << t % warp_size;
    ready.push_back(&f);
  }
  std::size_t left = threads;
  for (std::uint64_t idle = 0; left > 0;) {
    std::shuffle(ready.begin(), ready.end(), order());
    const std::uint64_t before = b.epoch;
    std::uint64_t exchanges = 0, after = 0;
    for (const Warp& w : b.warps)
      exchanges += w.generation + static_cast<unsigned>(std::popcount(w.arrived));
    std::size_t waiting = 0;
    for (Fibre* f : ready) {
      if (f->done) continue;
      if (!f->at_barrier) {
        b.current = f;
        swapcontext(&b.scheduler, &f->context);
        if (!b.fault.empty()) throw Fault(b.fault);
        if (f->done) --left;
      }
      waiting += !f->done && f->at_barrier ? 1U : 0U;
    }
    if (waiting > 0 && waiting == left) {
      if (left < threads)
        throw Fault("__syncthreads() is reached by " + std::to_string(left) + " of " +
                    std::to_string(threads) + " threads: the others have returned");
      for (Fibre* f : ready) f->at_barrier = false;
      ++b.epoch;
      for (Warp& w : b.warps) ++w.epoch;
    }
    for (const Warp& w : b.warps)
      after += w.generation + static_cast<unsigned>(std::popcount(w.arrived));
    idle = b.epoch == before && exchanges == after ? idle + 1 : 0;
    if (left > 0 && idle > 2) {
      std::string what = "threads wait for each other for ever";
      for (const Warp& w : b.warps) {
        if (w.arrived != 0)
          what += std::string("; in ") + w.what + " " + std::to_string(std::popcount(w.arrived)) +
                  " lanes of a warp arrived";
      }
      throw Fault(what);
    }
  }
}

/// Runs `kernel` once for every thread of `grid` blocks of `size` threads. Throws Fault.
inline void run(dim3 grid, dim3 size, const std::function<void()>& kernel) {
  Block& b = block();
  if (size.x * size.y * size.z > 1024 || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
      grid.y > 65535 || grid.z > 65535 || size.x * size.y * size.z == 0)
    throw Fault("a grid of " + std::to_string(grid.x) + " × " + std::to_string(grid.y) + " × " +
                std::to_string(grid.z) + " blocks of " + std::to_string(size.x * size.y * size.z) +
                " threads cannot be launched");
  b.grid = grid;
  b.size = size;
  b.kernel = &kernel;
  b.fault.clear();
  std::vector<unsigned> blocks(std::size_t{grid.x} * grid.y * grid.z);
  for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<unsigned>(i);
  std::shuffle(blocks.begin(), blocks.end(), order());
  for (const unsigned i : blocks) {
    b.index = {i % grid.x, i / grid.x % grid.y, i / grid.x / grid.y};
    run_block();
  }
}

/// Waits for all lanes of `mask`, each of which gives a value; then value_of(lane) may be read.
inline void exchange(const char* what, unsigned mask, std::uint64_t value) {
  Warp& w = warp();
  const unsigned mine = 1U << lane();
  if ((mask & mine) == 0) fail(std::string(what) + ": the mask does not contain the calling lane");
  if ((mask & w.lanes) != w.lanes || (mask != w.lanes && mask != 0xFFFFFFFFU))
    fail(std::string(what) + ": only masks of all lanes of a warp are supported");
  if (w.arrived != 0 && std::strcmp(w.what, what) != 0)
    fail(std::string("lanes of a warp meet in ") + w.what + " and in " + what);
  w.what = what;
  w.given[lane()] = value;
  w.arrived |= mine;
  const std::uint64_t mark = w.generation;
  if (w.arrived == w.lanes) {
    std::copy_n(w.given, warp_size, w.taken);
    w.arrived = 0;
    ++w.generation;
    ++w.epoch;
    return;
  }
  while (warp().generation == mark) yield();
}

template <class T>
T shuffle(const char* what, unsigned mask, T value, unsigned from) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  exchange(what, mask, bits);
  Warp& w = warp();
  if (from >= warp_size || (w.lanes >> from & 1U) == 0) return value;
  std::memcpy(&value, &w.taken[from], sizeof value);
  return value;
}

inline std::string who(unsigned number) { return "thread " + std::to_string(number - 1); }

/// Whether an access at these epochs, by another thread, is separated from now by a barrier.
inline bool separated(unsigned other, std::uint64_t epoch, std::uint64_t warp_epoch) {
  if (other == 0 || other == self().number + 1 || epoch != block().epoch) return true;
  return (other - 1) / warp_size == self().number / warp_size && warp_epoch != warp().epoch;
}

/// A reference to an element of a shared array.
template <class T>
struct Element {
  T* value;
  Shadow* shadow;
  const char* name;

  void check(unsigned other, std::uint64_t epoch, std::uint64_t warp_epoch,
             const char* what) const {
    if (!separated(other, epoch, warp_epoch))
      fail(std::string("shared array '") + name + "': " + what + " of " + who(other) +
           " is not separated from this one by a barrier");
  }
  // NOLINTNEXTLINE(google-explicit-constructor): it is used as a T.
  operator T() const {
    Shadow& s = *shadow;
    check(s.writer, s.written, s.written_warp, "a read of what the write");
    const unsigned me = self().number + 1;
    if (s.reader != me) {
      s.other_reader = s.reader;
      s.other_read = s.read;
      s.other_read_warp = s.read_warp;
    }
    s.reader = me;
    s.read = block().epoch;
    s.read_warp = warp().epoch;
    return *value;
  }
  const Element& operator=(T v) const {
    Shadow& s = *shadow;
    check(s.writer, s.written, s.written_warp, "a write after the write");
    check(s.reader, s.read, s.read_warp, "a write after the read");
    check(s.other_reader, s.other_read, s.other_read_warp, "a write after the read");
    s.writer = self().number + 1;
    s.written = block().epoch;
    s.written_warp = warp().epoch;
    *value = v;
    return *this;
  }
  const Element& operator=(const Element& other) const { return *this = static_cast<T>(other); }
  const Element& operator+=(T v) const { return *this = static_cast<T>(*this) + v; }
};

template <class T>
struct SharedArray {
  T* values;
  Shadow* shadow;
  std::size_t count;
  const char* name;

  template <class I>
  Element<T> operator[](I i) const {
    if (static_cast<std::size_t>(i) >= count)
      fail(std::string("shared array '") + name + "': index " + std::to_string(i) + " of " +
           std::to_string(count) + " elements");
    return {values + i, shadow + i, name};
  }
};

/// The block's array of this name; its bytes are 0xFF (NaN) at first.
template <class T>
SharedArray<T> shared_array(int line, const char* name, std::size_t count) {
  SharedMemory& m = block().shared[{line, name}];
  if (m.bytes.empty()) {
    m.bytes.assign(count * sizeof(T), std::byte{0xFF});
    m.shadow.resize(count);
    std::size_t total = 0;
    for (const auto& [key, memory] : block().shared) total += memory.bytes.size();
    if (total > 48 * 1024) fail("more than 48 KiB of shared memory");
  }
  return {reinterpret_cast<T*>(m.bytes.data()), m.shadow.data(), count, name};
}

}  // namespace emulator

#define threadIdx (::emulator::self().index)
#define blockIdx (::emulator::block().index)
#define blockDim (::emulator::block().size)
#define gridDim (::emulator::block().grid)

inline void __syncthreads() {
  ::emulator::Warp& w = ::emulator::warp();
  if (w.arrived != 0)
    ::emulator::fail(std::string("__syncthreads() while lanes of the warp wait in ") + w.what);
  ::emulator::self().at_barrier = true;
  ::emulator::yield();
}
inline void __syncwarp(unsigned mask = 0xFFFFFFFFU) { ::emulator::exchange("__syncwarp", mask, 0); }
template <class T>
T __shfl_sync(unsigned mask, T value, int from) {
  return ::emulator::shuffle("__shfl_sync", mask, value, static_cast<unsigned>(from));
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int with) {
  return ::emulator::shuffle("__shfl_xor_sync", mask, value,
                             ::emulator::lane() ^ static_cast<unsigned>(with));
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by) {
  return ::emulator::shuffle("__shfl_down_sync", mask, value, ::emulator::lane() + by);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by) {
  return ::emulator::shuffle("__shfl_up_sync", mask, value, ::emulator::lane() - by);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  ::emulator::exchange("__ballot_sync", mask, predicate != 0 ? 1 : 0);
  const ::emulator::Warp& w = ::emulator::warp();
  unsigned votes = 0;
  for (unsigned i = 0; i < ::emulator::warp_size; ++i)
    votes |= (w.lanes >> i & 1U) != 0 && w.taken[i] != 0 ? 1U << i : 0U;
  return votes;
}
inline int __any_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) != 0 ? 1 : 0;
}
inline int __all_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) == ::emulator::warp().lanes ? 1 : 0;
}
template <class T>
T atomicAdd(T* to, T value) {
  static_assert(std::is_integral_v<T>, "sums of floats by atomics depend on the order");
  const T before = *to;
  *to = before + value;
  return before;
}
template <class T>
T atomicMax(T* to, T value) {
  const T before = *to;
  *to = std::max(before, value);
  return before;
}
template <class T>
T atomicCAS(T* to, T expected, T value) {
  const T before = *to;
  if (before == expected) *to = value;
  return before;
}
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1; }
