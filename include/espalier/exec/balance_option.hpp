// SPDX-License-Identifier: Apache-2.0
// `BalanceOption`: how tasks are balanced, by their losses or by their gradients.
#pragma once

#include <concepts>
#include <utility>

#include "espalier/balance/weighting.hpp"

namespace espalier {

/// What a gradient method's task gradients are taken by.
enum class BalanceOn : unsigned char {
  parameters,  ///< shared tensors and tables: exact; a backward pass of the shared part for each task
  representation,  ///< the values that towers read: one backward pass of the shared part
};

struct GradientDriver;

/// In task_gradients.hpp.
template <bool Coordinates>
struct GradientDriverOf;

/// A loss weighting, or a gradient method together with the code that drives it: that is taken
/// where the method's type is known, so a program without gradient methods does not compile it.
class BalanceOption : public Balance {
 public:
  // NOLINTBEGIN(google-explicit-constructor): an option is given as the method itself.
  BalanceOption(Balance balance) : Balance(std::move(balance)) {}

  template <class M>
  requires(!std::derived_from<M, Balance> && (detail::is_gradient_method<M> || WeightingMethod<M>))
      BalanceOption(M method)
      : Balance(std::move(method)) {
    if constexpr (detail::is_gradient_method<M>) driver_ = GradientDriverOf<M::needs_coordinates>::driver();
  }
  // NOLINTEND(google-explicit-constructor)

  /// Null for a loss weighting.
  [[nodiscard]] const GradientDriver* driver() const { return driver_; }

 private:
  const GradientDriver* driver_ = nullptr;
};

}  // namespace espalier
