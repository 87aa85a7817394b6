// SPDX-License-Identifier: Apache-2.0
// CR-MOGM: smooths another method's weights over steps.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/mgda.hpp"
#include "espalier/balance/settings.hpp"

namespace espalier {

/// λ ← α λ + (1 − α) λ̂, with λ̂ the weights of `Method`; initially λ = λ̂. The weights then depend
/// little on the batch whose gradients they multiply; without this, stochastic multi-objective
/// methods need not converge. Zhou et al., On the convergence of stochastic multi-objective
/// gradient manipulation and beyond, NeurIPS 2022.
///
/// Costs as much as `Method`; state: λ and that of `Method`. Conventions: α is fixed (0.9); in the
/// paper it grows to 1 as the learning rate decreases. An absent task keeps its λ.
template <class Method = Mgda>
struct CrMogm {
  static_assert(!Method::needs_coordinates,
                "espalier: CrMogm smooths weights, and this method's step is more than weights");
  Method method{};
  double alpha = 0.9;

  static constexpr std::string_view name = "cr_mogm";
  static constexpr bool needs_coordinates = false;
  static constexpr bool inner_state = detail::GradientMethodWithState<Method>;

  std::vector<double> smooth{};  ///< λ; NaN until the task is first present

  void keep(const LearningTasks& tasks) requires(detail::KeepsSettingsByTask<Method>) {
    method.keep(tasks);
  }
  void reset(std::size_t tasks) {
    detail::require_within(name, {"alpha", alpha}, 0, 1);
    if constexpr (inner_state) method.reset(tasks);
    smooth.assign(tasks, std::nan(""));
  }

  void weights(const TaskGradients& gradients, std::span<double> out) {
    method.weights(gradients, out);
    for (std::size_t i = 0; i < out.size(); ++i) {
      double& s = smooth[gradients.tasks[i]];
      out[i] = s = s == s ? alpha * s + (1 - alpha) * out[i] : out[i];
    }
  }

  [[nodiscard]] std::vector<double> state() const {
    std::vector<double> all = smooth;
    if constexpr (inner_state) {
      const std::vector<double> inner = method.state();
      all.insert(all.end(), inner.begin(), inner.end());
    }
    return all;
  }
  void restore(std::span<const double> state) {
    smooth.assign(state.begin(), state.begin() + static_cast<std::ptrdiff_t>(smooth.size()));
    if constexpr (inner_state) method.restore(state.subspan(smooth.size()));
  }
  [[nodiscard]] std::string describe() const {
    std::string inner(Method::name);
    if constexpr (requires { method.describe(); }) inner = method.describe();
    return detail::describe_settings(name, {{"alpha", alpha}}) + " of " + inner;
  }
};

}  // namespace espalier
