// SPDX-License-Identifier: Apache-2.0
// `OptimizerRule`: an optimiser as an update formula for one element; and the loops that apply it
// to contiguous ranges.
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

/// The values that change from step to step.
struct UpdateStep {
  std::int64_t step = 1;      ///< 1 for the first update; used to correct the bias of the moments
  double rate = 1;            ///< factor of the schedule on the learning rate
  double gradient_scale = 1;  ///< clipping factor: multiplies the gradient first
};

/// A hyper-parameter and its valid range [low, high).
struct HyperParameter {
  std::string_view name;
  double value = 0;
  double low = 0;
  double high = std::numeric_limits<double>::infinity();
};

/// Lower bound for values that keep a denominator from 0: must be non-zero as a float too.
inline constexpr double least_epsilon = 1e-30;

inline constexpr int max_optimizer_states = 4;

/// An aggregate of hyper-parameters, with
///   `double learning_rate`;
///   `static constexpr std::string_view name`;
///   `static constexpr int states`: how many numbers are kept per parameter, 0 to
///   `max_optimizer_states`;
///   `hyper_parameters()`: a std::array<HyperParameter, N> of all, for checks and checkpoints;
///   `formula<T>(const UpdateStep&)`: returns the update of one element, a function
///   (p&, g, state&...) that works for T and for Pack<T>.
/// Values that depend only on the step are computed in double when the formula is made, once per
/// step. Optional: `double initial_state(int i) const` (default 0) and `bool stateless() const`
/// (default: states == 0): true if these settings need no states; then none are kept and the
/// formula gets zeros. A weight decay must be named `double weight_decay`: parameter groups can
/// then override it.
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

/// Updates the pack that begins at element `i`. Reads everything before it writes.
template <class T, class Formula, std::size_t S, std::size_t... I>
inline void update_pack(const Formula& formula, T* p, const T* g, const std::array<T*, S>& states,
                        Index i, std::index_sequence<I...>) {
  Pack<T> parameter = load_pack(p + i);
  std::array<Pack<T>, S> state{load_pack(states[I] + i)...};
  formula(parameter, load_pack(g + i), state[I]...);
  store_pack(p + i, parameter);
  (store_pack(states[I] + i, state[I]), ...);
}

/// Updates the `count` elements from `i` on, fewer than a pack. Runs the same instructions on
/// padded copies, so that the result of an element does not depend on where the range was split.
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
  for (std::size_t k = 0; k != S; ++k) {
    std::copy_n(states[k] + i, count, state[k].data());
    padded[k] = state[k].data();
  }
  update_pack(formula, parameter.data(), gradient.data(), padded, 0, std::make_index_sequence<S>{});
  std::copy_n(parameter.data(), count, p + i);
  for (std::size_t k = 0; k != S; ++k) std::copy_n(state[k].data(), count, states[k] + i);
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

/// The formula of a rule with `S` states, for settings that need none of them.
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
