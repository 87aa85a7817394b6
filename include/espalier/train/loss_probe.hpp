// SPDX-License-Identifier: Apache-2.0
// `loss_probe`: what tells two losses of one name apart.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "espalier/core/decimal.hpp"
#include "espalier/ops/program.hpp"

namespace espalier {

/// A loss is code, its options are constants in it: what it says of small and of large logits, as text.
template <class T>
[[nodiscard]] std::string loss_probe(const LossFunctions<T>& loss, int outputs) {
  constexpr std::array<T, 2> labels{0, 1};
  std::vector<T> logits(2 * static_cast<std::size_t>(outputs)), gradient(logits.size());
  std::string text;
  for (const double scale : {1.0, 1000.0}) {
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<T>(scale * (0.75 - static_cast<double>(i % 3)));
    const double value = loss.evaluate({logits.data(), outputs, 2, outputs}, labels.data(), nullptr, T{1},
                                       {gradient.data(), outputs, 2, outputs});
    text += (text.empty() ? "" : ", ") + decimal(value, 5) + " and " + decimal(static_cast<double>(gradient[0]), 5);
  }
  return text + " at two probes";
}

}  // namespace espalier
