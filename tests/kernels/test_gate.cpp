// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "espalier/kernels/cpu/kernels.hpp"
#include "kernels/padded.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

/// Softmax, in double, over the group of row i.
template <class T>
double softmax(const Padded<T>& x, Index rows, Index i, Index j) {
  const Index begin = i / rows * rows;
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  for (Index k = begin; k < begin + rows; ++k) most = (std::max)(most, x(k, j));
  for (Index k = begin; k < begin + rows; ++k) sum += std::exp(x(k, j) - most);
  return std::exp(x(i, j) - most) / sum;
}

}  // namespace

TEST_CASE_TEMPLATE("softmax: values and gradient in groups of every size", T, float, double) {
  for (Index rows = 1; rows <= 67; ++rows) {
    const Index groups = 1 + rows % 4, cols = 1 + rows % 5;
    CAPTURE(rows);
    Padded<T> x(rows * groups, cols, rows % 3, 1), y(rows * groups, cols, rows % 2, rows % 5);
    x.randomize(1, 3);
    esp::cpu::softmax_forward(esp::Cpu{}, std::as_const(x).view(), groups, y.view());
    const double eps = 40 * epsilon_of<T>;
    CHECK(worst_error(
              y, [&](Index i, Index j) { return softmax(x, rows, i, j); },
              [&](Index i, Index j) { return eps * softmax(x, rows, i, j); }) <= 1);
    CHECK(y.fenced());

    Padded<T> dy(rows * groups, cols, 1, 2);
    dy.randomize(2);
    const auto gradient = [&](Index i, Index j) {
      const Index begin = i / rows * rows;
      double dot = 0;
      for (Index k = begin; k < begin + rows; ++k) dot += y(k, j) * dy(k, j);
      return y(i, j) * (dy(i, j) - dot);
    };
    for (const bool accumulate : {false, true}) {
      Padded<T> dx(rows * groups, cols, rows % 4, 3);
      if (accumulate) dx.randomize(3);
      const Padded<T> before = dx;
      esp::cpu::softmax_backward(esp::Cpu{}, std::as_const(y).view(), std::as_const(dy).view(),
                                 groups, dx.view(), accumulate);
      CHECK(worst_error(
                dx,
                [&](Index i, Index j) { return (accumulate ? before(i, j) : 0) + gradient(i, j); },
                [&](Index, Index) { return 100 * epsilon_of<T>; }) <= 1);
      CHECK(dx.fenced());
    }
  }
}

TEST_CASE(
    "softmax: large logits neither overflow nor vanish, minus infinity is a probability of 0, NaN "
    "shows") {
  const float inf = std::numeric_limits<float>::infinity();
  Padded<float> x(3, 5), y(3, 5);
  const float columns[5][3] = {{1e30F, 1e30F, -1e30F},
                               {88, 90, 89},
                               {-1e4F, -1e4F, -1e4F},
                               {0, -inf, 0},
                               {0, std::nanf(""), 0}};
  for (Index j = 0; j < 5; ++j) {
    for (Index i = 0; i < 3; ++i) x.at(i, j) = columns[j][i];
  }
  esp::cpu::softmax_forward(esp::Cpu{}, std::as_const(x).view(), 1, y.view());
  CHECK(y(0, 0) == doctest::Approx(0.5));
  CHECK(y(2, 0) == 0);
  CHECK(y(1, 1) == doctest::Approx(1 / (1 + std::exp(-1.0) + std::exp(-2.0))));
  CHECK(y(0, 2) == doctest::Approx(1.0 / 3));
  CHECK(y(0, 3) == doctest::Approx(0.5));
  CHECK(y(1, 3) == 0);
  for (Index i = 0; i < 3; ++i) CHECK(std::isnan(y(i, 4)));
}

TEST_CASE_TEMPLATE(
    "mixtures: the weighted sum and both gradients, for any width and number of experts", T, float,
    double) {
  for (Index width = 1; width <= 67; ++width) {
    const Index experts = 1 + width % 9, cols = 1 + width % 4;
    CAPTURE(width);
    Padded<T> f(width * experts, cols, width % 3, 1), g(experts, cols, width % 2 * 5, 2),
        y(width, cols, 1, width % 5);
    f.randomize(1);
    g.randomize(2);
    const double eps = 8 * static_cast<double>(experts + 4) * epsilon_of<T>;
    for (const bool accumulate : {false, true}) {
      if (accumulate) y.randomize(6);
      const Padded<T> before = y;
      esp::cpu::mix_forward(esp::Cpu{}, std::as_const(f).view(), std::as_const(g).view(), y.view(),
                            accumulate);
      CHECK(worst_error(
                y,
                [&](Index i, Index j) {
                  double sum = accumulate ? before(i, j) : 0;
                  for (Index e = 0; e < experts; ++e) sum += g(e, j) * f(e * width + i, j);
                  return sum;
                },
                [&](Index, Index) { return eps * 4; }) <= 1);
      CHECK(y.fenced());
    }

    Padded<T> dy(width, cols, 2, 3);
    dy.randomize(3);
    for (int flags = 0; flags < 4; ++flags) {
      const bool add_f = (flags & 1) != 0, add_g = (flags & 2) != 0;
      Padded<T> df(width * experts, cols, width % 4, 1), dg(experts, cols, 1, 1);
      if (add_f) df.randomize(4);
      if (add_g) dg.randomize(5);
      const Padded<T> df_before = df, dg_before = dg;
      esp::cpu::mix_backward(esp::Cpu{}, std::as_const(f).view(), std::as_const(g).view(),
                             std::as_const(dy).view(), df.view(), add_f, dg.view(), add_g);
      CHECK(worst_error(
                df,
                [&](Index i, Index j) {
                  return (add_f ? df_before(i, j) : 0) + g(i / width, j) * dy(i % width, j);
                },
                [&](Index, Index) { return 40 * epsilon_of<T>; }) <= 1);
      CHECK(worst_error(
                dg,
                [&](Index e, Index j) {
                  double sum = add_g ? dg_before(e, j) : 0;
                  for (Index i = 0; i < width; ++i) sum += f(e * width + i, j) * dy(i, j);
                  return sum;
                },
                [&](Index, Index) { return 8 * static_cast<double>(width + 4) * epsilon_of<T>; }) <=
            1);
      CHECK(df.fenced());
      CHECK(dg.fenced());
    }
  }
}
