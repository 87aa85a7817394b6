// SPDX-License-Identifier: Apache-2.0
// `ThreadBackend`: another library's threads, OpenMP's say, that every `ThreadPool` runs on once
// they are registered.
#pragma once

#include <atomic>

#include "espalier/core/fork.hpp"
#include "espalier/core/function_ref.hpp"

namespace espalier {

/// Implemented by a component (espalier::openmp) in its own translation unit, so that no header
/// depends on compiler flags.
class ThreadBackend {
 public:
  /// Threads of a pool for which none are given. 1 inside a parallel region of the caller.
  [[nodiscard]] virtual int default_threads() const noexcept = 0;

  /// Whether the caller is in a parallel region already; pools then run serially.
  [[nodiscard]] virtual bool in_parallel_region() const noexcept = 0;

  /// Calls function(worker) once on each of 1 to `threads` threads; worker is in [0, threads), and
  /// 0 is the caller. `function` does not throw.
  virtual void run(int threads, FunctionRef<void(int worker)> function) const = 0;

 protected:
  ThreadBackend() = default;
  ThreadBackend(const ThreadBackend&) = default;
  ThreadBackend& operator=(const ThreadBackend&) = default;
  ~ThreadBackend() = default;
};

namespace thread_detail {

struct RegisteredBackend {
  const ThreadBackend* backend = nullptr;
  ForkMark mark;
};
inline std::atomic<const RegisteredBackend*> registered{nullptr};

}  // namespace thread_detail

/// Pools made from now on run on the threads of `backend`; null: on threads of their own. `backend`
/// must live as long as the program. Call it before the program starts threads that make pools.
inline void set_thread_backend(const ThreadBackend* backend) {
  static thread_detail::RegisteredBackend made;
  made = {backend, ForkMark()};
  thread_detail::registered.store(&made, std::memory_order_release);
}

/// Null if none is registered, and in the child of a fork(): OpenMP libraries do not start threads
/// there again.
[[nodiscard]] inline const ThreadBackend* thread_backend() noexcept {
  const thread_detail::RegisteredBackend* const found =
      thread_detail::registered.load(std::memory_order_acquire);
  return found != nullptr && found->mark.here() ? found->backend : nullptr;
}

}  // namespace espalier
