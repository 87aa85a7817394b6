// SPDX-License-Identifier: Apache-2.0
// `Trial`: the parameter values to try. `FoldRun`: the conditions of one scoring. `Objective`: what
// scores them.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/search/space.hpp"

namespace espalier::search {

/// One set of values.
struct Trial {
  int number = 0;  ///< from 0
  Json values;     ///< an object: parameter name to number or text

  /// The value of a parameter. Throws ConfigError if there is no such parameter, or if it has
  /// another type.
  [[nodiscard]] double real(std::string_view name) const {
    return at(name, Json::Kind::number).as_number();
  }
  [[nodiscard]] int integer(std::string_view name) const {
    const double value = real(name);
    if (value != std::floor(value) || std::abs(value) > 2147483647.0)
      wrong(name, "a whole number within an int");
    return static_cast<int>(value);
  }
  [[nodiscard]] const std::string& text(std::string_view name) const& {
    return at(name, Json::Kind::string).as_string();
  }
  [[nodiscard]] std::string text(std::string_view name) && {
    return std::as_const(*this).text(name);
  }

  /// "learning_rate 0.00123, balance equal"
  [[nodiscard]] ESPALIER_COLD std::string describe() const {
    std::string line;
    for (const std::string& name : values.keys())
      line += (line.empty() ? "" : ", ") + name + " " + value_text(values.at(name));
    return line;
  }

  /// A value in readable form: four significant digits unless it is a whole number; text without
  /// quotes.
  [[nodiscard]] ESPALIER_COLD static std::string value_text(const Json& value) {
    if (value.is_string()) return value.as_string();
    const double number = value.is_number() ? value.as_number() : std::nan("");
    char buffer[40];
    std::snprintf(
        buffer, sizeof buffer,
        number == std::floor(number) && std::abs(number) <= Json::max_integer ? "%.0f" : "%.4g",
        number);
    return buffer;
  }

 private:
  [[nodiscard]] ESPALIER_COLD const Json& at(std::string_view name, Json::Kind kind) const {
    const Json* found = values.find(name);
    if (found == nullptr) {
      std::string known;
      for (const std::string& key : values.keys())
        known += (known.empty() ? "'" : ", '") + key + "'";
      throw_error<ConfigError>({"trial: no parameter '", name, "', expected one of ", known});
    }
    if (found->kind() != kind) wrong(name, kind == Json::Kind::number ? "a number" : "a text");
    return *found;
  }
  [[noreturn]] ESPALIER_COLD void wrong(std::string_view name, std::string_view expected) const {
    throw_error<ConfigError>(
        {"trial: parameter '", name, "' is ", values.at(name).dump(), ", expected ", expected});
  }
};

/// One scoring of a trial: one fold.
struct FoldRun {
  int index = 0;           ///< from 0 to the number of folds of the objective − 1
  int budget = 0;          ///< how much to spend, for example in epochs; 0: the objective decides
  std::uint64_t seed = 0;  ///< depends only on the seed of the search, the trial and the fold
  /// Maximum number of threads to use: other folds run at the same time. The score must not depend
  /// on it.
  int threads = 1;
  const std::atomic<bool>* stop = nullptr;  ///< stop flag of the search

  /// Whether the search is interrupted. The returned score is then discarded, so return soon.
  [[nodiscard]] bool stopping() const {
    return stop != nullptr && stop->load(std::memory_order_relaxed);
  }
};

enum class Goal : std::uint8_t { minimize, maximize };

/// What a search optimizes. `score` is called from several threads at the same time.
struct Objective {
  std::function<double(const Trial&, const FoldRun&)> score;
  int folds = 1;
  Goal goal = Goal::minimize;
  /// Short description of data and model: a score file with another description is refused.
  std::string about{};
  /// Choices that `score` reads by name, independent of the other parameters. The space must
  /// contain each of them, with values among these.
  std::vector<Parameter> parameters{};
};

}  // namespace espalier::search
