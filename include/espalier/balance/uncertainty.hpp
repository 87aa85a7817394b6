// SPDX-License-Identifier: Apache-2.0
// Uncertainty: weights from the learnt noise of each task.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

/// Each task k has a learnt s_k = log σ_k² and the weight w_k = e^{−s_k}. The objective, minimised
/// over s too, is
///   Σ_k e^{−s_k} L_k + ½ s_k
///       Kendall, Gal & Cipolla, Multi-task learning using uncertainty to weigh losses, CVPR 2018;
///       w_k converges to 1 / (2 L_k)
///   Σ_k e^{−s_k} L_k + log(1 + e^{s_k})
///       if `revised`: Liebel & Körner, Auxiliary tasks in multi-task learning, 2018; the second
///       term is never negative; w_k converges to (√(1 + 4 / L_k) − 1) / 2
/// Kendall et al. have a factor ½ for a squared error but not for a cross entropy; SquaredError
/// already includes that ½, so one formula serves both.
///
/// s starts at 0, so every weight starts at 1. After each training step, s takes one Adam step
/// (β 0.9 and 0.999, ε 1e-8) on the gradient −e^{−s} L + ½, or −e^{−s} L + σ(s) if `revised` (σ is
/// the logistic function), with the losses of that step. A task that is absent from a batch, or
/// whose loss is infinite, keeps its s, moments and step count; so does a task whose loss is
/// negative, as a Poisson loss can be: such a loss is no negative log-likelihood of this form, and
/// s would decrease forever. Weights are at most `max_weight`, however small the loss.
struct Uncertainty {
  double learning_rate = 1e-2;
  bool revised = false;
  double max_weight = 1e4;

  static constexpr std::string_view name = "uncertainty";
  static constexpr bool needs_current_losses = false;

  /// The learnt state, one number per task each.
  struct State {
    std::vector<double> s, first, second, steps;
  };
  State learnt{};

  /// Throws ConfigError unless learning_rate > 0 and max_weight ≥ 1, both finite.
  void reset(std::size_t tasks) {
    check(learning_rate > 0 && std::isfinite(learning_rate), "learning_rate", learning_rate,
          "a number greater than 0");
    check(max_weight >= 1 && std::isfinite(max_weight), "max_weight", max_weight,
          "a number from 1");
    for (auto* part : {&learnt.s, &learnt.first, &learnt.second, &learnt.steps}) {
      part->assign(tasks, 0.0);
    }
  }

  void weights(std::span<const double>, std::span<double> out) const {
    for (std::size_t k = 0; k < out.size(); ++k) out[k] = std::exp(-learnt.s[k]);
  }

  void observe(std::span<const double> losses) {
    for (std::size_t k = 0; k < losses.size(); ++k) {
      const double g = gradient(learnt.s[k], losses[k]);
      if (!(losses[k] >= 0) || !std::isfinite(g * g)) continue;
      double &first = learnt.first[k], &second = learnt.second[k], &steps = learnt.steps[k];
      ++steps;
      first = 0.9 * first + 0.1 * g;
      second = 0.999 * second + 0.001 * g * g;
      const double mean = first / (1 - std::pow(0.9, steps));
      const double square = second / (1 - std::pow(0.999, steps));
      const double moved = learnt.s[k] - learning_rate * mean / (std::sqrt(square) + 1e-8);
      learnt.s[k] = (std::max)(moved, -std::log(max_weight));
    }
  }

  /// The objective of one task, and its derivative with respect to s.
  [[nodiscard]] double objective(double s, double loss) const {
    return std::exp(-s) * loss + (revised ? softplus_of(s) : s / 2);
  }
  [[nodiscard]] double gradient(double s, double loss) const {
    return -std::exp(-s) * loss + (revised ? 1 / (1 + std::exp(-s)) : 0.5);
  }

  /// s, Adam's first moments, second moments and step counts; one per task each.
  [[nodiscard]] std::vector<double> state() const {
    std::vector<double> all;
    for (const auto* part : {&learnt.s, &learnt.first, &learnt.second, &learnt.steps}) {
      all.insert(all.end(), part->begin(), part->end());
    }
    return all;
  }
  void restore(std::span<const double> state) {
    const std::size_t n = learnt.s.size();
    std::size_t at = 0;
    for (auto* part : {&learnt.s, &learnt.first, &learnt.second, &learnt.steps}) {
      const std::span<const double> from = state.subspan(at, n);
      part->assign(from.begin(), from.end());
      at += n;
    }
  }

  [[nodiscard]] std::string describe() const {
    return std::string(name) + "(learning_rate=" + text(learning_rate) +
           ", revised=" + (revised ? "true" : "false") + ", max_weight=" + text(max_weight) + ")";
  }

 private:
  [[nodiscard]] static double softplus_of(double s) {
    return (std::max)(s, 0.0) + std::log1p(std::exp(-std::abs(s)));
  }
  [[nodiscard]] static std::string text(double value) { return decimal(value, 17); }
  static void check(bool right, const char* what, double value, const char* expected) {
    if (right) return;
    throw_error<ConfigError>({"uncertainty: ", what, " is ", text(value), ", expected ", expected});
  }
};

}  // namespace espalier
