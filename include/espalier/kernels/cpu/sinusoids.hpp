// SPDX-License-Identifier: Apache-2.0
// Positions as sines and cosines: added to steps, or as angles by which queries and keys turn.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "espalier/core/segments.hpp"
#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu {

/// cos tθ_i and sin tθ_i, θ_i = 10000^(−2i / width), for t = 0, 1, …: each from the one before, in
/// double, so that the error is below 1e-12 after 8192 steps.
class Angles {
 public:
  static constexpr Index most = 32;

  /// Those of the `count` ≤ `most` pairs i from `first` on.
  Angles(Index first, Index count, Index width) : count_(count) {
    for (Index i = 0; i < count; ++i) {
      const double angle =
          std::pow(10000.0, -2.0 * static_cast<double>(first + i) / static_cast<double>(width));
      turn_cosine_[i] = std::cos(angle);
      turn_sine_[i] = std::sin(angle);
    }
  }

  void restart() {
    std::fill_n(cosine_, count_, 1.0);
    std::fill_n(sine_, count_, 0.0);
  }
  void advance() {
    for (Index i = 0; i < count_; ++i) {
      const double c = cosine_[i], s = sine_[i];
      cosine_[i] = c * turn_cosine_[i] - s * turn_sine_[i];
      sine_[i] = s * turn_cosine_[i] + c * turn_sine_[i];
    }
  }
  [[nodiscard]] Index count() const { return count_; }
  template <class T>
  [[nodiscard]] T cosine(Index i) const {
    return static_cast<T>(cosine_[i]);
  }
  template <class T>
  [[nodiscard]] T sine(Index i) const {
    return static_cast<T>(sine_[i]);
  }

 private:
  static constexpr auto room = static_cast<std::size_t>(most);
  Index count_;
  double turn_cosine_[room], turn_sine_[room], cosine_[room], sine_[room];
};

/// Calls f(first, angles, u) for groups of the pairs of `width` values and for all steps u of every
/// sample, with the angles of the step's position; pair 0 of the group is pair `first`.
template <class Function>
void for_each_angle(Index pairs, Index width, Segments s, bool from_last, const Function& f) {
  for (Index first = 0; first < pairs; first += Angles::most) {
    Angles angles(first, (std::min)(Angles::most, pairs - first), width);
    for (Index j = 0; j < s.samples; ++j) {
      const Index begin = s.begin(j), length = s.length(j);
      angles.restart();
      for (Index t = 0; t < length; ++t) {
        f(first, std::as_const(angles), begin + (from_last ? length - 1 - t : t));
        angles.advance();
      }
    }
  }
}

/// y_u = x_u + p_t for step t of a sample, counted from its last step if `from_last`:
/// p_t = sin tθ_0, cos tθ_0, sin tθ_1, …
template <class T>
void add_sinusoids_forward(Device, View<const T> x, Segments s, bool from_last, View<T> y) {
  for_each_angle((x.rows + 1) / 2, x.rows, s, from_last,
                 [&](Index first, const Angles& angles, Index u) {
                   const T* const from = x.column(u);
                   T* const to = y.column(u);
                   for (Index i = 0; i < angles.count(); ++i) {
                     const Index row = 2 * (first + i);
                     to[row] = from[row] + angles.sine<T>(i);
                     if (row + 1 < x.rows) to[row + 1] = from[row + 1] + angles.cosine<T>(i);
                   }
                 });
}

/// Turns the values i and i + d / 2 of each head of q and k by ±tθ_i, θ_i of d; copies v.
/// `back`: in the other direction.
template <class T>
void rotate_pairs(View<const T> x, Segments s, Index heads, bool back, View<T> y, bool accumulate) {
  const Index width = x.rows / 3, half = width / heads / 2;
  const auto put = [accumulate](T& to, T value) { to = accumulate ? to + value : value; };
  for_each_angle(half, 2 * half, s, false, [&](Index first, const Angles& angles, Index u) {
    T cosine[std::size_t{Angles::most}], sine[std::size_t{Angles::most}];
    for (Index i = 0; i < angles.count(); ++i) {
      cosine[i] = angles.cosine<T>(i);
      sine[i] = back ? -angles.sine<T>(i) : angles.sine<T>(i);
    }
    for (Index h = 0; h < 2 * heads; ++h) {  // those of q, then those of k
      const T* ESPALIER_RESTRICT from = x.column(u) + 2 * h * half + first;
      T* ESPALIER_RESTRICT to = y.column(u) + 2 * h * half + first;
      for (Index i = 0; i < angles.count(); ++i) {
        const T a = from[i], b = from[i + half];
        put(to[i], a * cosine[i] - b * sine[i]);
        put(to[i + half], b * cosine[i] + a * sine[i]);
      }
    }
    if (first == 0) {
      combine(y.column(u) + 2 * width, x.column(u) + 2 * width, width,
              [accumulate](auto before, auto v) { return accumulate ? before + v : v; });
    }
  });
}

/// x: 3w × steps, q, k and v, of `heads` heads of d values, d even. y = x with q and k of step t
/// turned, in each head: y_i = x_i cos tθ_i − x_(i + d/2) sin tθ_i, y_(i + d/2) = x_(i + d/2)
/// cos tθ_i + x_i sin tθ_i for i < d / 2.
template <class T>
void rotate_forward(Device, View<const T> x, Segments s, Index heads, View<T> y) {
  rotate_pairs(x, s, heads, false, y, false);
}

/// dx (+)= dy, turned back.
template <class T>
void rotate_backward(Device, View<const T> dy, Segments s, Index heads, View<T> dx,
                     bool accumulate) {
  rotate_pairs(dy, s, heads, true, dx, accumulate);
}

}  // namespace espalier::cpu
