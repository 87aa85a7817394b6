// SPDX-License-Identifier: Apache-2.0
// Golden values: tests/golden/random_numbers.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "espalier/core/random.hpp"

using espalier::Random;

namespace {

constexpr std::uint64_t golden_gamma = 0x9E3779B97F4A7C15ULL;

// Pearson's χ² statistic of counts against equal expected counts.
template <class Counts>
double chi_squared(const Counts& counts, double expected) {
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

}  // namespace

TEST_CASE("mix is SplitMix64's output function") {
  constexpr std::array<std::uint64_t, 5> published{0xE220A8397B1DCDAFULL, 0x6E789E6AA1B965F4ULL,
                                                   0x06C45D188009454FULL, 0xF88BB8A8724C81ECULL,
                                                   0x1B39896A51A8749BULL};
  for (std::size_t i = 0; i < published.size(); ++i) {
    CHECK(espalier::mix(i * golden_gamma) == published[i]);
  }
  static_assert(espalier::mix(0) == 0xE220A8397B1DCDAFULL);
}

TEST_CASE("a stream is what its seed and number say, on every platform") {
  Random plain(42);
  for (const std::uint64_t bits : {0x2733C88B3C78AA37ULL, 0x831E31C2402296E6ULL,
                                   0x945B9BE38FE5E6ACULL, 0x4B58BEE41637B97CULL}) {
    CHECK(plain.bits() == bits);
  }
  Random seventh(42, 7);
  for (const std::uint64_t bits : {0xD74BDE3B6C63A944ULL, 0x08952218348EEE3AULL,
                                   0x481EDB8D0334CAE1ULL, 0x25A29A4CF80B598AULL}) {
    CHECK(seventh.bits() == bits);
  }
  Random small(42);
  for (const std::uint64_t n : {159U, 422U, 380U, 572U, 557U, 298U, 657U, 670U}) {
    CHECK(small.below(1000) == n);
  }
  Random real(42);
  for (const double u : {0.15313390158960039, 0.5121794795269443, 0.5795228415080582}) {
    CHECK(real.uniform() == u);  // bitwise equal
  }
}

TEST_CASE("neighbouring seeds and streams share no numbers") {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (std::uint64_t stream = 0; stream < 20; ++stream) {
      Random random(seed, stream);
      for (int i = 0; i < 20; ++i) seen.insert(random.bits());
    }
  }
  CHECK(seen.size() == 20U * 20U * 20U);
}

TEST_CASE("a saved state goes on where it was") {
  Random random(3);
  for (int i = 0; i < 5; ++i) (void)random.normal();
  const std::uint64_t key = random.key(), counter = random.counter();
  std::vector<std::uint64_t> expected(10);
  for (auto& x : expected) x = random.bits();
  Random other;
  CHECK(other.bits() != expected[0]);
  other.restore(key, counter);
  for (const auto x : expected) CHECK(other.bits() == x);
}

TEST_CASE("uniform fills [0, 1) evenly") {
  Random random(1);
  std::array<int, 100> counts{};
  constexpr int n = 100000;
  for (int i = 0; i < n; ++i) {
    const double u = random.uniform();
    REQUIRE(u >= 0.0);
    REQUIRE(u < 1.0);
    ++counts[static_cast<std::size_t>(u * 100)];
  }
  CHECK(chi_squared(counts, n / 100.0) < 149.0);  // χ²(99) exceeds this with probability 0.001
  CHECK(chi_squared(counts, n / 100.0) > 60.0);   // lower bound: not too uniform
  for (int i = 0; i < 1000; ++i) {
    const double u = random.uniform(-3.0, 5.0);
    CHECK(u >= -3.0);
    CHECK(u < 5.0);
  }
}

TEST_CASE("below is unbiased, also where a modulus would not be") {
  Random random(2);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; ++i) ++counts.at(random.below(7));
  CHECK(chi_squared(counts, 10000) < 22.5);  // χ²(6)
  for (int i = 0; i < 10; ++i) CHECK(random.below(1) == 0);

  // n = 3 · 2^62: x mod n alone would fall in the lowest third twice as often as in the others.
  constexpr std::uint64_t n = 3ULL << 62U;
  std::array<int, 3> thirds{};
  for (int i = 0; i < 30000; ++i) ++thirds.at(random.below(n) >> 62U);
  CHECK(chi_squared(thirds, 10000) < 13.9);  // χ²(2)
}

TEST_CASE("normal has the normal's moments and tails") {
  Random random(5);
  constexpr int n = 200000;
  double sum = 0, squares = 0, cubes = 0, fourths = 0;
  int beyond_two = 0;
  for (int i = 0; i < n; ++i) {
    const double x = random.normal();
    REQUIRE(std::isfinite(x));
    sum += x;
    squares += x * x;
    cubes += x * x * x;
    fourths += x * x * x * x;
    if (std::abs(x) > 2) ++beyond_two;
  }
  CHECK(std::abs(sum / n) < 0.009);  // both bounds: 4 standard errors
  CHECK(std::abs(squares / n - 1) < 0.013);
  CHECK(std::abs(cubes / n) < 0.035);
  CHECK(std::abs(fourths / n - 3) < 0.088);
  CHECK(std::abs(beyond_two / double{n} - 0.0455) < 0.0019);
}

TEST_CASE("bernoulli keeps its rate, and is certain at 0 and 1") {
  Random random(6);
  int hits = 0;
  for (int i = 0; i < 100000; ++i) {
    hits += random.bernoulli(0.3) ? 1 : 0;
    REQUIRE_FALSE(random.bernoulli(0.0));
    REQUIRE(random.bernoulli(1.0));
  }
  CHECK(std::abs(hits - 30000) < 600);
}

TEST_CASE("shuffle gives each order the same chance") {
  Random random(7);
  std::map<std::array<int, 4>, int> orders;
  for (int i = 0; i < 24000; ++i) {
    std::array<int, 4> cards{0, 1, 2, 3};
    random.shuffle(cards);
    ++orders[cards];
  }
  REQUIRE(orders.size() == 24);
  std::vector<int> counts;
  for (const auto& [order, count] : orders) counts.push_back(count);
  CHECK(chi_squared(counts, 1000) < 49.8);  // χ²(23)

  std::vector<int> many(1000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<int>(i);
  const auto ordered = many;
  random.shuffle(many);
  CHECK(many != ordered);
  CHECK(std::is_permutation(many.begin(), many.end(), ordered.begin()));
  std::vector<int> none;
  random.shuffle(none);
  CHECK(none.empty());
}
