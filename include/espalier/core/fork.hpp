// SPDX-License-Identifier: Apache-2.0
// `ForkMark`: tells an object that has threads whether it is still in the process that started
// them.
#pragma once

#include <atomic>
#include <memory>
#include <new>

#include "espalier/core/config.hpp"

#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace espalier {

namespace fork_detail {

/// Number of fork() generations between the first process and this one. A counter, not a system
/// call: a run of a pool is too short for one.
inline std::atomic<unsigned> generation{0};

}  // namespace fork_detail

/// The child of a fork() has a copy of every object, but of the threads only the one that called
/// fork().
class ForkMark {
 public:
  ForkMark() : generation_(current()) {}

  /// Returns whether this process made the mark.
  [[nodiscard]] bool here() const noexcept {
    return generation_ == fork_detail::generation.load(std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] static unsigned current() {
#if !defined(_WIN32)
    static const int watched = ::pthread_atfork(
        nullptr, nullptr, [] { fork_detail::generation.fetch_add(1, std::memory_order_relaxed); });
    static_cast<void>(watched);
#endif
    return fork_detail::generation.load(std::memory_order_relaxed);
  }

  unsigned generation_;
};

/// Constructs a new T in place of `object` without destroying the old one. For copies of threads,
/// mutexes and condition variables in a child process: joining or even destroying them would wait
/// for threads that do not exist.
template <class T>
void abandon(T& object) {
  ::new (static_cast<void*>(std::addressof(object))) T();
}

}  // namespace espalier
