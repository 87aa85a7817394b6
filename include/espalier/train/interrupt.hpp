// SPDX-License-Identifier: Apache-2.0
// `InterruptGuard`: records Ctrl-C and SIGTERM in a flag while the guard exists.
#pragma once

#include <atomic>
#include <csignal>

#include "espalier/core/config.hpp"

namespace espalier {

/// Catches SIGINT and SIGTERM so that a loop can end cleanly; the destructor restores the previous
/// handlers. The first SIGINT restores the default action, so a second one ends the program at
/// once; SIGTERM may come repeatedly. A signal that the program ignores (for example under nohup)
/// stays ignored.
///
/// Signals belong to the application: the library creates a guard only if options request it.
/// Guards may be nested and share one flag. Do not create and destroy guards in two threads at the
/// same time.
class InterruptGuard {
 public:
  InterruptGuard() {
    if (guards()++ == 0) caught().store(0);
    install(SIGINT, previous_int_);
    install(SIGTERM, previous_term_);
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard() {
    restore(SIGTERM, previous_term_);
    restore(SIGINT, previous_int_);
    --guards();
  }

  /// Whether a signal has come since the outermost guard was created.
  [[nodiscard]] bool interrupted() const noexcept { return signal() != 0; }
  /// The number of the signal, or 0. A program that ends because of it returns 128 + this number.
  [[nodiscard]] int signal() const noexcept { return caught().load(std::memory_order_relaxed); }

 private:
#if defined(_WIN32)
  using Action = void (*)(int);
#else
  using Action = struct sigaction;
#endif

  static std::atomic<int>& caught() noexcept {
    static_assert(std::atomic<int>::is_always_lock_free);
    static std::atomic<int> signal{0};  // constant-initialized: a handler may use it at any time
    return signal;
  }
  static int& guards() noexcept {
    static int count = 0;
    return count;
  }

  static void handle(int signal) noexcept {
    caught().store(signal, std::memory_order_relaxed);
    if (signal == SIGINT) static_cast<void>(std::signal(SIGINT, SIG_DFL));
#if defined(_WIN32)
    if (signal != SIGINT) static_cast<void>(std::signal(signal, &InterruptGuard::handle));
#endif
  }

#if defined(_WIN32)
  static void install(int signal, Action& previous) {
    previous = std::signal(signal, &InterruptGuard::handle);
    if (previous == SIG_IGN) std::signal(signal, SIG_IGN);
  }
  static void restore(int signal, Action previous) { std::signal(signal, previous); }
#else
  static void install(int signal, Action& previous) {
    if (::sigaction(signal, nullptr, &previous) != 0) return;
    if ((previous.sa_flags & SA_SIGINFO) == 0 && previous.sa_handler == SIG_IGN) return;
    Action action{};
    action.sa_handler = &InterruptGuard::handle;
    // Interrupted reads and writes are restarted: only the loop checks the flag.
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    ::sigaction(signal, &action, nullptr);
  }
  static void restore(int signal, const Action& previous) {
    ::sigaction(signal, &previous, nullptr);
  }
#endif

  Action previous_int_{};
  Action previous_term_{};
};

}  // namespace espalier
