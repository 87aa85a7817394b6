// SPDX-License-Identifier: Apache-2.0
// `ForkMark`: tells what has threads of its own whether it is still in the process that started them.
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

/// Forks between the first process and this one. Counted, not asked of the system: a run of a pool is too short for that.
inline std::atomic<unsigned> generation{0};

}  // namespace fork_detail

/// The child of a fork() has a copy of all objects, and of the threads only the one that called it.
class ForkMark {
 public:
  ForkMark() : generation_(current()) {}

  /// Whether this is the process that made the mark.
  [[nodiscard]] bool here() const noexcept {
    return generation_ == fork_detail::generation.load(std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] static unsigned current() {
#if !defined(_WIN32)
    static const int watched =
        ::pthread_atfork(nullptr, nullptr, [] { fork_detail::generation.fetch_add(1, std::memory_order_relaxed); });
    static_cast<void>(watched);
#endif
    return fork_detail::generation.load(std::memory_order_relaxed);
  }

  unsigned generation_;
};

/// Begins the life of `object` anew without ending the one before. For the threads, locks and conditions that a child has
/// copies of: to join, or even to destroy them would wait for threads that are not there.
template <class T>
void abandon(T& object) {
  ::new (static_cast<void*>(std::addressof(object))) T();
}

}  // namespace espalier
