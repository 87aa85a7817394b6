// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "espalier/kernels/cpu/kernels.hpp"
#include "kernels/padded.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

/// The dropout mask, found by applying dropout to ones.
std::vector<bool> mask(Index rows, Index cols, double rate, std::uint64_t key, Index first) {
  Padded<float> x(rows, cols), y(rows, cols);
  x.fill(1);
  esp::cpu::dropout(esp::Cpu{}, std::as_const(x).view(), rate, key, first, y.view(), false);
  std::vector<bool> dropped;
  for (Index j = 0; j < cols; ++j) {
    for (Index i = 0; i < rows; ++i) {
      dropped.push_back(y(i, j) == 0);
      if (y(i, j) != 0) CHECK(y(i, j) == doctest::Approx(1 / (1 - rate)));
    }
  }
  return dropped;
}

}  // namespace

TEST_CASE("dropout: each value is dropped at its rate, the others grow") {
  for (const double rate : {0.0, 0.1, 0.5, 0.9}) {
    const std::vector<bool> dropped = mask(50, 2000, rate, 77, 0);
    const auto count = static_cast<double>(std::count(dropped.begin(), dropped.end(), true));
    const double n = 100000, deviation = std::sqrt(n * rate * (1 - rate));
    CHECK(std::abs(count - n * rate) <= 5 * deviation);
  }
}

TEST_CASE("dropout: neighbours in every direction are independent") {
  const Index rows = 64, cols = 2000;
  const std::vector<bool> a = mask(rows, cols, 0.5, 1, 0), b = mask(rows, cols, 0.5, 2, 0);
  const auto agree = [&](std::size_t step, const std::vector<bool>& other) {
    double same = 0, n = 0;
    for (std::size_t i = 0; i + step < a.size(); ++i, ++n) same += a[i] == other[i + step] ? 1 : 0;
    return std::abs(same / n - 0.5) * std::sqrt(n) * 2;  // in standard deviations
  };
  CHECK(agree(1, a) < 5);
  CHECK(agree(2, a) < 5);
  CHECK(agree(static_cast<std::size_t>(rows), a) < 5);
  CHECK(agree(0, b) < 5);
}

TEST_CASE("dropout: the mask is a function of key, column and row, not of how the batch is cut") {
  for (const Index rows : {1, 2, 7, 32, 33}) {
    const std::vector<bool> whole = mask(rows, 40, 0.4, 9, 100);
    for (const Index cut : {1, 13, 39}) {
      std::vector<bool> parts = mask(rows, cut, 0.4, 9, 100);
      const std::vector<bool> rest = mask(rows, 40 - cut, 0.4, 9, 100 + cut);
      parts.insert(parts.end(), rest.begin(), rest.end());
      CHECK(parts == whole);
    }
    CHECK(mask(rows, 40, 0.4, 10, 100) != whole);
    CHECK(mask(rows, 40, 0.4, 9, 101) != whole);
  }
}

TEST_CASE_TEMPLATE("dropout: strides, misalignment, over and added; in place", T, float, double) {
  for (Index rows = 1; rows <= 67; ++rows) {
    const Index cols = 1 + rows % 6;
    Padded<T> x(rows, cols, rows % 3, 1), y(rows, cols, rows % 4, rows % 5);
    x.randomize(3);
    const std::vector<bool> dropped = mask(rows, cols, 0.3, 5, 2);
    const auto expected = [&](Index i, Index j) {
      return dropped[static_cast<std::size_t>(j * rows + i)] ? 0.0 : x(i, j) / 0.7;
    };
    const auto bound = [](Index, Index) { return 2e-6; };
    esp::cpu::dropout(esp::Cpu{}, std::as_const(x).view(), 0.3, 5, 2, y.view(), false);
    CHECK(worst_error(y, expected, bound) <= 1);
    y.randomize(4);
    const Padded<T> before = y;
    esp::cpu::dropout(esp::Cpu{}, std::as_const(x).view(), 0.3, 5, 2, y.view(), true);
    CHECK(worst_error(
              y, [&](Index i, Index j) { return before(i, j) + expected(i, j); }, bound) <= 1);
    CHECK(y.fenced());
  }
}

TEST_CASE("dropout: what is dropped is zero, be it NaN or infinite") {
  Padded<float> x(33, 30), y(33, 30);
  x.fill(std::numeric_limits<float>::quiet_NaN());
  esp::cpu::dropout(esp::Cpu{}, std::as_const(x).view(), 0.5, 5, 0, y.view(), false);
  const std::vector<bool> dropped = mask(33, 30, 0.5, 5, 0);
  for (Index j = 0; j < 30; ++j) {
    for (Index i = 0; i < 33; ++i)
      CHECK(std::isnan(y(i, j)) != dropped[static_cast<std::size_t>(j * 33 + i)]);
  }
}
