// SPDX-License-Identifier: Apache-2.0
// `Prefetcher`: a thread that gathers the next batch while the current one is used for training.
#pragma once

#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <span>
#include <thread>

#include "espalier/core/error.hpp"
#include "espalier/core/fork.hpp"
#include "espalier/data/batch_buffer.hpp"
#include "espalier/data/features.hpp"

namespace espalier {

using BatchSlots = std::array<BatchBuffer<float>, 2>;

/// Gathers batches of `batch_size` samples from `order`, starting at index `begin`.
/// Double-buffered: the step reads one slot while the thread fills the other. The last batch may be
/// smaller. `data`, `order` and `slots` must outlive this object.
class Prefetcher {
 public:
  Prefetcher(const EncodedData& data, std::span<const std::int32_t> order, Index batch_size,
             Index begin, BatchSlots& slots)
      : data_(data), order_(order), batch_size_(batch_size), begin_(begin), slots_(slots) {
    thread_ = std::thread([this] { fill(); });
  }

  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  ~Prefetcher() {
    if (!mark_.here()) {
      abandon(thread_);
      abandon(mutex_);
      abandon(changed_);
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  /// Returns the next batch, valid until the following call; null at the end. Rethrows what the
  /// thread threw. Throws Error in the child of a fork().
  [[nodiscard]] const Batch<float>* next() {
    if (!mark_.here()) {
      throw Error(
          "the process was forked in the middle of an epoch, and the thread that prepares batches "
          "stayed in the "
          "parent: fork before fit() or after it");
    }
    std::unique_lock lock(mutex_);
    if (taken_ > released_) {
      ++released_;
      changed_.notify_all();
    }
    changed_.wait(lock, [this] { return filled_ > taken_ || finished_; });
    if (error_) std::rethrow_exception(error_);
    if (filled_ == taken_) return nullptr;
    return &slots_[static_cast<std::size_t>(taken_++ % 2)].batch();
  }

 private:
  void fill() {
    try {
      const Index rows = static_cast<Index>(order_.size());
      for (Index at = begin_; at < rows; at += batch_size_) {
        Index slot = 0;
        {
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [this] { return stop_ || filled_ - released_ < 2; });
          if (stop_) return;
          slot = filled_ % 2;
        }
        const Index count = (std::min)(batch_size_, rows - at);
        slots_[static_cast<std::size_t>(slot)].gather(
            data_, order_.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count)));
        {
          const std::lock_guard lock(mutex_);
          ++filled_;
        }
        changed_.notify_all();
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      error_ = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
    }
    changed_.notify_all();
  }

  const EncodedData& data_;
  std::span<const std::int32_t> order_;
  Index batch_size_, begin_;
  BatchSlots& slots_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Index filled_ = 0, taken_ = 0, released_ = 0;
  bool stop_ = false, finished_ = false;
  std::exception_ptr error_;
  ForkMark mark_;
  std::thread thread_;
};

}  // namespace espalier
