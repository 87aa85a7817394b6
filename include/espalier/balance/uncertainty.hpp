// SPDX-License-Identifier: Apache-2.0
// Weights from each task's own noise, learnt along.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace espalier {

/// Minimises Σ_k e^{−s_k} L_k + ½ s_k over s_k = log σ_k² as well, by Adam: the weight of a task is e^{−s_k}, which settles at
/// 1 / (2 L_k). With L the squared error ½ (z − y)² this is the likelihood of a normal variable with variance σ²; for
/// cross-entropy it is the approximation of Kendall, Gal & Cipolla, CVPR 2018. `revised` takes log(1 + σ²) for the second
/// term, which is never negative (Liebel & Körner 2018).
struct Uncertainty {
  double learning_rate = 1e-2;
  bool revised = false;

  static constexpr std::string_view name = "uncertainty";
  static constexpr bool needs_current_losses = false;

  void reset(std::size_t tasks) {
    s_.assign(tasks, 0.0);
    m_.assign(tasks, 0.0);
    v_.assign(tasks, 0.0);
    steps_.assign(tasks, 0.0);
  }

  void weights(std::span<const double>, std::span<double> out) const {
    for (std::size_t k = 0; k < out.size(); ++k) out[k] = std::exp(-s_[k]);
  }

  void observe(std::span<const double> losses) {
    for (std::size_t k = 0; k < s_.size(); ++k) {
      if (!std::isfinite(losses[k])) continue;
      const double g = gradient(s_[k], losses[k]);
      ++steps_[k];
      m_[k] = 0.9 * m_[k] + 0.1 * g;
      v_[k] = 0.999 * v_[k] + 0.001 * g * g;
      const double m = m_[k] / (1 - std::pow(0.9, steps_[k])), v = v_[k] / (1 - std::pow(0.999, steps_[k]));
      s_[k] -= learning_rate * m / (std::sqrt(v) + 1e-8);
    }
  }

  /// What is minimised for one task.
  [[nodiscard]] double objective(double s, double loss) const {
    return std::exp(-s) * loss + (revised ? std::log1p(std::exp(s)) : s / 2);
  }
  /// Its derivative by s.
  [[nodiscard]] double gradient(double s, double loss) const {
    return -std::exp(-s) * loss + (revised ? 1 / (1 + std::exp(-s)) : 0.5);
  }

  [[nodiscard]] std::vector<double> state() const {
    std::vector<double> all;
    for (const auto* part : {&s_, &m_, &v_, &steps_}) all.insert(all.end(), part->begin(), part->end());
    return all;
  }
  void restore(std::span<const double> state) {
    const std::size_t n = state.size() / 4;
    std::size_t at = 0;
    for (auto* part : {&s_, &m_, &v_, &steps_}) {
      part->assign(state.begin() + static_cast<std::ptrdiff_t>(at), state.begin() + static_cast<std::ptrdiff_t>(at + n));
      at += n;
    }
  }

  /// What is learnt: s and, of each task, Adam's moments and steps. Public so that the settings above stay an aggregate.
  std::vector<double> s_{}, m_{}, v_{}, steps_{};
};

}  // namespace espalier
