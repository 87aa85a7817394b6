// SPDX-License-Identifier: Apache-2.0
// Pooling of a sample's tokens: values and gradients, samples without tokens, equal maxima.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "espalier/kernels/cpu/segment_pool.hpp"
#include "kernels/padded.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

constexpr esp::SegmentPool every_pool[] = {esp::SegmentPool::mean, esp::SegmentPool::sum,
                                           esp::SegmentPool::last, esp::SegmentPool::first,
                                           esp::SegmentPool::max};

const std::vector<std::int32_t> offsets{4, 4, 5, 7, 7, 24, 94, 94};
const esp::Segments ragged{static_cast<Index>(offsets.size()) - 1, offsets.data(), 3};

/// The share of token u of a sample in row i of the result.
template <class T>
double share(esp::SegmentPool p, const Padded<T>& x, Index i, Index u, Index begin, Index end) {
  switch (p) {
    case esp::SegmentPool::mean:
      return 1 / static_cast<double>(end - begin);
    case esp::SegmentPool::sum:
      return 1;
    case esp::SegmentPool::last:
      return u == end - 1 ? 1 : 0;
    case esp::SegmentPool::first:
      return u == begin ? 1 : 0;
    case esp::SegmentPool::max:
      break;
  }
  for (Index t = begin; t < end; ++t) {
    if (t < u ? x(i, t) >= x(i, u) : x(i, t) > x(i, u)) return 0;
  }
  return 1;
}

template <class T>
void check(esp::SegmentPool p, esp::Segments s, Index rows, bool with_ties) {
  CAPTURE(static_cast<int>(p));
  CAPTURE(rows);
  Padded<T> x(rows, s.columns(), rows % 3, 1), y(rows, s.samples, rows % 2, 2),
      dy(rows, s.samples, rows % 4, 3), dx(rows, s.columns(), rows % 5, 1);
  x.randomize(1);
  if (with_ties) {
    for (Index j = 0; j < x.cols(); ++j) {
      for (Index i = 0; i < rows; ++i) x.at(i, j) = std::round(x.at(i, j));
    }
  }
  dy.randomize(2);
  const auto expected = [&](Index i, Index j) {
    double sum = 0;
    for (Index u = s.begin(j); u < s.end(j); ++u)
      sum += share(p, x, i, u, s.begin(j), s.end(j)) * x(i, u);
    return sum;
  };
  esp::cpu::segment_pool_forward(esp::Cpu{}, p, std::as_const(x).view(), s, y.view());
  CHECK(worst_error(y, expected, [&](Index, Index j) {
          return epsilon_of<T> * static_cast<double>(1 + s.length(j));
        }) <= 1);
  for (const bool accumulate : {false, true}) {
    dx.fill(std::numeric_limits<T>::quiet_NaN());
    if (accumulate) dx.randomize(3);
    const Padded<T> before = dx;
    esp::cpu::segment_pool_backward(esp::Cpu{}, p, std::as_const(x).view(), std::as_const(y).view(),
                                    s, std::as_const(dy).view(), dx.view(), accumulate);
    const auto gradient = [&](Index i, Index u) {
      Index j = 0;
      while (s.end(j) <= u) ++j;
      return (accumulate ? before(i, u) : 0) + share(p, x, i, u, s.begin(j), s.end(j)) * dy(i, j);
    };
    CHECK(worst_error(dx, gradient, [](Index, Index) { return 8 * epsilon_of<T>; }) <= 1);
  }
  CHECK(y.fenced());
  CHECK(dx.fenced());
}

}  // namespace

TEST_CASE_TEMPLATE("segment pool: values and gradients of every kind and width", T, float, double) {
  for (const esp::SegmentPool p : every_pool) {
    for (const Index rows : {1, 2, 3, 4, 7, 8, 15, 16, 33, 63, 64, 65, 130}) {
      check<T>(p, ragged, rows, false);
      check<T>(p, ragged, rows, true);
      for (const Index steps : {0, 1, 5}) check<T>(p, {4, nullptr, steps}, rows, true);
    }
  }
}

TEST_CASE("segment pool: NaN is the maximum, wherever it is") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (Index where = 0; where < 3; ++where) {
    Padded<double> x(9, 3), y(9, 1);
    x.randomize(1);
    x.at(8, where) = x.at(0, where) = nan;
    esp::cpu::segment_pool_forward(esp::Cpu{}, esp::SegmentPool::max, std::as_const(x).view(),
                                   {1, nullptr, 3}, y.view());
    CHECK(std::isnan(y(0, 0)));
    CHECK(std::isnan(y(8, 0)));
    CHECK(!std::isnan(y(1, 0)));
  }
}
