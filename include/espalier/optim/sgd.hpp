// SPDX-License-Identifier: Apache-2.0
// Stochastic gradient descent with momentum.
#pragma once

#include <array>
#include <string_view>

#include "espalier/optim/rule.hpp"

namespace espalier {

/// g ← scale · g + weight_decay · p; b ← momentum · b + g; p ← p − rate · b, or with `nesterov`
/// p ← p − rate · (g + momentum · b). Without momentum: p ← p − rate · g (with `nesterov` too), and
/// no state is kept.
/// Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013.
struct Sgd {
  double learning_rate = 1e-2;
  double momentum = 0;  ///< in [0, 1)
  bool nesterov = false;
  double weight_decay = 0;  ///< L2: added to the gradient

  static constexpr std::string_view name = "sgd";
  static constexpr int states = 1;

  [[nodiscard]] bool stateless() const { return momentum == 0; }

  [[nodiscard]] auto hyper_parameters() const {
    return std::array{HyperParameter{"learning_rate", learning_rate},
                      HyperParameter{"momentum", momentum, 0, 1},
                      HyperParameter{"nesterov", nesterov ? 1.0 : 0.0},
                      HyperParameter{"weight_decay", weight_decay}};
  }

  template <class T>
  [[nodiscard]] ESPALIER_HD auto formula(const UpdateStep& step) const {
    return [scale = static_cast<T>(step.gradient_scale), decay = static_cast<T>(weight_decay),
            rate = static_cast<T>(learning_rate * step.rate), keep = static_cast<T>(momentum),
            // p changes by −rate · (now · g + then · b)
            now = static_cast<T>(nesterov ? 1 : 0),
            then = static_cast<T>(nesterov ? momentum : 1)](auto& p, auto g, auto& b) {
      g = scale * g + decay * p;
      b = without_tail(keep * b + g);
      p -= rate * (now * g + then * b);
    };
  }
};

}  // namespace espalier
