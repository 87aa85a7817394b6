// SPDX-License-Identifier: Apache-2.0
// Between samples and their steps: repeats, weighted sums, positions.
#pragma once

#include <algorithm>

#include "espalier/core/segments.hpp"
#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu {

/// y_u = x_j for every step u of sample j.
template <class T>
void repeat_forward(Device, View<const T> x, Segments s, View<T> y) {
  for (Index j = 0; j < s.samples; ++j) {
    for (Index u = s.begin(j); u < s.end(j); ++u) std::copy_n(x.column(j), x.rows, y.column(u));
  }
}

/// dx_j (+)= Σ_u dy_u.
template <class T>
void repeat_backward(Device, View<const T> dy, Segments s, View<T> dx, bool accumulate) {
  for (Index j = 0; j < s.samples; ++j) {
    T* const to = dx.column(j);
    if (!accumulate) std::fill_n(to, dx.rows, T{0});
    for (Index u = s.begin(j); u < s.end(j); ++u)
      combine(to, dy.column(u), dx.rows, [](auto sum, auto more) { return sum + more; });
  }
}

/// y_j = Σ_u w_u x_u over the steps u of sample j; weights: 1 × steps.
template <class T>
void weigh_forward(Device, View<const T> x, View<const T> weights, Segments s, View<T> y) {
  for (Index j = 0; j < s.samples; ++j) {
    T* const to = y.column(j);
    std::fill_n(to, y.rows, T{0});
    for (Index u = s.begin(j); u < s.end(j); ++u) {
      combine(to, x.column(u), y.rows,
              [w = *weights.column(u)](auto sum, auto value) { return sum + w * value; });
    }
  }
}

/// dx_u (+)= w_u dy_j; data null: not wanted.
template <class T>
void weigh_input_gradient(Device, View<const T> weights, Segments s, View<const T> dy, View<T> dx,
                          bool accumulate) {
  for (Index j = 0; j < s.samples; ++j) {
    for (Index u = s.begin(j); u < s.end(j); ++u) {
      const T w = *weights.column(u);
      if (accumulate) {
        combine(dx.column(u), dy.column(j), dx.rows, [w](auto sum, auto d) { return sum + w * d; });
      } else {
        combine(dx.column(u), dy.column(j), dx.rows, [w](auto, auto d) { return w * d; });
      }
    }
  }
}

/// dw_u (+)= ⟨x_u, dy_j⟩.
template <class T>
void weigh_weight_gradient(Device, View<const T> x, Segments s, View<const T> dy, View<T> dweights,
                           bool accumulate) {
  for (Index j = 0; j < s.samples; ++j) {
    const T* const d = dy.column(j);
    for (Index u = s.begin(j); u < s.end(j); ++u) {
      const T* const v = x.column(u);
      T dot = 0;
      for (Index i = 0; i < x.rows; ++i) dot += v[i] * d[i];
      T& to = *dweights.column(u);
      to = accumulate ? to + dot : dot;
    }
  }
}

/// y_u = x_u + p, where p is row t of `positions` (rows of x.rows values) for step t of a sample,
/// counted from its last step if `from_last`.
template <class T>
void add_positions_forward(Device, View<const T> x, const T* positions, Segments s, bool from_last,
                           View<T> y) {
  for (Index j = 0; j < s.samples; ++j) {
    const Index begin = s.begin(j), end = s.end(j);
    for (Index u = begin; u < end; ++u) {
      const T* ESPALIER_RESTRICT p = positions + (from_last ? end - 1 - u : u - begin) * x.rows;
      const T* ESPALIER_RESTRICT from = x.column(u);
      T* ESPALIER_RESTRICT to = y.column(u);
      for (Index i = 0; i < x.rows; ++i) to[i] = from[i] + p[i];
    }
  }
}

/// dp += Σ dy over the steps at each position.
template <class T>
void add_positions_gradient(Device, View<const T> dy, Segments s, bool from_last, T* dpositions) {
  for (Index j = 0; j < s.samples; ++j) {
    const Index begin = s.begin(j), end = s.end(j);
    for (Index u = begin; u < end; ++u) {
      combine(dpositions + (from_last ? end - 1 - u : u - begin) * dy.rows, dy.column(u), dy.rows,
              [](auto sum, auto more) { return sum + more; });
    }
  }
}

}  // namespace espalier::cpu
