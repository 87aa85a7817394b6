// SPDX-License-Identifier: Apache-2.0
// Adam and AdamW.
#pragma once

#include <array>
#include <cmath>
#include <string_view>

#include "espalier/optim/rule.hpp"

namespace espalier {

namespace optim_detail {

/// The update of Adam and AdamW: `l2` · p is added to the gradient; p is first multiplied by
/// 1 − rate · `decoupled`.
template <class T>
[[nodiscard]] ESPALIER_HD auto adam_formula(const UpdateStep& step, double learning_rate,
                                            double beta1, double beta2, double epsilon, double l2,
                                            double decoupled) {
  const auto t = static_cast<double>(step.step);
  const double rate = learning_rate * step.rate;
  return [scale = static_cast<T>(step.gradient_scale), l2 = static_cast<T>(l2),
          keep = static_cast<T>(1 - rate * decoupled), beta1 = static_cast<T>(beta1),
          beta2 = static_cast<T>(beta2), rest1 = static_cast<T>(1 - beta1),
          rest2 = static_cast<T>(1 - beta2), rate = static_cast<T>(rate / (1 - std::pow(beta1, t))),
          unbias = static_cast<T>(1 / std::sqrt(1 - std::pow(beta2, t))),
          epsilon = static_cast<T>(epsilon)](auto& p, auto g, auto& m, auto& v) {
    g = scale * g + l2 * p;
    m = without_tail(beta1 * m + rest1 * g);
    v = beta2 * v + rest2 * (g * g);
    v = m == decltype(m + m){} ? without_tail(v) : v;  // not before m: m is divided by its root
    p = keep * p - rate * m / (unbias * square_root(v) + epsilon);
  };
}

/// The hyper-parameters of both.
[[nodiscard]] inline auto adam_parameters(double learning_rate, double beta1, double beta2,
                                          double epsilon, double weight_decay) {
  return std::array{HyperParameter{"learning_rate", learning_rate},
                    HyperParameter{"beta1", beta1, 0, 1}, HyperParameter{"beta2", beta2, 0, 1},
                    HyperParameter{"epsilon", epsilon, least_epsilon},
                    HyperParameter{"weight_decay", weight_decay}};
}

}  // namespace optim_detail

/// g ← scale · g + weight_decay · p; m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²;
/// p ← p − rate · m̂ / (√v̂ + ε) with m̂ = m / (1 − β₁^t), v̂ = v / (1 − β₂^t), t = 1 in the first
/// step. Kingma & Ba, Adam: a method for stochastic optimization, ICLR 2015.
struct Adam {
  double learning_rate = 1e-3;
  double beta1 = 0.9;       ///< in [0, 1)
  double beta2 = 0.999;     ///< in [0, 1)
  double epsilon = 1e-8;    ///< added outside the square root
  double weight_decay = 0;  ///< L2: added to the gradient

  static constexpr std::string_view name = "adam";
  static constexpr int states = 2;

  [[nodiscard]] auto hyper_parameters() const {
    return optim_detail::adam_parameters(learning_rate, beta1, beta2, epsilon, weight_decay);
  }
  template <class T>
  [[nodiscard]] ESPALIER_HD auto formula(const UpdateStep& step) const {
    return optim_detail::adam_formula<T>(step, learning_rate, beta1, beta2, epsilon, weight_decay,
                                         0);
  }
};

/// Adam with decoupled weight decay: the decay is not added to the gradient; instead p is first
/// multiplied by 1 − rate · weight_decay. Loshchilov & Hutter, Decoupled weight decay
/// regularization, ICLR 2019.
struct AdamW {
  double learning_rate = 1e-3;
  double beta1 = 0.9;          ///< in [0, 1)
  double beta2 = 0.999;        ///< in [0, 1)
  double epsilon = 1e-8;       ///< added outside the square root
  double weight_decay = 1e-2;  ///< rate · weight_decay is the fraction of p removed per step

  static constexpr std::string_view name = "adamw";
  static constexpr int states = 2;

  [[nodiscard]] auto hyper_parameters() const {
    return optim_detail::adam_parameters(learning_rate, beta1, beta2, epsilon, weight_decay);
  }
  template <class T>
  [[nodiscard]] ESPALIER_HD auto formula(const UpdateStep& step) const {
    return optim_detail::adam_formula<T>(step, learning_rate, beta1, beta2, epsilon, 0,
                                         weight_decay);
  }
};

}  // namespace espalier
