// SPDX-License-Identifier: Apache-2.0
// Losses of neighbouring samples, a register of samples at a time.
#pragma once

#include <algorithm>
#include <array>
#include <limits>

#include "espalier/core/config.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/vector_math.hpp"

namespace espalier::cpu::ESPALIER_COMPILED_SET {

/// Computes the gradients and values of a register of samples; both are 0 for samples without a
/// label. `e`: L::ahead(z), read only if L::has_ahead.
template <class L>
inline void apply_register(const float* z, const float* e, const float* labels,
                           const float* weights, float scale, float unit, float* gradient,
                           float* values) {
  const FloatRegister y = load(labels), zero{};
  const auto labelled = y == y;
  FloatRegister g,
      value = L::evaluate(load(z), L::has_ahead ? load(e) : zero, labelled ? y : zero, g, unit);
  if (weights != nullptr) {
    const FloatRegister weight = load(weights);
    value *= weight;
    g *= weight;
  }
  store(gradient, labelled ? g * scale : zero);
  store(values, labelled ? value : zero);
}

/// Returns Σ_j w_j · loss(z_j, y_j), accumulated in double in a fixed order, and writes the
/// gradients. `L` has evaluate(z, e, y, gradient, unit) and, if `has_ahead`, e = ahead(z), both of
/// registers. The gradient of a sample does not depend on its position. Exponentials are computed a
/// block ahead: the chains of dependent instructions are shorter, and more of them run in parallel.
template <class L>
double apply_registers(Device, const float* z, const float* labels, const float* weights,
                       float scale, float unit, float* gradient, Index n) {
  constexpr Index block = 16 * lanes<float>;
  float values[std::size_t{block}], e[std::size_t{block}];
  DoubleSum sum;
  for (Index j = 0; j < n;) {
    const Index begin = j, end = (std::min)(j + block, n);
    if constexpr (L::has_ahead) {
      for (Index i = j; i + lanes<float> <= end; i += lanes<float>)
        store(e + (i - begin), L::ahead(load(z + i)));
    }
    for (; j + lanes<float> <= end; j += lanes<float>) {
      apply_register<L>(z + j, e + (j - begin), labels + j,
                        weights == nullptr ? nullptr : weights + j, scale, unit, gradient + j,
                        values + (j - begin));
    }
    if (j < end) {
      std::array<float, std::size_t{lanes<float>}> last_z{}, last_labels, last_weights{},
          last_gradient;
      last_labels.fill(std::numeric_limits<float>::quiet_NaN());
      std::copy(z + j, z + end, last_z.data());
      std::copy(labels + j, labels + end, last_labels.data());
      if (weights != nullptr) std::copy(weights + j, weights + end, last_weights.data());
      if constexpr (L::has_ahead) store(e, L::ahead(load(last_z.data())));
      apply_register<L>(last_z.data(), e, last_labels.data(),
                        weights == nullptr ? nullptr : last_weights.data(), scale, unit,
                        last_gradient.data(), values + (j - begin));
      std::copy_n(last_gradient.data(), end - j, gradient + j);
      j = end;
    }
    for (Index i = 0; i < end - begin; i += lanes<float>) sum.add(values + i);
  }
  return sum.total();
}

}  // namespace espalier::cpu::ESPALIER_COMPILED_SET

namespace espalier {
using cpu::apply_registers;
}  // namespace espalier
