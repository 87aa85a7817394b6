// SPDX-License-Identifier: Apache-2.0
// `Random`: random numbers that depend only on a seed and a counter, not on threads or the standard
// library.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <utility>

#include "espalier/core/config.hpp"

namespace espalier {

/// SplitMix64's output function: a bijection on 64 bits with full avalanche (Steele, Lea & Flood,
/// OOPSLA 2014).
[[nodiscard]] ESPALIER_HD constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

/// Combines two keys into one: stream `b` of stream `a`.
[[nodiscard]] ESPALIER_HD constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  return mix(mix(a) ^ b);
}

/// A stream of random numbers. Its whole state is `key` and `counter`: copy them to save and resume
/// it. The same seed gives the same numbers on every platform; for normal(), up to the rounding of
/// log and cos.
class Random {
 public:
  Random() = default;
  explicit constexpr Random(std::uint64_t seed, std::uint64_t stream = 0)
      : key_(mix(seed, stream)) {}

  /// 64 random bits.
  [[nodiscard]] constexpr std::uint64_t bits() noexcept { return mix(key_ ^ mix(counter_++)); }

  /// Uniform in [0, 1).
  [[nodiscard]] constexpr double uniform() noexcept {
    return static_cast<double>(bits() >> 11U) * 0x1.0p-53;
  }

  /// Uniform in [low, high).
  [[nodiscard]] constexpr double uniform(double low, double high) noexcept {
    return low + (high - low) * uniform();
  }

  /// Uniform in {0, …, n − 1}; `n` > 0. Unbiased: rejects the lowest 2^64 mod n values, then takes
  /// the remainder.
  [[nodiscard]] constexpr std::uint64_t below(std::uint64_t n) noexcept {
    const std::uint64_t limit = (0 - n) % n;
    std::uint64_t x = bits();
    while (x < limit) x = bits();
    return x % n;
  }

  /// Standard normal (Box–Muller; the second value of each pair is discarded so that the state
  /// stays a counter).
  [[nodiscard]] double normal() noexcept {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

  /// True with probability `p`.
  [[nodiscard]] constexpr bool bernoulli(double p) noexcept { return uniform() < p; }

  /// Fisher–Yates shuffle, in place.
  template <class Range>
  constexpr void shuffle(Range&& range) {
    const auto n = static_cast<std::uint64_t>(range.size());
    for (std::uint64_t i = n; i > 1; --i) {
      using std::swap;
      swap(range[static_cast<std::size_t>(i - 1)], range[static_cast<std::size_t>(below(i))]);
    }
  }

  [[nodiscard]] constexpr std::uint64_t key() const noexcept { return key_; }
  [[nodiscard]] constexpr std::uint64_t counter() const noexcept { return counter_; }
  constexpr void restore(std::uint64_t key, std::uint64_t counter) noexcept {
    key_ = key;
    counter_ = counter;
  }

 private:
  std::uint64_t key_ = 0;
  std::uint64_t counter_ = 0;
};

}  // namespace espalier
