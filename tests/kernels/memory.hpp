// SPDX-License-Identifier: Apache-2.0
// Where the data of kernel tests is: host memory, unless the tests run on a GPU.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace espalier_test {

struct MemorySource {
  void* (*allocate)(std::size_t bytes) = [](std::size_t bytes) { return ::operator new(bytes); };
  void (*release)(void* memory) = [](void* memory) { ::operator delete(memory); };
};
inline MemorySource& memory_source() {
  static MemorySource source;
  return source;
}

template <class T>
struct TestAllocator {
  using value_type = T;

  TestAllocator() = default;
  template <class U>
  // NOLINTNEXTLINE(google-explicit-constructor): required of allocators.
  TestAllocator(const TestAllocator<U>&) {}

  [[nodiscard]] T* allocate(std::size_t count) {
    return static_cast<T*>(memory_source().allocate(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t) { memory_source().release(memory); }
  friend bool operator==(const TestAllocator&, const TestAllocator&) { return true; }
};

/// A vector that kernels can reach.
template <class T>
using TestVector = std::vector<T, TestAllocator<T>>;

}  // namespace espalier_test
