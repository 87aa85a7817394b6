// SPDX-License-Identifier: Apache-2.0
// Sinusoidal and rotary positions against their formulas, position by position.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/kernels/cpu/sinusoids.hpp"
#include "kernels/padded.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

const std::vector<std::int32_t> offsets{4, 4, 5, 7, 7, 24, 94, 94};
const esp::Segments ragged{static_cast<Index>(offsets.size()) - 1, offsets.data(), 3};

template <class T>
constexpr double tolerance = std::is_same_v<T, float> ? 2e-7 : 1e-12;

double angle(Index position, Index pair, Index width) {
  return static_cast<double>(position) *
         std::pow(10000.0, -2.0 * static_cast<double>(pair) / static_cast<double>(width));
}

/// The position of each column, counted from the first or the last of its sample.
std::vector<Index> positions(esp::Segments s, bool from_last) {
  std::vector<Index> made;
  for (Index j = 0; j < s.samples; ++j) {
    for (Index t = 0; t < s.length(j); ++t) made.push_back(from_last ? s.length(j) - 1 - t : t);
  }
  return made;
}

template <class T>
void check_added(esp::Segments s, Index rows, bool from_last) {
  CAPTURE(rows);
  CAPTURE(from_last);
  Padded<T> x(rows, s.columns(), 1, 3), y(rows, s.columns(), 2, 1);
  x.randomize(1);
  esp::cpu::add_sinusoids_forward(esp::Cpu{}, std::as_const(x).view(), s, from_last, y.view());
  const std::vector<Index> at = positions(s, from_last);
  const auto expected = [&](Index i, Index u) {
    const double a = angle(at[static_cast<std::size_t>(u)], i / 2, rows);
    return x(i, u) + (i % 2 == 0 ? std::sin(a) : std::cos(a));
  };
  CHECK(worst_error(y, expected,
                    [&](Index i, Index u) { return tolerance<T> * (1 + std::abs(x(i, u))); }) <= 1);
  CHECK(y.fenced());
}

/// The value that row i has when its pair is turned by `turn` times the angle of the position.
template <class T>
double rotated(const Padded<T>& x, Index i, Index u, Index position, Index heads, double turn) {
  const Index width = x.rows() / 3, d = width / heads, pair = i % d % (d / 2);
  if (i >= 2 * width) return x(i, u);
  const double a = turn * angle(position, pair, d);
  const bool low = i % d < d / 2;
  const double other = x(low ? i + d / 2 : i - d / 2, u);
  return x(i, u) * std::cos(a) + (low ? -other : other) * std::sin(a);
}

template <class T>
void check_rotated(esp::Segments s, Index heads, Index d) {
  CAPTURE(heads);
  CAPTURE(d);
  const Index rows = 3 * heads * d;
  Padded<T> x(rows, s.columns(), 1, 3), y(rows, s.columns(), 2, 1);
  x.randomize(1);
  const std::vector<Index> at = positions(s, false);
  const auto position = [&](Index u) { return at[static_cast<std::size_t>(u)]; };
  esp::cpu::rotate_forward(esp::Cpu{}, std::as_const(x).view(), s, heads, y.view());
  const auto bound = [](Index, Index) { return 8 * tolerance<T>; };
  CHECK(worst_error(
            y, [&](Index i, Index u) { return rotated(x, i, u, position(u), heads, 1); }, bound) <=
        1);
  CHECK(y.fenced());
  for (const bool accumulate : {false, true}) {
    if (accumulate) y.randomize(2);
    const Padded<T> before = y;
    esp::cpu::rotate_backward(esp::Cpu{}, std::as_const(x).view(), s, heads, y.view(), accumulate);
    const auto expected = [&](Index i, Index u) {
      return (accumulate ? before(i, u) : 0) + rotated(x, i, u, position(u), heads, -1);
    };
    CHECK(worst_error(y, expected, bound) <= 1);
    CHECK(y.fenced());
  }
}

}  // namespace

TEST_CASE_TEMPLATE("sinusoids: are added to steps of samples of many lengths", T, float, double) {
  for (const Index rows : {1, 2, 3, 8, 16, 63, 64, 65, 130}) {
    for (const bool from_last : {false, true}) check_added<T>(ragged, rows, from_last);
  }
  check_added<T>({2, nullptr, 3}, 6, false);
}

TEST_CASE("sinusoids: angles stay within 1e-12 for 8192 positions") {
  check_added<double>({1, nullptr, 8192}, 4, false);
  check_added<float>({1, nullptr, 8192}, 4, true);
}

TEST_CASE_TEMPLATE("rotary positions: turn queries and keys, backward turns back", T, float,
                   double) {
  for (const Index heads : {1, 2, 3}) {
    for (const Index d : {2, 4, 6, 16, 64, 70, 140}) check_rotated<T>(ragged, heads, d);
  }
  check_rotated<T>({2, nullptr, 3}, 2, 4);
}

TEST_CASE("rotary positions: products of queries and keys depend on their distance alone") {
  const Index d = 8, steps = 30;
  Padded<double> x(3 * d, steps), y(3 * d, steps);
  x.randomize(1);
  for (Index u = 1; u < steps; ++u) {
    for (Index i = 0; i < 3 * d; ++i) x.at(i, u) = x.at(i, 0);
  }
  esp::cpu::rotate_forward(esp::Cpu{}, std::as_const(x).view(), {1, nullptr, steps}, 1, y.view());
  const auto score = [&](Index query, Index key) {
    double sum = 0;
    for (Index i = 0; i < d; ++i) sum += y(i, query) * y(d + i, key);
    return sum;
  };
  for (const Index distance : {0, 1, 7}) {
    for (Index u = 0; u + distance < steps; ++u)
      CHECK(score(u + distance, u) == doctest::Approx(score(distance, 0)));
  }
  CHECK(std::abs(score(7, 0) - score(0, 0)) > 1e-3);
}
