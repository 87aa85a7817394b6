// SPDX-License-Identifier: Apache-2.0
// `View<T>`: a matrix view that does not own its values. A sample is a column; columns are `stride`
// elements apart.
#pragma once

#include <type_traits>

#include "espalier/core/config.hpp"

namespace espalier {

/// `rows × cols` values, column-major, with `stride` ≥ `rows` elements from one column to the next.
template <class T>
struct View {
  T* data = nullptr;
  Index rows = 0;
  Index cols = 0;
  Index stride = 0;

  [[nodiscard]] ESPALIER_HD constexpr T* column(Index j) const noexcept {
    return data + j * stride;
  }
  [[nodiscard]] ESPALIER_HD constexpr T& operator()(Index i, Index j) const noexcept {
    return data[i + j * stride];
  }
  [[nodiscard]] ESPALIER_HD constexpr bool contiguous() const noexcept { return stride == rows; }

  // A view of const is a weaker view. A template: nvcc warns of a conversion to the same type.
  template <class C>
  requires(!std::is_const_v<T> && std::is_same_v<C, const T>)
      // NOLINTNEXTLINE(google-explicit-constructor)
      constexpr
      operator View<C>() const noexcept {
    return {data, rows, cols, stride};
  }
};

/// Returns a read-only view of the same values.
template <class T>
[[nodiscard]] constexpr View<const T> as_const(View<T> v) noexcept {
  return v;
}

/// Prefetches a row of `width` values into the cache (GCC and Clang only).
template <class T>
inline void prefetch_row([[maybe_unused]] const T* row, [[maybe_unused]] Index width) {
#if defined(__GNUC__)
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  for (Index i = 0; i < width; i += line) __builtin_prefetch(row + i);
#endif
}

}  // namespace espalier
