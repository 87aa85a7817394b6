// SPDX-License-Identifier: Apache-2.0
// A loss over a slice of samples: missing labels, sample weights, sums in a fixed order.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <concepts>
#include <limits>

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/vector_math.hpp"
#include "espalier/losses/logistic.hpp"
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

template <class L, class T>
concept TakesUnit = requires(T z, T& gradient, Element<T> unit) {
  L::template evaluate<T>(z, z, gradient, unit);
};

/// One value, or a register of them. `unit`: see loss.hpp.
template <class L, class T>
inline T evaluate_in_unit(T z, T y, T& gradient, [[maybe_unused]] Element<T> unit) {
  if constexpr (TakesUnit<L, T>) {
    return L::template evaluate<T>(z, y, gradient, unit);
  } else {
    return L::template evaluate<T>(z, y, gradient);
  }
}

namespace ESPALIER_COMPILED_SET {

/// A register of samples: writes their gradients and their values, 0 where there is no label. `e`: of their logits, if L takes them.
template <class L>
inline void apply_register(const float* z, const float* e, const float* labels, const float* weights, float scale,
                           float unit, float* gradient, float* values) {
  const FloatRegister y = cpu::load(labels), zero{};
  const auto labelled = y == y;
  FloatRegister g, value;
  if constexpr (TakesLogits<L>) {
    value = L::evaluate(Logit<FloatRegister>{cpu::load(z), cpu::load(e)}, labelled ? y : zero, g);
  } else {
    value = evaluate_in_unit<L>(cpu::load(z), labelled ? y : zero, g, unit);
  }
  if (weights != nullptr) {
    const FloatRegister weight = cpu::load(weights);
    value *= weight;
    g *= weight;
  }
  cpu::store(gradient, labelled ? g * scale : zero);
  cpu::store(values, labelled ? value : zero);
}

/// apply_loss for samples side by side. What a sample's gradient is does not depend on where it lies. Exponentials are
/// computed a block ahead: the chains of dependent instructions are shorter, and more of them under way at a time.
template <class L>
double apply_registers(const float* z, const float* labels, const float* weights, float scale, float unit,
                       float* gradient, Index n) {
  constexpr Index lanes = cpu::lanes<float>, block = 16 * lanes;
  float values[std::size_t{block}], e[std::size_t{block}];
  cpu::DoubleSum sum;
  for (Index j = 0; j < n;) {
    const Index begin = j, end = (std::min)(j + block, n);
    if constexpr (TakesLogits<L>) {
      for (Index i = j; i + lanes <= end; i += lanes) cpu::store(e + (i - begin), logit(cpu::load(z + i)).e);
    }
    for (; j + lanes <= end; j += lanes) {
      apply_register<L>(z + j, e + (j - begin), labels + j, weights == nullptr ? nullptr : weights + j, scale, unit,
                        gradient + j, values + (j - begin));
    }
    if (j < end) {
      std::array<float, std::size_t{lanes}> last_z{}, last_labels, last_weights{}, last_gradient;
      last_labels.fill(std::numeric_limits<float>::quiet_NaN());
      std::copy(z + j, z + end, last_z.data());
      std::copy(labels + j, labels + end, last_labels.data());
      if (weights != nullptr) std::copy(weights + j, weights + end, last_weights.data());
      if constexpr (TakesLogits<L>) cpu::store(e, logit(cpu::load(last_z.data())).e);
      apply_register<L>(last_z.data(), e, last_labels.data(), weights == nullptr ? nullptr : last_weights.data(), scale, unit,
                        last_gradient.data(), values + (j - begin));
      std::copy_n(last_gradient.data(), end - j, gradient + j);
      j = end;
    }
    for (Index i = 0; i < end - begin; i += lanes) sum.add(values + i);
  }
  return sum.total();
}

}  // namespace ESPALIER_COMPILED_SET
using namespace ESPALIER_COMPILED_SET;

}  // namespace detail

/// Returns Σ_j w_j · loss(z_j, y_j) over the samples that have a label, added in double, in a fixed order.
/// Writes gradient_j = scale · w_j · ∂loss/∂z_j, and 0 where the label is missing (NaN); what the
/// buffer held before is not read. `z` and `gradient`: outputs × n; `labels`: n; `weights`: n, or
/// null for all one. `unit`: what labels were divided by.
template <class L, class T>
double apply_loss(View<const T> z, const T* labels, const T* weights, T scale, View<T> gradient, T unit = 1) {
  check_loss<L>();
  double sum = 0;
  if constexpr (Loss<L>) {
    constexpr Index outputs = L::outputs;
    assert(z.rows == outputs && gradient.rows == outputs && gradient.cols == z.cols);
    if constexpr (std::same_as<T, float> && detail::TakesRegisters<L>) {
      if (z.stride == 1 && gradient.stride == 1) {
        return detail::apply_registers<L>(z.data, labels, weights, scale, unit, gradient.data, z.cols);
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

/// out_j = what z_j means: probabilities, means. Both outputs × n; `out` is not `z`.
template <class L, class T>
void apply_predict(View<const T> z, View<T> out) {
  check_loss<L>();
  if constexpr (Loss<L>) {
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
