// SPDX-License-Identifier: Apache-2.0
// SDMGrad: the shortest direction, regularised towards the mean gradient.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/nonnegative_program.hpp"
#include "espalier/balance/settings.hpp"

namespace espalier {

/// w ≥ 0, Σ w_k = 1 minimises |Σ_k w_k g_k + λ g₀|², with g₀ the mean gradient; d is that vector
/// divided by 1 + λ. λ = 0 is `Mgda`, λ → ∞ is `MeanGradient`. Xiao, Ban & Ji, Direction-oriented
/// multi-objective learning, NeurIPS 2023.
///
/// The minimum is solved exactly, in O(n³). With `steps` > 0, w is instead updated from the last
/// step's w by `steps` steps of projected gradient descent with momentum, with the Gramian in units
/// of the squared mean length, as in the authors' code (20 steps; O(steps n²)). Scaling all
/// gradients by one factor changes no weight. Conventions: the weights (w + λ / n) / (1 + λ) sum to
/// 1, as in the authors' code. The paper samples separate batches for the gradient of w, so that it
/// is unbiased; this uses the Gramian of one batch.
struct SdmGrad {
  double lambda = 0.3;
  int steps = 0;
  double learning_rate = 10;
  double momentum = 0.5;

  static constexpr std::string_view name = "sdm_grad";
  static constexpr bool needs_coordinates = false;

  std::vector<double> w{};

  void reset(std::size_t tasks) {
    detail::require_not_negative(name, {"lambda", lambda});
    detail::require_within(name, {"steps", double(steps)}, 0, 10000);
    detail::require_positive(name, {"learning_rate", learning_rate});
    detail::require_within(name, {"momentum", momentum}, 0, 0.999);
    w.assign(tasks, tasks > 0 ? 1 / static_cast<double>(tasks) : 0.0);
  }

  void weights(const TaskGradients& g, std::span<double> out) {
    const std::size_t n = g.size();
    const double pull = lambda / static_cast<double>(n);
    if (steps == 0) {
      detail::TaskVector shift{};
      for (std::size_t i = 0; i < n; ++i) shift[i] = pull;
      detail::shortest_in_hull(detail::shifted_gramian(g, 1, {shift.data(), n}), out);
    } else {
      double scale = 0, sum = 0;
      for (std::size_t i = 0; i < n; ++i) {
        scale += g.norm(i) / static_cast<double>(n);
        sum += out[i] = w[g.tasks[i]];
      }
      // w of the present tasks, normalised to sum to 1: absent tasks keep theirs.
      for (std::size_t i = 0; i < n; ++i)
        out[i] = sum > 0 ? out[i] / sum : 1 / static_cast<double>(n);
      detail::TaskVector velocity{};
      for (int step = 0; step < steps && scale > 0; ++step) {
        detail::TaskVector slope{};
        for (std::size_t i = 0; i < n; ++i) {
          for (std::size_t j = 0; j < n; ++j) slope[i] += g(i, j) / scale / scale * (out[j] + pull);
        }
        for (std::size_t i = 0; i < n; ++i) {
          velocity[i] = momentum * velocity[i] + slope[i];
          out[i] -= learning_rate * velocity[i];
        }
        detail::project_on_simplex(out);
      }
      for (std::size_t i = 0; i < n; ++i) w[g.tasks[i]] = n == w.size() ? out[i] : out[i] * sum;
    }
    for (double& x : out) x = (x + pull) / (1 + lambda);
  }

  [[nodiscard]] std::vector<double> state() const { return w; }
  void restore(std::span<const double> state) { w.assign(state.begin(), state.end()); }
  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(name, {{"lambda", lambda},
                                            {"steps", double(steps)},
                                            {"learning_rate", learning_rate},
                                            {"momentum", momentum}});
  }
};

}  // namespace espalier
