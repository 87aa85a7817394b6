// SPDX-License-Identifier: Apache-2.0
// Adagrad: a learning rate per parameter that decreases with the gradients seen so far.
#pragma once

#include <array>
#include <string_view>

#include "espalier/optim/rule.hpp"

namespace espalier {

/// g ← scale · g + weight_decay · p; a ← a + g²; p ← p − rate · g / (√a + ε), with a initially
/// `initial_accumulator`. Duchi, Hazan & Singer, Adaptive subgradient methods for online learning
/// and stochastic optimization, JMLR 2011.
struct Adagrad {
  double learning_rate = 1e-2;
  double initial_accumulator = 0;
  double epsilon = 1e-10;   ///< added outside the square root
  double weight_decay = 0;  ///< L2: added to the gradient

  static constexpr std::string_view name = "adagrad";
  static constexpr int states = 1;

  [[nodiscard]] double initial_state(int) const { return initial_accumulator; }

  [[nodiscard]] auto hyper_parameters() const {
    return std::array{HyperParameter{"learning_rate", learning_rate},
                      HyperParameter{"initial_accumulator", initial_accumulator},
                      HyperParameter{"epsilon", epsilon, least_epsilon},
                      HyperParameter{"weight_decay", weight_decay}};
  }

  template <class T>
  [[nodiscard]] ESPALIER_HD auto formula(const UpdateStep& step) const {
    return [scale = static_cast<T>(step.gradient_scale), decay = static_cast<T>(weight_decay),
            rate = static_cast<T>(learning_rate * step.rate),
            epsilon = static_cast<T>(epsilon)](auto& p, auto g, auto& a) {
      g = scale * g + decay * p;
      a += g * g;
      p -= rate * g / (square_root(a) + epsilon);
    };
  }
};

}  // namespace espalier
