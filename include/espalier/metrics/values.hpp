// SPDX-License-Identifier: Apache-2.0
// `Values` and `Groups`: the inputs of all metrics (float or double, 32-bit or 64-bit integers),
// and the checks that all metrics share.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

template <class A, class B, class Result>
class EitherSpan;

}  // namespace espalier

/// EitherSpan does not own its elements, so a temporary one may be kept.
template <class A, class B, class Result>
inline constexpr bool std::ranges::enable_borrowed_range<espalier::EitherSpan<A, B, Result>> = true;

namespace espalier {

/// A read-only view of contiguous elements of type `A` or `B`; reads each element as `Result`. Does
/// not own the elements. Converts from anything that converts to a std::span of either type, so one
/// compiled metric serves vectors, spans and buffers of both.
template <class A, class B, class Result>
class EitherSpan {
 public:
  EitherSpan() = default;

  template <class Range>
  requires(!std::same_as<Range, EitherSpan> &&
           std::convertible_to<const Range&, std::span<const A>>)
      // NOLINTNEXTLINE(google-explicit-constructor): a view stands for what it views.
      EitherSpan(const Range& range) {
    const std::span<const A> span = range;
    a_ = span.data();
    size_ = span.size();
  }

  template <class Range>
  requires(!std::same_as<Range, EitherSpan> &&
           std::convertible_to<const Range&, std::span<const B>>)
      // NOLINTNEXTLINE(google-explicit-constructor)
      EitherSpan(const Range& range) {
    const std::span<const B> span = range;
    b_ = span.data();
    size_ = span.size();
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] bool is_float() const noexcept { return a_ != nullptr; }  ///< whether they are `A`
  [[nodiscard]] Result operator[](std::size_t i) const noexcept {
    return a_ != nullptr ? static_cast<Result>(a_[i]) : static_cast<Result>(b_[i]);
  }

 private:
  const A* a_ = nullptr;
  const B* b_ = nullptr;
  std::size_t size_ = 0;
};

/// A view that is stored, for example in options. The viewed elements must outlive it, so it does
/// not accept a temporary vector.
template <class View>
class KeptView : public View {
 public:
  KeptView() = default;
  template <class Range>
  requires(!std::same_as<std::remove_cvref_t<Range>, KeptView> &&
           std::convertible_to<const Range&, View>)
      // NOLINTNEXTLINE(google-explicit-constructor): as the view it is.
      KeptView(Range&& range)
      : View(range) {
    static_assert(std::is_lvalue_reference_v<Range> || std::ranges::enable_borrowed_range<Range>,
                  "espalier: weights and groups of EvaluateOptions are views: give a vector that "
                  "lives as long, not a "
                  "temporary one");
  }
};

/// Predictions, labels or weights. A NaN label is missing: every metric skips that sample.
using Values = EitherSpan<float, double, double>;

/// The group of each sample, for example its user. Equal numbers mean the same group; their order
/// has no meaning.
using Groups = EitherSpan<std::int32_t, std::int64_t, std::int64_t>;

/// Weights that options store.
using KeptValues = KeptView<Values>;

/// What a metric returns when it is undefined.
inline constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

namespace metrics_detail {

inline std::string number(double value) { return decimal(value, 9); }

[[noreturn]] inline void reject(std::string_view metric, std::string_view what, std::size_t i,
                                double value, std::string_view expected) {
  throw_error<ConfigError>(
      {metric, ": ", what, " ", i, " is ", number(value), "; expected ", expected});
}

inline void require_size(std::string_view metric, std::string_view what, std::size_t size,
                         std::size_t labels) {
  if (size == labels) return;
  throw_error<ConfigError>(
      {metric, ": ", size, " ", what, " for ", labels, " labels; expected as many"});
}

inline void require_sizes(std::string_view metric, Values predictions, Values labels,
                          Values weights) {
  require_size(metric, "predictions", predictions.size(), labels.size());
  if (!weights.empty()) require_size(metric, "weights", weights.size(), labels.size());
}

inline void require_probability(std::string_view metric, std::size_t i, double p) {
  if (!(p >= 0 && p <= 1)) reject(metric, "prediction", i, p, "a probability in [0, 1]");
}

inline void require_ordered(std::string_view metric, std::size_t i, double p) {
  if (std::isnan(p)) reject(metric, "prediction", i, p, "a number");
}

inline void require_finite(std::string_view metric, std::string_view what, std::size_t i,
                           double p) {
  if (!std::isfinite(p)) reject(metric, what, i, p, "a finite number");
}

inline void require_binary(std::string_view metric, std::size_t i, double y) {
  if (y != 0 && y != 1) reject(metric, "label", i, y, "0, 1 or NaN");
}

/// Calls `visit(i, label, weight)` for every labelled sample of positive weight, in order. Throws
/// ConfigError for a negative, infinite or NaN weight of a labelled sample.
template <class Visit>
void for_each_labelled(std::string_view metric, Values labels, Values weights, Visit visit) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double y = labels[i];
    if (std::isnan(y)) continue;
    const double w = weights.empty() ? 1.0 : weights[i];
    if (!(w >= 0) || std::isinf(w)) reject(metric, "weight", i, w, "a finite number >= 0");
    if (w > 0) visit(i, y, w);
  }
}

}  // namespace metrics_detail

}  // namespace espalier
