// SPDX-License-Identifier: Apache-2.0
// Search strategies: which trials exist, and which of them continue. `Grid`, `Random`,
// `SuccessiveHalving`.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/column.hpp"
#include "espalier/search/space.hpp"

namespace espalier::search {

/// Scores the best `trials` trials of the previous rung (all of them in the first rung) with
/// `budget`.
struct Rung {
  int budget = 0;
  int trials = 0;
};

/// The trials and rungs that a strategy creates for a space.
struct Schedule {
  std::vector<Json> values;  ///< one per trial
  std::vector<Rung> rungs;
  std::string note{};  ///< a message for the user: the space has fewer points than requested
};

/// Any struct with this function is a strategy.
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

/// Distinct random points. A longer search starts with the points of a shorter one. If the space
/// has fewer points than `trials`, returns all of them, with a note.
[[nodiscard]] ESPALIER_COLD inline Schedule samples(const Space& space, int trials,
                                                    std::uint64_t seed) {
  // Gives up after this many repeated points in a row: few points are left, or only rare ones.
  constexpr int patience = 1000;
  Schedule made;
  std::set<std::string> seen;
  const auto wanted = static_cast<std::size_t>(trials);
  const auto take = [&](Json point) {
    const bool first = made.values.size() < wanted && seen.insert(point.dump()).second;
    if (first) made.values.push_back(std::move(point));
    return first;
  };
  for (int number = 0, repeated = 0; made.values.size() < wanted && repeated < patience; ++number)
    repeated = take(space.sample(seed, number)) ? 0 : repeated + 1;
  if (made.values.size() < wanted && space.points() <= Space::most_points) {
    std::vector<Json> all = space.all_points();
    espalier::Random(seed, 14).shuffle(all);
    for (Json& point : all) take(std::move(point));
  }
  if (made.values.size() < wanted) {
    made.note = message({"the space has ", made.values.size(), " points: each is a trial, where ",
                         trials, " were asked for"});
  }
  return made;
}

}  // namespace detail

/// Every combination of `points` values of each numeric parameter and all values of each choice;
/// the last parameter changes fastest.
struct Grid {
  int points = 5;
  int budget = 0;

  /// Throws ConfigError if there are more than a million combinations.
  [[nodiscard]] ESPALIER_COLD Schedule schedule(const Space& space) const {
    detail::require_at_least("grid search: points", points, 1);
    detail::require_at_least("grid search: budget", budget, 0);
    constexpr double most = Space::most_points;
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
    made.values = space.combinations(axes);
    made.rungs = {{budget, static_cast<int>(made.values.size())}};
    return made;
  }
};

/// Distinct random points; if the space has fewer than `trials`, all of them. Bergstra & Bengio,
/// Random search for hyper-parameter optimization, JMLR 2012: better than a grid as soon as some
/// parameters matter more than others.
struct Random {
  int trials = 20;
  std::uint64_t seed = 1;
  int budget = 0;

  [[nodiscard]] ESPALIER_COLD Schedule schedule(const Space& space) const {
    detail::require_at_least("random search: trials", trials, 1);
    detail::require_at_least("random search: budget", budget, 0);
    Schedule made = detail::samples(space, trials, seed);
    made.rungs = {{budget, static_cast<int>(made.values.size())}};
    return made;
  }
};

/// Scores many random trials with a small budget, then the best 1/eta of them with eta times the
/// budget, and so on up to `max_budget`. Jamieson & Talwalkar, Non-stochastic best arm
/// identification and hyperparameter optimization, AISTATS 2016; budgets as in Hyperband:
/// max_budget / eta^k, rounded, not below min_budget. A trial that continues starts from scratch
/// with the larger budget.
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
    std::vector<double> budgets;  // largest first
    for (double b = max_budget; b >= min_budget; b /= eta) budgets.push_back(b);
    Schedule made = detail::samples(space, trials, seed);
    int left = static_cast<int>(made.values.size());
    for (std::size_t i = budgets.size(); i-- > 0; left = (std::max)(1, left / eta)) {
      made.rungs.push_back({static_cast<int>(std::round(budgets[i])), left});
    }
    return made;
  }
};

}  // namespace espalier::search
