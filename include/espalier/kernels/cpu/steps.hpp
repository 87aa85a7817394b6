// SPDX-License-Identifier: Apache-2.0
// Between samples and their steps: comparison, weighted sums, positions.
#pragma once

#include <algorithm>

#include "espalier/core/segments.hpp"
#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/gate.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu {

/// to += a ∘ b.
template <class T>
void add_product(T* ESPALIER_RESTRICT to, const T* ESPALIER_RESTRICT a,
                 const T* ESPALIER_RESTRICT b, Index n) {
  for (Index i = 0; i < n; ++i) to[i] += a[i] * b[i];
}

/// y_u = [x_u, t_j, x_u ∘ t_j] for every step u of sample j. x: width × steps, t: width × samples.
template <class T>
void compare_forward(Device, View<const T> x, View<const T> t, Segments s, View<T> y) {
  const Index width = x.rows;
  for (Index j = 0; j < s.samples; ++j) {
    const T* const with = t.column(j);
    for (Index u = s.begin(j); u < s.end(j); ++u) {
      const T* const from = x.column(u);
      T* const to = y.column(u);
      std::copy_n(from, width, to);
      std::copy_n(with, width, to + width);
      combine(to + 2 * width, from, with, width, [](auto a, auto b) { return a * b; });
    }
  }
}

/// With the parts a, b, c of dy_u: dx_u (+)= a + c ∘ t_j; dt_j (+)= Σ_u b + c ∘ x_u. Data null: not
/// wanted.
template <class T>
void compare_backward(Device, View<const T> x, View<const T> t, Segments s, View<const T> dy,
                      View<T> dx, bool accumulate_x, View<T> dt, bool accumulate_t) {
  const Index width = x.rows;
  for (Index j = 0; j < s.samples; ++j) {
    const T* const with = t.column(j);
    T* const sum = dt.data == nullptr ? nullptr : dt.column(j);
    if (sum != nullptr && !accumulate_t) std::fill_n(sum, width, T{0});
    for (Index u = s.begin(j); u < s.end(j); ++u) {
      const T *const a = dy.column(u), *const b = a + width, *const c = b + width;
      if (sum != nullptr) {
        combine(sum, b, width, [](auto before, auto more) { return before + more; });
        add_product(sum, c, x.column(u), width);
      }
      if (dx.data == nullptr) continue;
      T* const to = dx.column(u);
      if (accumulate_x) {
        combine(to, a, width, [](auto before, auto more) { return before + more; });
      } else {
        std::copy_n(a, width, to);
      }
      add_product(to, c, with, width);
    }
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
      const T product = dot(x.column(u), d, x.rows);
      T& to = *dweights.column(u);
      to = accumulate ? to + product : product;
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
