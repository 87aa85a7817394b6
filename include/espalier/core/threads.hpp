// SPDX-License-Identifier: Apache-2.0
// `ThreadPool`: a few threads that take numbered pieces of work, and sleep when there is none.
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/fork.hpp"
#include "espalier/core/function_ref.hpp"
#include "espalier/core/thread_backend.hpp"

namespace espalier {

/// Runs `count` pieces of work on up to `threads` threads, the calling one among them. Each thread
/// begins with its own part, the same in every run, whose values are in its core's cache, and then
/// takes pieces from the others' parts. So any thread may take any piece, and results must not
/// depend on it.
///
/// The threads are those of the registered ThreadBackend (OpenMP's, with espalier::openmp), else
/// the pool's own. The pool's own threads spin for a short while when they have no work, and then
/// sleep. In the child of a fork() the pool starts threads of its own with its first run there.
class ThreadPool {
 public:
  /// `threads` ≥ 1 counts the caller; 0: default_threads(). `backend`: null for threads of its own.
  explicit ThreadPool(int threads, const ThreadBackend* backend = thread_backend())
      : threads_(threads > 0 ? threads : default_threads()),
        backend_(backend),
        parts_(static_cast<std::size_t>(threads_)) {
    if (backend_ == nullptr) start();
  }

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  ~ThreadPool() {
    if (!mark_.here()) leave_parent();
    stop();
  }

  [[nodiscard]] int threads() const noexcept { return threads_; }

  /// Calls function(piece, worker) for every piece in [0, count); worker is in [0, threads()) and
  /// no two calls with one worker overlap. Returns when all are done. The first exception thrown is
  /// thrown again here. One run at a time.
  void run(Index count, FunctionRef<void(Index piece, int worker)> function) {
    if (threads_ > 1 && count > 1 && !mark_.here()) {
      leave_parent();
      backend_ = nullptr;
      start();
      mark_ = ForkMark();
    }
    if (threads_ == 1 || count <= 1 || (backend_ != nullptr && backend_->in_parallel_region())) {
      for (Index piece = 0; piece < count; ++piece) function(piece, 0);
      return;
    }
    function_ = &function;
    error_ = nullptr;
    for (int part = 0; part < threads_; ++part) {
      parts_[static_cast<std::size_t>(part)].next.store(part * count / threads_,
                                                        std::memory_order_relaxed);
    }
    count_ = count;
    if (backend_ != nullptr) {
      backend_->run(threads_, [this](int worker) { take(worker); });
    } else {
      take_on_own_threads();
    }
    if (error_) std::rethrow_exception(error_);
  }

  /// Calls function(worker) once on every thread of the pool, the calling one among them. With a
  /// backend these are the threads that it has for the caller now, which may be fewer.
  void on_every_thread(FunctionRef<void(int worker)> function) {
    if (backend_ == nullptr || !mark_.here()) {
      std::atomic<int> arrived{0};
      run(threads_, [&](Index, int worker) {
        arrived.fetch_add(1);
        while (arrived.load() < threads_)
          std::this_thread::yield();  // so that each takes one piece
        function(worker);
      });
      return;
    }
    if (threads_ == 1 || backend_->in_parallel_region()) return function(0);
    error_ = nullptr;
    backend_->run(threads_, [&](int worker) { keep_error([&] { function(worker); }); });
    if (error_) std::rethrow_exception(error_);
  }

  /// The registered backend's, else as many as the machine has cores.
  [[nodiscard]] static int default_threads() noexcept {
    if (const ThreadBackend* const backend = thread_backend()) return backend->default_threads();
    const unsigned n = std::thread::hardware_concurrency();
    return n == 0 ? 1 : static_cast<int>(n);
  }

 private:
  static constexpr int spins =
      2000;  // some tens of microseconds: the gap between the parts of a step

  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    std::this_thread::yield();
#endif
  }

  /// A cache line of its own: its thread counts there without contention.
  struct alignas(64) Part {
    std::atomic<Index> next{0};
  };

  void take_on_own_threads() {
    busy_.store(threads_ - 1, std::memory_order_relaxed);
    {
      const std::lock_guard lock(mutex_);
      generation_.fetch_add(1, std::memory_order_release);
    }
    if (sleeping_.load(std::memory_order_relaxed) > 0) wake_.notify_all();
    take(0);
    for (int spin = 0; busy_.load(std::memory_order_acquire) != 0; ++spin) {
      if (spin < spins) {
        pause();
      } else {
        std::unique_lock lock(mutex_);
        done_.wait(lock, [this] { return busy_.load(std::memory_order_acquire) == 0; });
      }
    }
  }

  void take(int worker) {
    for (int turn = 0; turn < threads_; ++turn) {
      const int part = (worker + turn) % threads_;
      const Index end = (part + 1) * count_ / threads_;
      for (;;) {
        const Index piece =
            parts_[static_cast<std::size_t>(part)].next.fetch_add(1, std::memory_order_relaxed);
        if (piece >= end) break;
        keep_error([&] { (*function_)(piece, worker); });
      }
    }
  }

  template <class Function>
  void keep_error(const Function& function) {
    try {
      function();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  void start() {
    try {
      for (int worker = 1; worker < threads_; ++worker) {
        workers_.emplace_back([this, worker] { work(worker); });
      }
    } catch (...) {  // no more threads to be had
      stop();
      throw;
    }
  }

  /// In the child of a fork(): as before start().
  ESPALIER_COLD void leave_parent() {
    for (std::thread& worker : workers_) abandon(worker);
    workers_.clear();
    abandon(mutex_);
    abandon(wake_);
    abandon(done_);
    generation_ = 0;
    sleeping_ = 0;
    stop_ = false;
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void work(int worker) {
    std::uint64_t seen = 0;
    for (;;) {
      for (int spin = 0; generation_.load(std::memory_order_acquire) == seen; ++spin) {
        if (spin < spins) {
          pause();
          continue;
        }
        std::unique_lock lock(mutex_);
        sleeping_.fetch_add(1, std::memory_order_relaxed);
        wake_.wait(lock, [&] { return generation_.load(std::memory_order_acquire) != seen; });
        sleeping_.fetch_sub(1, std::memory_order_relaxed);
      }
      seen = generation_.load(std::memory_order_acquire);
      if (stop_) return;
      take(worker);
      if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        const std::lock_guard lock(mutex_);
        done_.notify_one();
      }
    }
  }

  int threads_;
  const ThreadBackend* backend_;
  std::vector<Part> parts_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<int> sleeping_{0};
  std::atomic<int> busy_{0};
  Index count_ = 0;
  const FunctionRef<void(Index, int)>* function_ = nullptr;
  std::exception_ptr error_;
  bool stop_ = false;
  ForkMark mark_;
};

}  // namespace espalier
