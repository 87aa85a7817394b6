// SPDX-License-Identifier: Apache-2.0
// Products with few rows or columns as dot products along the depth: nothing is packed, everything
// is read once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "espalier/kernels/activation.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu {

template <class T>
struct GemmOutput;

namespace detail {

inline constexpr Index most_dots = 3;

/// out[r · Many + f] = ⟨many_r, few_f⟩ for Many rows and Few others, all `k` long.
template <class T, int Many, int Few>
[[gnu::noinline]] ESPALIER_ALIGN_LOOPS void dot_tile(Index k, const T* many, Index many_step,
                                                     const T* few, Index few_step, T* out) {
  constexpr Index n = lanes<T>;
  Vector<T> sum[std::size_t{Many}][std::size_t{Few}];
  ESPALIER_UNROLL
  for (int r = 0; r < Many; ++r) {
    ESPALIER_UNROLL
    for (int f = 0; f < Few; ++f) sum[r][f] = Vector<T>{};
  }
  Index p = 0;
  for (; p + n <= k; p += n) {
    Vector<T> right[std::size_t{Few}];
    ESPALIER_UNROLL
    for (int f = 0; f < Few; ++f) right[f] = load(few + f * few_step + p);
    ESPALIER_UNROLL
    for (int r = 0; r < Many; ++r) {
      const Vector<T> left = load(many + r * many_step + p);
      ESPALIER_UNROLL
      for (int f = 0; f < Few; ++f) sum[r][f] += left * right[f];
    }
  }
  for (int r = 0; r < Many; ++r) {
    for (int f = 0; f < Few; ++f) {
      T total = sum_of_lanes<T>(sum[r][f]);
      for (Index q = p; q < k; ++q) total += many[r * many_step + q] * few[f * few_step + q];
      out[r * Few + f] = total;
    }
  }
}

/// `count` rows with `Few` others, which are C's rows and columns, or columns and rows.
/// dots(rows, r, out): of so many rows from the r-th on, with every other.
template <class T, int Few, class Dots>
void dot_rows(Index count, const GemmOutput<T>& c, bool many_are_rows, const Dots& dots) {
  constexpr int at_once = Few == 1 ? 8 : 4;
  T values[std::size_t{at_once * Few}];
  for (Index r = 0; r < count;) {
    Index rows = 1;
    if (count - r >= at_once) {
      rows = at_once;
      dots(std::integral_constant<int, at_once>{}, r, values);
    } else {
      dots(std::integral_constant<int, 1>{}, r, values);
    }
    for (Index i = 0; i < rows; ++i, ++r) {
      for (Index f = 0; f < Few; ++f) {
        T& to = c.data[many_are_rows ? r + f * c.stride : f + r * c.stride];
        T y = values[i * Few + f];
        if (c.accumulate) {
          to += y;
          continue;
        }
        if (c.bias != nullptr) y += c.bias[many_are_rows ? r : f];
        to = activate(c.activation, y);
      }
    }
  }
}

/// C = act(A B + bias) or C += A B where a row of A and a column of B are both contiguous, and A
/// has few rows or B few columns.
template <class T>
void gemm_dots(Index m, Index n, Index k, const T* a, Index a_step, const T* b, Index b_step,
               const GemmOutput<T>& c) {
  const bool few_columns = n <= m;
  const Index count = few_columns ? m : n, few = few_columns ? n : m;
  const T *const many = few_columns ? a : b, *const other = few_columns ? b : a;
  const Index many_step = few_columns ? a_step : b_step, few_step = few_columns ? b_step : a_step;
  const auto rows = [&](auto others) {
    constexpr int Few = others;
    dot_rows<T, Few>(count, c, few_columns, [&](auto at_once, Index r, T* out) {
      dot_tile<T, at_once, Few>(k, many + r * many_step, many_step, other, few_step, out);
    });
  };
  if (few == 1) {
    rows(std::integral_constant<int, 1>{});
  } else if (few == 2) {
    rows(std::integral_constant<int, 2>{});
  } else {
    rows(std::integral_constant<int, 3>{});
  }
}

}  // namespace detail

}  // namespace espalier::cpu
