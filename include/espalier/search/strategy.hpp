// SPDX-License-Identifier: Apache-2.0
// Which trials there are, and who goes on: `Grid`, `Random`, `SuccessiveHalving`.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/data/column.hpp"
#include "espalier/search/space.hpp"

namespace espalier::search {

/// The best `trials` of the rung before (of the first: all of them) are scored with `budget`.
struct Rung {
  int budget = 0;
  int trials = 0;
};

/// What a strategy makes of a space.
struct Schedule {
  std::vector<Json> values;  ///< of each trial
  std::vector<Rung> rungs;
};

/// A strategy of your own is a struct with this function.
template <class S>
concept Strategy = requires(const S& s, const Space& space) {
  { s.schedule(space) } -> std::same_as<Schedule>;
};

namespace detail {

ESPALIER_COLD inline void require_at_least(std::string_view name, double value, double least) {
  if (value >= least) return;
  throw_error<ConfigError>(
      {name, " is ", number_text(value), ", expected ", number_text(least), " or more"});
}

[[nodiscard]] ESPALIER_COLD inline std::vector<Json> samples(const Space& space, int trials,
                                                             std::uint64_t seed) {
  std::vector<Json> values;
  for (int i = 0; i < trials; ++i) values.push_back(space.sample(seed, i));
  return values;
}

}  // namespace detail

/// Every combination of `points` values for each number and all values of each choice; the last
/// parameter runs fastest.
struct Grid {
  int points = 5;
  int budget = 0;

  static constexpr double most = 1e6;

  /// Throws ConfigError for more than a million.
  [[nodiscard]] ESPALIER_COLD Schedule schedule(const Space& space) const {
    detail::require_at_least("grid search: points", points, 1);
    detail::require_at_least("grid search: budget", budget, 0);
    std::vector<std::vector<Json>> axes;
    double count = 1;
    for (const Parameter& p : space.parameters()) {
      if (p.kind != Parameter::Kind::choice && points > most) count = most + 1;
      if (count <= most) axes.push_back(p.grid(points));
      if (count <= most) count *= static_cast<double>(axes.back().size());
    }
    if (count > most)
      throw ConfigError("grid search: there are more than a million combinations, expected fewer");
    Schedule made;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      std::vector<std::size_t> at(axes.size());
      std::size_t rest = i;
      for (std::size_t p = axes.size(); p-- > 0;) {
        at[p] = rest % axes[p].size();
        rest /= axes[p].size();
      }
      Json values = Json::object();
      for (std::size_t p = 0; p < axes.size(); ++p)
        values.set(space.parameters()[p].name, axes[p][at[p]]);
      made.values.push_back(std::move(values));
    }
    made.rungs = {{budget, static_cast<int>(made.values.size())}};
    return made;
  }
};

/// Values at random. Bergstra & Bengio, Random search for hyper-parameter optimization, JMLR 2012:
/// better than a grid as soon as some parameters matter more than others.
struct Random {
  int trials = 20;
  std::uint64_t seed = 1;
  int budget = 0;

  [[nodiscard]] ESPALIER_COLD Schedule schedule(const Space& space) const {
    detail::require_at_least("random search: trials", trials, 1);
    detail::require_at_least("random search: budget", budget, 0);
    return {detail::samples(space, trials, seed), {{budget, trials}}};
  }
};

/// Many random trials with a small budget; the best 1/eta of them again with eta times as much; and
/// so on to `max_budget`. Jamieson & Talwalkar, Non-stochastic best arm identification and
/// hyperparameter optimization, AISTATS 2016; budgets as in Hyperband: max_budget / eta^k, rounded,
/// down to min_budget. A trial that goes on begins anew with the larger budget.
struct SuccessiveHalving {
  int trials = 27;
  int eta = 3;
  int min_budget = 1;
  int max_budget = 9;
  std::uint64_t seed = 1;

  [[nodiscard]] ESPALIER_COLD Schedule schedule(const Space& space) const {
    detail::require_at_least("successive halving: trials", trials, 1);
    detail::require_at_least("successive halving: eta", eta, 2);
    detail::require_at_least("successive halving: min_budget", min_budget, 1);
    detail::require_at_least("successive halving: max_budget", max_budget, min_budget);
    std::vector<double> budgets;  // the largest first
    for (double b = max_budget; b >= min_budget; b /= eta) budgets.push_back(b);
    Schedule made{detail::samples(space, trials, seed), {}};
    int left = trials;
    for (std::size_t i = budgets.size(); i-- > 0; left = (std::max)(1, left / eta)) {
      made.rungs.push_back({static_cast<int>(std::round(budgets[i])), left});
    }
    return made;
  }
};

}  // namespace espalier::search
