// SPDX-License-Identifier: Apache-2.0
// `Buffer<T>`: zero-initialised memory aligned to a cache line, of fixed size.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "espalier/core/config.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace espalier {

/// Owns an array of trivially copyable `T`, aligned to 64 bytes and zeroed. Copyable, movable,
/// never resized in place. From 2 MiB on it requests huge pages: scattered reads of rows of a large
/// table would otherwise miss the TLB each time.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);
  static constexpr std::size_t huge_page = std::size_t{1} << 21U;

 public:
  Buffer() = default;

  /// Allocates `size` elements, all zero. Throws std::bad_alloc.
  explicit Buffer(std::size_t size) : size_(size) {
    // Above this limit, the number of bytes rounded up to the alignment would overflow.
    if (size > (static_cast<std::size_t>(-1) / 2) / sizeof(T)) throw std::bad_alloc();
    if (size != 0) {
      data_ = static_cast<T*>(::operator new(size * sizeof(T), alignment()));
#if defined(__linux__) && defined(MADV_HUGEPAGE)
      // Before the first access. Failure is ignored: the system then uses small pages.
      if (is_huge())
        static_cast<void>(
            ::madvise(data_, size * sizeof(T) / huge_page * huge_page, MADV_HUGEPAGE));
#endif
      std::fill_n(data_, size, T{});
    }
  }

  Buffer(const Buffer& other) : Buffer(other.size_) {
    if (size_ != 0) std::copy_n(other.data_, size_, data_);
  }

  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

  Buffer& operator=(Buffer other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  ~Buffer() {
    if (data_ != nullptr) ::operator delete(data_, alignment());
  }

  [[nodiscard]] T* data() noexcept { return data_; }
  [[nodiscard]] const T* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return data_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  [[nodiscard]] T* begin() noexcept { return data_; }
  [[nodiscard]] T* end() noexcept { return data_ + size_; }
  [[nodiscard]] const T* begin() const noexcept { return data_; }
  [[nodiscard]] const T* end() const noexcept { return data_ + size_; }
  [[nodiscard]] std::span<T> span() noexcept { return {data_, size_}; }
  [[nodiscard]] std::span<const T> span() const noexcept { return {data_, size_}; }

  void fill(T value) noexcept { std::fill_n(data_, size_, value); }

 private:
  [[nodiscard]] bool is_huge() const noexcept { return size_ >= huge_page / sizeof(T); }
  [[nodiscard]] std::align_val_t alignment() const noexcept {
    return std::align_val_t{is_huge() ? huge_page : 64};
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace espalier
