// SPDX-License-Identifier: Apache-2.0
// `Space`: the hyper-parameters of a search and their possible values.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/core/random.hpp"
#include "espalier/core/utf8.hpp"
#include "espalier/data/column.hpp"
#include "espalier/data/dictionary.hpp"

namespace espalier::search {

/// One hyper-parameter. Created by uniform(), log_uniform(), integer(), log_integer() or choice().
struct Parameter {
  enum class Kind : std::uint8_t { real, integer, choice };

  std::string name;
  Kind kind = Kind::real;
  double low = 0, high = 1;
  bool log = false;           ///< uniform in the logarithm
  std::vector<Json> choices;  ///< numbers or texts

  /// "uniform 0 to 1", "log_integer 16 to 256", "choice [0.1,\"a\"]". Equal descriptions mean equal
  /// sets of values.
  [[nodiscard]] ESPALIER_COLD std::string describe() const {
    if (kind == Kind::choice) return "choice " + Json::array(choices).dump();
    const std::string what = kind == Kind::real ? "uniform" : "integer";
    return (log ? "log_" + (kind == Kind::real ? "uniform" : what) : what) + " " +
           number_text(low) + " to " + number_text(high);
  }

  /// The value at the fraction `u` in [0, 1) of the range.
  [[nodiscard]] ESPALIER_COLD Json sample(double u) const {
    if (kind == Kind::choice) {
      const auto n = static_cast<double>(choices.size());
      return choices[(std::min)(choices.size() - 1, static_cast<std::size_t>(u * n))];
    }
    if (kind == Kind::real) return (std::clamp)(between(low, high, u), low, high);
    // Each integer gets the interval of ±0.5 around it, so the ends are as likely as the other
    // integers.
    return (std::clamp)(whole(between(low - 0.5, high + 0.5, u)), low, high);
  }

  /// `points` values, evenly spaced from low to high (in the logarithm if `log` is set); fewer if
  /// there are not as many integers; all values of a choice.
  [[nodiscard]] ESPALIER_COLD std::vector<Json> grid(int points) const {
    if (kind == Kind::choice) return choices;
    std::vector<Json> values;
    for (int i = 0; i < points; ++i) {
      double value = points == 1 ? between(low, high, 0.5) : between(low, high, i / (points - 1.0));
      if (points > 1 && i == 0) value = low;
      if (points > 1 && i == points - 1) value = high;
      if (kind == Kind::integer) value = whole(value);
      if (values.empty() || values.back().as_number() != value) values.emplace_back(value);
    }
    return values;
  }

  /// Number of values; infinity for a real parameter.
  [[nodiscard]] double count() const {
    if (kind == Kind::choice) return static_cast<double>(choices.size());
    return kind == Kind::real ? std::numeric_limits<double>::infinity()
                              : std::floor(high) - std::ceil(low) + 1;
  }
  /// All values. Only if count() is finite.
  [[nodiscard]] ESPALIER_COLD std::vector<Json> all() const {
    if (kind == Kind::choice) return choices;
    std::vector<Json> values;
    for (double value = std::ceil(low); value <= high; ++value) values.emplace_back(value);
    return values;
  }

  /// Whether all its values are numbers.
  [[nodiscard]] bool is_numeric() const {
    return std::all_of(choices.begin(), choices.end(), [](const Json& v) { return v.is_number(); });
  }

 private:
  /// Rounds to a whole number; never −0.
  [[nodiscard]] static double whole(double value) { return std::round(value) + 0.0; }
  [[nodiscard]] double between(double from, double to, double u) const {
    if (!log) return from + (to - from) * u;
    return std::exp(std::log(from) + (std::log(to) - std::log(from)) * u);
  }
};

/// A real number from `low` to `high`.
[[nodiscard]] inline Parameter uniform(std::string name, double low, double high) {
  return {std::move(name), Parameter::Kind::real, low, high, false, {}};
}
/// The same, uniform in the logarithm: for rates. `low` > 0.
[[nodiscard]] inline Parameter log_uniform(std::string name, double low, double high) {
  return {std::move(name), Parameter::Kind::real, low, high, true, {}};
}
/// A whole number from `low` to `high`, both included.
[[nodiscard]] inline Parameter integer(std::string name, std::int64_t low, std::int64_t high) {
  return {std::move(name),
          Parameter::Kind::integer,
          static_cast<double>(low),
          static_cast<double>(high),
          false,
          {}};
}
/// The same, uniform in the logarithm: for sizes. `low` > 0.
[[nodiscard]] inline Parameter log_integer(std::string name, std::int64_t low, std::int64_t high) {
  return {std::move(name),
          Parameter::Kind::integer,
          static_cast<double>(low),
          static_cast<double>(high),
          true,
          {}};
}
/// One of these numbers or texts.
[[nodiscard]] inline Parameter choice(std::string name, std::initializer_list<Json> values) {
  return {std::move(name), Parameter::Kind::choice, 0, 0, false, values};
}
[[nodiscard]] inline Parameter choice(std::string name, std::vector<Json> values) {
  return {std::move(name), Parameter::Kind::choice, 0, 0, false, std::move(values)};
}

/// The parameters of a search.
class Space {
 public:
  /// Throws ConfigError if the space is invalid.
  Space(std::initializer_list<Parameter> parameters) : Space(std::vector<Parameter>(parameters)) {}
  ESPALIER_COLD explicit Space(std::vector<Parameter> parameters)
      : parameters_(std::move(parameters)) {
    if (parameters_.empty())
      throw ConfigError("search space: it has no parameter, expected at least one");
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      check(parameters_[i]);
      for (std::size_t j = 0; j < i; ++j) {
        if (parameters_[j].name == parameters_[i].name) refuse(parameters_[i], "is there twice");
      }
    }
  }

  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }

  static constexpr double most_points = 1e6;

  /// Number of points; infinity if a parameter is real.
  [[nodiscard]] double points() const {
    double count = 1;
    for (const Parameter& p : parameters_) count *= p.count();
    return count;
  }
  /// All points. Only for spaces with at most most_points.
  [[nodiscard]] ESPALIER_COLD std::vector<Json> all_points() const {
    std::vector<std::vector<Json>> axes;
    for (const Parameter& p : parameters_) axes.push_back(p.all());
    return combinations(axes);
  }
  /// Every combination of the given values of each parameter; the last parameter changes fastest.
  [[nodiscard]] ESPALIER_COLD std::vector<Json> combinations(
      const std::vector<std::vector<Json>>& axes) const {
    std::size_t count = 1;
    for (const auto& axis : axes) count *= axis.size();
    std::vector<Json> made;
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<std::size_t> at(axes.size());
      std::size_t rest = i;
      for (std::size_t p = axes.size(); p-- > 0;) {
        at[p] = rest % axes[p].size();
        rest /= axes[p].size();
      }
      Json values = Json::object();
      for (std::size_t p = 0; p < axes.size(); ++p) values.set(parameters_[p].name, axes[p][at[p]]);
      made.push_back(std::move(values));
    }
    return made;
  }

  /// Random values. The value of a parameter depends only on the seed, the number and its own name:
  /// a longer search starts like a shorter one, and adding a parameter does not change the others.
  [[nodiscard]] ESPALIER_COLD Json sample(std::uint64_t seed, int number) const {
    Json values = Json::object();
    for (const Parameter& p : parameters_) {
      espalier::Random random(mix(seed, static_cast<std::uint64_t>(number)), hash_text(p.name));
      values.set(p.name, p.sample(random.uniform()));
    }
    return values;
  }

 private:
  [[noreturn]] static void refuse(const Parameter& p, std::string_view what) {
    throw_error<ConfigError>({"search space: parameter '", p.name, "' ", what});
  }

  ESPALIER_COLD static void check(const Parameter& p) {
    if (p.name.empty()) throw ConfigError("search space: a parameter has no name");
    if (!is_utf8(p.name)) refuse(p, "is no UTF-8");
    if (p.kind == Parameter::Kind::choice) {
      if (p.choices.empty()) refuse(p, "has nothing to choose from");
      for (std::size_t i = 0; i < p.choices.size(); ++i) {
        const Json& value = p.choices[i];
        const bool finite = value.is_number() && std::isfinite(value.as_number());
        if (!finite && !(value.is_string() && is_utf8(value.as_string()))) {
          refuse(p,
                 "has the choice " + value.dump() + ", expected finite numbers or texts in UTF-8");
        }
        if (std::find(p.choices.begin(), p.choices.begin() + static_cast<std::ptrdiff_t>(i),
                      value) != p.choices.begin() + static_cast<std::ptrdiff_t>(i)) {
          refuse(p, "has the choice " + value.dump() + " twice");
        }
      }
      return;
    }
    const std::string range = "goes from " + number_text(p.low) + " to " + number_text(p.high);
    if (!std::isfinite(p.low) || !std::isfinite(p.high) || !std::isfinite(p.high - p.low)) {
      refuse(p, range + ", expected finite numbers");
    }
    if (p.kind == Parameter::Kind::integer &&
        (std::max)(std::abs(p.low), std::abs(p.high)) > Json::max_integer / 2) {
      refuse(p, range + ", expected integers within 2^52");
    }
    if (!(p.low < p.high)) refuse(p, range + ", expected low below high");
    if (p.log && !(p.low > 0)) refuse(p, range + " by logarithm, expected low above 0");
  }

  std::vector<Parameter> parameters_;
};

}  // namespace espalier::search
