// SPDX-License-Identifier: Apache-2.0
// `BalanceOption`: the method that balances tasks, by their losses or by their gradients.
#pragma once

#include <concepts>
#include <utility>

#include "espalier/balance/weighting.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

/// What a gradient method's task gradients are with respect to.
enum class BalanceOn : unsigned char {
  /// Shared tensors and tables: exact; one backward pass of the shared part per task.
  parameters,
  /// Values that the towers read: one backward pass of the shared part.
  representation,
};

struct AggregatorFactory;

/// In aggregator_factory.hpp.
template <bool Coordinates>
struct AggregatorFactoryOf;

/// A loss weighting, or a gradient method together with the code that drives it. That code is
/// chosen in the constructor, where the method's type is known, so a program without gradient
/// methods does not compile it.
class BalanceOption : public LossWeighting {
 public:
  // NOLINTBEGIN(google-explicit-constructor): an option is given as the method itself.
  BalanceOption(LossWeighting balance) : LossWeighting(std::move(balance)) {}

  template <class M>
  requires(!std::derived_from<M, LossWeighting> &&
           (detail::is_gradient_method<M> || WeightingMethod<M>)) BalanceOption(M method)
      : LossWeighting(std::move(method)) {
    if constexpr (detail::is_gradient_method<M>)
      factory_ = AggregatorFactoryOf<M::needs_coordinates>::factory();
  }
  // NOLINTEND(google-explicit-constructor)

  /// Null for a loss weighting.
  [[nodiscard]] const AggregatorFactory* aggregator_factory() const { return factory_; }

 private:
  const AggregatorFactory* factory_ = nullptr;
};

/// Throws ConfigError for a gradient method that was first converted to LossWeighting: the code
/// that drives it is unknown then.
ESPALIER_COLD inline void require_aggregator_factory(const BalanceOption& option) {
  if (option.aggregator_factory() != nullptr || LossWeighting(option).gradients() == nullptr)
    return;
  throw_error<ConfigError>(
      {"balance is '", option.name(),
       "' held as a LossWeighting, expected the method itself or make_balance(\"", option.name(),
       "\")"});
}

}  // namespace espalier
