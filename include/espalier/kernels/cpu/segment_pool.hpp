// SPDX-License-Identifier: Apache-2.0
// Pools the tokens of each sample into one column.
#pragma once

#include <algorithm>
#include <cstddef>

#include "espalier/core/segments.hpp"
#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/simd.hpp"
#include "espalier/kernels/segment_pool.hpp"

namespace espalier::cpu {
namespace ESPALIER_COMPILED_SET {

/// to_i = max(to_i, more_i); NaN stays NaN.
template <class T>
void keep_largest(T* to, const T* more, Index n) {
  combine(to, more, n, [](auto most, auto value) {
    return value <= most ? most : (most <= value ? value : most + value);
  });
}

/// Gives dy to the first token that has the maximum y, value by value.
template <class T>
void max_backward(View<const T> x, const T* y, Index begin, Index end, const T* dy, View<T> dx,
                  bool accumulate) {
  constexpr Index at_once = 64;
  T left[std::size_t{at_once}];
  for (Index i = 0; i < x.rows; i += at_once) {
    const Index n = (std::min)(at_once, x.rows - i);
    std::copy_n(dy + i, n, left);
    for (Index u = begin; u < end; ++u) {
      const T* const value = x.column(u) + i;
      T* const to = dx.column(u) + i;
      for (Index r = 0; r < n; ++r) {
        const bool has = value[r] == y[i + r];
        const T given = has ? left[r] : T{0};
        left[r] = has ? T{0} : left[r];
        to[r] = accumulate ? to[r] + given : given;
      }
    }
  }
}

}  // namespace ESPALIER_COMPILED_SET

/// y_j = mean, sum, last, first or maximum of the tokens x_u of sample j; 0 if it has none. x: w ×
/// tokens, y: w × samples.
template <class T>
void segment_pool_forward(Device, SegmentPool p, View<const T> x, Segments s, View<T> y) {
  for (Index j = 0; j < s.samples; ++j) {
    const Index begin = s.begin(j), end = s.end(j);
    T* const to = y.column(j);
    if (begin == end) {
      std::fill_n(to, y.rows, T{0});
      continue;
    }
    std::copy_n(x.column(p == SegmentPool::last ? end - 1 : begin), y.rows, to);
    if (p == SegmentPool::last || p == SegmentPool::first) continue;
    for (Index u = begin + 1; u < end; ++u) {
      if (p == SegmentPool::max) {
        keep_largest(to, x.column(u), y.rows);
      } else {
        combine(to, x.column(u), y.rows, [](auto sum, auto value) { return sum + value; });
      }
    }
    if (p == SegmentPool::mean) {
      const T share = T{1} / static_cast<T>(end - begin);
      combine(to, to, y.rows, [share](auto sum, auto) { return sum * share; });
    }
  }
}

/// dx_u (+)= the part of dy_j that goes to token u of sample j. x and y, of the forward pass, are
/// read only for the maximum: its first token gets dy.
template <class T>
void segment_pool_backward(Device, SegmentPool p, View<const T> x, View<const T> y, Segments s,
                           View<const T> dy, View<T> dx, bool accumulate) {
  for (Index j = 0; j < s.samples; ++j) {
    const Index begin = s.begin(j), end = s.end(j);
    const T* const d = dy.column(j);
    if (p == SegmentPool::max) {
      max_backward(x, y.column(j), begin, end, d, dx, accumulate);
      continue;
    }
    for (Index u = begin; u < end; ++u) {
      const bool shared = p == SegmentPool::mean || p == SegmentPool::sum;
      const bool only = u == (p == SegmentPool::last ? end - 1 : begin);
      T* const to = dx.column(u);
      if (shared || only) {
        const T share = p == SegmentPool::mean ? T{1} / static_cast<T>(end - begin) : T{1};
        combine(to, d, dx.rows, [share, accumulate](auto before, auto v) {
          return accumulate ? before + share * v : share * v;
        });
      } else if (!accumulate) {
        std::fill_n(to, dx.rows, T{0});
      }
    }
  }
}

}  // namespace espalier::cpu
