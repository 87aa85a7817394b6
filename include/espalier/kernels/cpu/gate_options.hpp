// SPDX-License-Identifier: Apache-2.0
// Gates whose experts are dropped at random, and the load of gates.
#pragma once

#include <cstdint>

#include "espalier/core/random.hpp"
#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier::cpu {

namespace detail {
/// Sum of the weights that are kept; 0 if it is at most 1e-6: all are kept then.
template <class T>
[[nodiscard]] T kept_weight(const T* g, Index rows, std::uint64_t threshold, std::uint64_t column,
                            Index at) {
  T sum = 0;
  for (Index e = 0; e < rows; ++e)
    sum += (mix(column + static_cast<std::uint64_t>(at + e)) >> 32U) < threshold ? T{0} : g[e];
  return sum > static_cast<T>(1e-6) ? sum : T{0};
}
}  // namespace detail

/// y = m ∘ g / Σ m g in each of `groups` equal parts; m_e is 0 with probability `rate`, else 1, a
/// function of key, column and row. Column j is column `first` + j of the whole batch. If Σ m g is
/// at most 1e-6, y = g.
template <class T>
void gate_dropout_forward(Device, View<const T> g, Index groups, double rate, std::uint64_t key,
                          Index first, View<T> y) {
  const auto threshold = static_cast<std::uint64_t>(rate * 0x1p32);
  const Index rows = g.rows / groups;
  for (Index j = 0; j < g.cols; ++j) {
    const std::uint64_t column = mix(key, static_cast<std::uint64_t>(first + j));
    for (Index at = 0; at < g.rows; at += rows) {
      const T* from = g.column(j) + at;
      T* to = y.column(j) + at;
      const T sum = detail::kept_weight(from, rows, threshold, column, at);
      for (Index e = 0; e < rows; ++e) {
        const bool out = (mix(column + static_cast<std::uint64_t>(at + e)) >> 32U) < threshold;
        to[e] = sum == 0 ? from[e] : out ? T{0} : from[e] / sum;
      }
    }
  }
}

/// dg_e (+)= m_e (dy_e − ⟨dy, y⟩) / Σ m g, or dy_e if Σ m g is at most 1e-6.
template <class T>
void gate_dropout_backward(Device, View<const T> g, View<const T> y, View<const T> dy, Index groups,
                           double rate, std::uint64_t key, Index first, View<T> dg,
                           bool accumulate) {
  const auto threshold = static_cast<std::uint64_t>(rate * 0x1p32);
  const Index rows = g.rows / groups;
  for (Index j = 0; j < g.cols; ++j) {
    const std::uint64_t column = mix(key, static_cast<std::uint64_t>(first + j));
    for (Index at = 0; at < g.rows; at += rows) {
      const T sum = detail::kept_weight(g.column(j) + at, rows, threshold, column, at);
      const T* value = y.column(j) + at;
      const T* d = dy.column(j) + at;
      T* to = dg.column(j) + at;
      T dot = 0;
      for (Index e = 0; e < rows; ++e) dot += d[e] * value[e];
      for (Index e = 0; e < rows; ++e) {
        const bool out = (mix(column + static_cast<std::uint64_t>(at + e)) >> 32U) < threshold;
        const T v = sum == 0 ? d[e] : out ? T{0} : (d[e] - dot) / sum;
        to[e] = accumulate ? to[e] + v : v;
      }
    }
  }
}

/// sums[0] = Σ_j w_j; sums[1 + e] = Σ_j w_j g_ej. weights: null for all ones.
template <class T>
void gate_load(Device, View<const T> g, const T* weights, T* sums) {
  for (Index e = 0; e <= g.rows; ++e) sums[e] = 0;
  for (Index j = 0; j < g.cols; ++j) {
    const T weight = weights == nullptr ? T{1} : weights[j];
    sums[0] += weight;
    for (Index e = 0; e < g.rows; ++e) sums[1 + e] += weight * g(e, j);
  }
}

/// dg_ej (+)= scales[group of e] · w_j · load_e. weights: null for all ones.
template <class T>
void load_balance_backward(Device, const T* load, const T* scales, Index groups, const T* weights,
                           View<T> dg, bool accumulate) {
  const Index rows = dg.rows / groups;
  for (Index j = 0; j < dg.cols; ++j) {
    const T weight = weights == nullptr ? T{1} : weights[j];
    for (Index e = 0; e < dg.rows; ++e) {
      const T v = scales[e / rows] * weight * load[e];
      dg(e, j) = accumulate ? dg(e, j) + v : v;
    }
  }
}

}  // namespace espalier::cpu
