// SPDX-License-Identifier: Apache-2.0
// Applies a loss to a microbatch: missing labels, sample weights, sums in a fixed order.
#pragma once

#include <algorithm>
#include <cassert>
#include <concepts>

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/loss.hpp"
#include "espalier/losses/logistic_registers.hpp"
#include "espalier/losses/loss.hpp"

namespace espalier {

namespace detail {

template <class L>
concept TakesRegisters = requires {
  requires L::takes_registers;
};

template <class L>
concept TakesLogits = requires(Logit<FloatRegister> x, FloatRegister y, FloatRegister& gradient) {
  L::evaluate(x, y, gradient);
};

/// Adapts L to registers of samples for apply_registers().
template <class L>
struct RegisterLoss {
  static constexpr bool has_ahead = TakesLogits<L>;

  static FloatRegister ahead(FloatRegister z) { return logit(z).e; }
  static FloatRegister evaluate(FloatRegister z, [[maybe_unused]] FloatRegister e, FloatRegister y,
                                FloatRegister& gradient, float unit) {
    if constexpr (has_ahead) {
      return L::evaluate(Logit<FloatRegister>{z, e}, y, gradient);
    } else {
      return evaluate_in_unit<L>(z, y, gradient, unit);
    }
  }
};

}  // namespace detail

/// Returns Σ_j w_j · loss(z_j, y_j) over the samples that have a label, accumulated in double in a
/// fixed order. Writes gradient_j = scale · w_j · ∂loss/∂z_j, or 0 if the label is missing (NaN);
/// does not read the previous content of the buffer. `z` and `gradient`: outputs × n; `labels`: n;
/// `weights`: n, or null for all ones. `unit`: the number that labels were divided by.
template <class L, class T>
double apply_loss(View<const T> z, const T* labels, const T* weights, T scale, View<T> gradient,
                  T unit = 1) {
  check_loss<L>();
  double sum = 0;
  if constexpr (Loss<L>) {
    constexpr Index outputs = L::outputs;
    assert(z.rows == outputs && gradient.rows == outputs && gradient.cols == z.cols);
    if constexpr (std::same_as<T, float> && detail::TakesRegisters<L>) {
      if (z.stride == 1 && gradient.stride == 1) {
        return apply_registers<detail::RegisterLoss<L>>(Cpu{}, z.data, labels, weights, scale, unit,
                                                        gradient.data, z.cols);
      }
    }
    for (Index j = 0; j < z.cols; ++j) {
      const T y = labels[j];
      T* const g = gradient.column(j);
      if (y != y) {
        std::fill_n(g, outputs, T{0});
        continue;
      }
      const T weight = weights == nullptr ? T{1} : weights[j];
      T value;
      if constexpr (ScalarLoss<L>) {
        value = detail::evaluate_in_unit<L>(*z.column(j), y, *g, unit);
      } else {
        value = L::template evaluate<T>(z.column(j), y, g);
      }
      sum += static_cast<double>(weight) * static_cast<double>(value);
      for (Index i = 0; i < outputs; ++i) g[i] *= scale * weight;
    }
  }
  return sum;
}

/// out_j = predict(z_j): probabilities or means. Both outputs × n; `out` must not be `z`. For a
/// loss with a Head of its own, z is the input of that, which is the prediction.
template <class L, class T>
void apply_predict(View<const T> z, View<T> out) {
  check_loss<L>();
  if constexpr (requires { typename L::Head; }) {
    for (Index j = 0; j < z.cols; ++j) std::copy_n(z.column(j), z.rows, out.column(j));
  } else if constexpr (Loss<L>) {
    assert(z.rows == L::outputs && out.rows == L::outputs && out.cols == z.cols);
    for (Index j = 0; j < z.cols; ++j) {
      if constexpr (ScalarLoss<L>) {
        *out.column(j) = L::template predict<T>(*z.column(j));
      } else {
        L::template predict<T>(z.column(j), out.column(j));
      }
    }
  }
}

}  // namespace espalier
