// SPDX-License-Identifier: Apache-2.0
// `Schedule`: the factor on the learning rate in each step.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <memory>
#include <numbers>
#include <string>
#include <string_view>

#include "espalier/core/error.hpp"
#include "espalier/optim/format.hpp"

namespace espalier {

/// A function (step, total_steps) → factor with `std::string describe() const`. Optional:
/// `void check() const`, which throws ConfigError if a setting is out of range.
template <class R>
concept ScheduleRule = std::copyable<R> && requires(const R& rule, std::int64_t step) {
  { rule(step, step) } -> std::convertible_to<double>;
  { rule.describe() } -> std::convertible_to<std::string>;
};

namespace optim_detail {

inline void check_range(std::string_view what, double value, double low, double high) {
  if (value >= low && value <= high) return;
  throw_error<ConfigError>({what, " is ", shortest(value), "; expected a number in [",
                            shortest(low), ", ", shortest(high), "]"});
}

inline void check_count(std::string_view what, std::int64_t value, std::int64_t least) {
  if (value >= least) return;
  throw_error<ConfigError>({what, " is ", value, "; expected ", least, " or more"});
}

/// Fraction of the training that is done before step `step`, in [0, 1]: (step − 1) / total_steps.
inline double progress(std::int64_t step, std::int64_t total_steps) {
  const auto done = static_cast<double>(step - 1);
  return (std::clamp)(done / static_cast<double>((std::max)(total_steps, std::int64_t{1})), 0.0,
                      1.0);
}

}  // namespace optim_detail

/// The factor is always 1.
struct Constant {
  [[nodiscard]] double operator()(std::int64_t, std::int64_t) const { return 1; }
  [[nodiscard]] std::string describe() const { return "constant"; }
};

/// factor^⌊(step − 1) / every⌋.
struct StepDecay {
  std::int64_t every = 1000;  ///< steps, ≥ 1
  double factor = 0.5;        ///< in [0, 1]

  [[nodiscard]] double operator()(std::int64_t step, std::int64_t) const {
    return std::pow(factor, static_cast<double>((step - 1) / every));
  }
  [[nodiscard]] std::string describe() const {
    return "step_decay(every=" + std::to_string(every) +
           ", factor=" + optim_detail::shortest(factor) + ")";
  }
  void check() const {
    optim_detail::check_count("step_decay: every", every, 1);
    optim_detail::check_range("step_decay: factor", factor, 0, 1);
  }
};

/// final + (1 − final) (1 + cos πx) / 2, x = (step − 1) / total_steps: falls from 1 at the first
/// step towards `final`, which it reaches at step total_steps + 1. Loshchilov & Hutter, SGDR, ICLR
/// 2017, without restarts.
struct Cosine {
  double final = 0;  ///< in [0, 1]

  [[nodiscard]] double operator()(std::int64_t step, std::int64_t total_steps) const {
    const double x = optim_detail::progress(step, total_steps);
    return final + (1 - final) * 0.5 * (1 + std::cos(std::numbers::pi * x));
  }
  [[nodiscard]] std::string describe() const {
    return "cosine(final=" + optim_detail::shortest(final) + ")";
  }
  void check() const { optim_detail::check_range("cosine: final", final, 0, 1); }
};

/// 1 − (1 − final) x, x = (step − 1) / total_steps: falls from 1 at the first step towards `final`,
/// which it reaches at step total_steps + 1.
struct Linear {
  double final = 0;  ///< in [0, 1]

  [[nodiscard]] double operator()(std::int64_t step, std::int64_t total_steps) const {
    return 1 - (1 - final) * optim_detail::progress(step, total_steps);
  }
  [[nodiscard]] std::string describe() const {
    return "linear(final=" + optim_detail::shortest(final) + ")";
  }
  void check() const { optim_detail::check_range("linear: final", final, 0, 1); }
};

/// Type-erased schedule: `Schedule s = WarmUp{.steps = 500, .then = Cosine{}};`. Immutable, cheap
/// to copy.
class Schedule {
 public:
  Schedule() : Schedule(Constant{}) {}

  /// Throws ConfigError, naming the setting, if one is out of range.
  template <class Rule>
  requires(!std::same_as<Rule, Schedule> && ScheduleRule<Rule>)
      // NOLINTNEXTLINE(google-explicit-constructor): an option is given as the rule itself.
      Schedule(const Rule& rule)
      : model_(std::make_shared<const Model<Rule>>(rule)) {
    if constexpr (requires { rule.check(); }) rule.check();
  }

  /// Factor on the learning rate at `step`, which is 1 for the first of `total_steps`. Beyond
  /// total_steps, schedules that depend on the total stay at their final value.
  [[nodiscard]] double factor(std::int64_t step, std::int64_t total_steps) const {
    return model_->factor(step, total_steps);
  }
  /// "warm_up(steps=500, then=cosine(final=0))": all settings without loss of precision; equal
  /// texts mean equal schedules.
  [[nodiscard]] std::string describe() const { return model_->describe(); }

 private:
  struct Concept {
    virtual ~Concept() = default;
    [[nodiscard]] virtual double factor(std::int64_t step, std::int64_t total_steps) const = 0;
    [[nodiscard]] virtual std::string describe() const = 0;
  };

  template <class Rule>
  struct Model final : Concept {
    explicit Model(const Rule& r) : rule(r) {}
    [[nodiscard]] double factor(std::int64_t step, std::int64_t total_steps) const override {
      return rule(step, total_steps);
    }
    [[nodiscard]] std::string describe() const override { return rule.describe(); }
    Rule rule;
  };

  std::shared_ptr<const Concept> model_;
};

/// step / steps in the first `steps` steps (so never 0); after them `then`, which starts at its own
/// step 1 and whose total is the remaining steps. Goyal et al., Accurate, large minibatch SGD,
/// 2017.
struct WarmUp {
  std::int64_t steps = 0;  ///< ≥ 0
  Schedule then{};

  [[nodiscard]] double operator()(std::int64_t step, std::int64_t total_steps) const {
    if (step <= steps) return static_cast<double>(step) / static_cast<double>(steps);
    return then.factor(step - steps, total_steps - steps);
  }
  [[nodiscard]] std::string describe() const {
    return "warm_up(steps=" + std::to_string(steps) + ", then=" + then.describe() + ")";
  }
  void check() const { optim_detail::check_count("warm_up: steps", steps, 0); }
};

}  // namespace espalier
