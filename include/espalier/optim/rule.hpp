// SPDX-License-Identifier: Apache-2.0
// `OptimizerRule`: what an optimiser is, a formula for one element; and the loops that apply it to
// ranges and to rows.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/optim/pack.hpp"

namespace espalier {

/// What changes from step to step.
struct UpdateStep {
  std::int64_t step = 1;      ///< 1 for the first update: for the correction of the moments' bias
  double rate = 1;            ///< the schedule's factor: multiplies the learning rate
  double gradient_scale = 1;  ///< the clipping factor: multiplies the gradient before anything else
};

/// One number that an optimiser is set by, and where it may lie: in [low, high).
struct HyperParameter {
  std::string_view name;
  double value = 0;
  double low = 0;
  double high = std::numeric_limits<double>::infinity();
};

/// The least value allowed for what keeps a denominator from 0: it must not be 0 as a float either.
inline constexpr double least_epsilon = 1e-30;

/// An aggregate of hyper-parameters, with
///   `double learning_rate`;
///   `static constexpr std::string_view name` and `static constexpr int states`, the numbers kept
///   for each parameter; `hyper_parameters()`: a std::array<HyperParameter, N> of all of them, for
///   checks and checkpoints; `formula<T>(const UpdateStep&)`: the update of an element, a function
///   (p&, g, state&...) for T and Pack<T> alike.
/// What depends on the step alone is computed in double before the function is made, once a step.
/// May have `double initial_state(int i) const` (0 without) and `bool stateless() const` (false
/// without): that these settings need no states after all; then none are kept and the formula gets
/// zeros. A weight decay is called `double weight_decay`: groups of parameters then may have their own.
template <class R>
concept OptimizerRule = std::copyable<R> && requires(const R& rule, const UpdateStep& step) {
  { rule.learning_rate } -> std::convertible_to<double>;
  { R::name } -> std::convertible_to<std::string_view>;
  { R::states } -> std::convertible_to<int>;
  { rule.hyper_parameters().size() } -> std::convertible_to<std::size_t>;
  rule.template formula<float>(step);
  rule.template formula<double>(step);
};

namespace optim_detail {

namespace ESPALIER_COMPILED_SET {

/// The pack that begins at element `i`: everything is read before anything is written.
template <class T, class Formula, std::size_t S, std::size_t... I>
inline void update_pack(const Formula& formula, T* p, const T* g, const std::array<T*, S>& states,
                        Index i, std::index_sequence<I...>) {
  Pack<T> parameter = load_pack(p + i);
  std::array<Pack<T>, S> state{load_pack(states[I] + i)...};
  formula(parameter, load_pack(g + i), state[I]...);
  store_pack(p + i, parameter);
  (store_pack(states[I] + i, state[I]), ...);
}

/// Fewer elements than a pack, from `i` on: the same instructions on padded copies, so that an
/// element's result does not depend on where the range was cut.
template <class T, class Formula, std::size_t S>
void update_rest(const Formula& formula, T* p, const T* g, const std::array<T*, S>& states, Index i,
                 Index count) {
  using Padded = std::array<T, static_cast<std::size_t>(pack_size<T>)>;
  Padded parameter{};
  Padded gradient{};
  std::array<Padded, S> state{};
  std::array<T*, S> padded{};
  std::copy_n(p + i, count, parameter.data());
  std::copy_n(g + i, count, gradient.data());
  for (std::size_t k = 0; k < S; ++k) {
    std::copy_n(states[k] + i, count, state[k].data());
    padded[k] = state[k].data();
  }
  update_pack(formula, parameter.data(), gradient.data(), padded, 0, std::make_index_sequence<S>{});
  std::copy_n(parameter.data(), count, p + i);
  for (std::size_t k = 0; k < S; ++k) std::copy_n(state[k].data(), count, states[k] + i);
}

template <class T, class Formula, std::size_t S>
inline void update_range(const Formula& formula, T* p, const T* g, const std::array<T*, S>& states,
                         Index n) {
  Index i = 0;
  for (; i + pack_size<T> <= n; i += pack_size<T>) {
    update_pack(formula, p, g, states, i, std::make_index_sequence<S>{});
  }
  if (i < n) update_rest(formula, p, g, states, i, n - i);
}

}  // namespace ESPALIER_COMPILED_SET
using namespace ESPALIER_COMPILED_SET;

/// The formula of a rule with `S` states for settings that need none of them.
template <class Formula, std::size_t S>
struct WithoutStates {
  const Formula& formula;

  template <class P>
  void operator()(P& p, P g) const {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      std::array<P, S> zeros{};
      formula(p, g, zeros[I]...);
    }
    (std::make_index_sequence<S>{});
  }
};

}  // namespace optim_detail

}  // namespace espalier
