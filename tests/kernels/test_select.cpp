// SPDX-License-Identifier: Apache-2.0
// Sparse gates: DSelect-k's codes, hard concrete routes, gate dropout, gate load.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/kernels/cpu/gate_options.hpp"
#include "espalier/kernels/cpu/route.hpp"
#include "espalier/kernels/cpu/select.hpp"
#include "kernels/padded.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

const esp::Cpu device;

double smooth_step(double t) {
  return t <= -0.5 ? 0 : t >= 0.5 ? 1 : -2 * t * t * t + 1.5 * t + 0.5;
}

/// y_e for column j of x by the formula.
template <class T>
double chosen(const Padded<T>& x, Index selectors, Index bits, Index e, Index j) {
  double sum = 0, y = 0;
  for (Index i = 0; i < selectors; ++i) sum += std::exp(x(selectors * bits + i, j));
  for (Index i = 0; i < selectors; ++i) {
    double code = std::exp(x(selectors * bits + i, j)) / sum;
    for (Index b = 0; b < bits; ++b) {
      const double s = smooth_step(x(i * bits + b, j));
      code *= (e >> b) % 2 == 1 ? s : 1 - s;
    }
    y += code;
  }
  return y;
}

}  // namespace

TEST_CASE_TEMPLATE("select: weights and gradient, for any number of selectors and experts", T,
                   float, double) {
  for (Index bits = 1; bits <= 5; ++bits) {
    for (Index selectors = 1; selectors <= 4; ++selectors) {
      const Index rows = selectors * (bits + 1), experts = Index{1} << bits, cols = 3;
      CAPTURE(bits);
      CAPTURE(selectors);
      Padded<T> x(rows, cols, 2, 1), y(experts, cols, 1, 2), dy(experts, cols, 3, 0);
      // Some bits saturate, some do not.
      x.randomize(static_cast<std::uint64_t>(10 * bits + selectors), 0.3);
      dy.randomize(5);
      esp::cpu::select_forward(device, std::as_const(x).view(), selectors, bits, y.view());
      CHECK(worst_error(
                y, [&](Index e, Index j) { return chosen(x, selectors, bits, e, j); },
                [&](Index, Index) { return 60 * epsilon_of<T>; }) <= 1);
      CHECK(y.fenced());
      for (Index j = 0; j < cols; ++j) {
        double sum = 0;
        for (Index e = 0; e < experts; ++e) sum += y(e, j);
        CHECK(sum == doctest::Approx(1));
      }
      if constexpr (std::is_same_v<T, double>) {
        for (const bool accumulate : {false, true}) {
          Padded<T> dx(rows, cols, 1, 1);
          if (accumulate) dx.randomize(6);
          const Padded<T> before = dx;
          esp::cpu::select_backward(device, std::as_const(x).view(), selectors, bits,
                                    std::as_const(dy).view(), dx.view(), accumulate);
          CHECK(worst_error(
                    dx,
                    [&](Index r, Index j) {
                      const auto loss = [&](double step) {
                        Padded<T> moved = x;
                        moved.at(r, j) += step;
                        double sum = 0;
                        for (Index e = 0; e < experts; ++e)
                          sum += dy(e, j) * chosen(moved, selectors, bits, e, j);
                        return sum;
                      };
                      return (accumulate ? before(r, j) : 0) + (loss(1e-6) - loss(-1e-6)) / 2e-6;
                    },
                    [](Index, Index) { return 1e-8; }) <= 1);
          CHECK(dx.fenced());
        }
      }
    }
  }
}

TEST_CASE("select: decided bits leave one expert for each selector, and a NaN shows") {
  Padded<float> x(6, 2), y(4, 2);
  const float columns[2][6] = {{9, -9, 9, 9, 0, 0}, {std::nanf(""), 0, 0, 0, 0, 0}};
  for (Index j = 0; j < 2; ++j) {
    for (Index i = 0; i < 6; ++i) x.at(i, j) = columns[j][i];
  }
  esp::cpu::select_forward(device, std::as_const(x).view(), 2, 2, y.view());
  CHECK(y(0, 0) == 0);
  CHECK(y(1, 0) == 0.5);
  CHECK(y(2, 0) == 0);
  CHECK(y(3, 0) == 0.5);
  CHECK(std::isnan(y(0, 1)));
}

TEST_CASE_TEMPLATE("hard concrete gates: their middle, their slopes, and how often they are shut",
                   T, float, double) {
  const std::vector<T> log_alpha{static_cast<T>(-4), static_cast<T>(-0.3), static_cast<T>(0.7),
                                 static_cast<T>(5)};
  std::vector<T> z(4), slopes(4);
  esp::cpu::hard_concrete(device, log_alpha.data(), Index{4}, 1, false, z.data(), slopes.data());
  for (std::size_t i = 0; i < 4; ++i) {
    const double s = 1 / (1 + std::exp(-static_cast<double>(log_alpha[i]))),
                 stretched = 1.2 * s - 0.1;
    CHECK(static_cast<double>(z[i]) ==
          doctest::Approx(std::min(std::max(stretched, 0.0), 1.0)).epsilon(1e-6));
    CHECK(static_cast<double>(slopes[i]) ==
          doctest::Approx(stretched > 0 && stretched < 1 ? 1.2 * s * (1 - s) : 0).epsilon(1e-6));
  }
  // P(z = 0) = σ(β log(−γ/ζ) − log α), P(z = 1) = 1 − σ(β log((1 − γ)/(ζ − 1)) − log α) (Louizos et
  // al., eq. 12).
  const double beta = 2.0 / 3;
  std::vector<double> shut(4), wide(4);
  const int draws = 20000;
  for (int k = 0; k < draws; ++k) {
    esp::cpu::hard_concrete(device, log_alpha.data(), Index{4}, static_cast<std::uint64_t>(k), true,
                            z.data(), slopes.data());
    for (std::size_t i = 0; i < 4; ++i) {
      shut[i] += (z[i] == 0 ? 1.0 : 0.0) / draws;
      wide[i] += (z[i] == 1 ? 1.0 : 0.0) / draws;
      CHECK((z[i] >= 0 && z[i] <= 1));
      CHECK((slopes[i] > 0) == (z[i] > 0 && z[i] < 1));
    }
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const double a = static_cast<double>(log_alpha[i]);
    const double p = 1 / (1 + std::exp(a - beta * std::log(0.1 / 1.1))),
                 q = 1 / (1 + std::exp(beta * std::log(1.1 / 0.1) - a));
    CHECK(std::abs(shut[i] - p) < 5 * std::sqrt(p * (1 - p) / draws) + 1e-9);
    CHECK(std::abs(wide[i] - q) < 5 * std::sqrt(q * (1 - q) / draws) + 1e-9);
  }
  // The slope belongs to the draw with the same key.
  for (std::uint64_t key = 0; key < 50; ++key) {
    std::vector<double> at{0.4}, up{0.4 + 1e-6}, down{0.4 - 1e-6}, slope(1), a(1), b(1), mid(1);
    esp::cpu::hard_concrete(device, at.data(), Index{1}, key, true, mid.data(), slope.data());
    esp::cpu::hard_concrete(device, up.data(), Index{1}, key, true, a.data(),
                            static_cast<double*>(nullptr));
    esp::cpu::hard_concrete(device, down.data(), Index{1}, key, true, b.data(),
                            static_cast<double*>(nullptr));
    CHECK(slope[0] == doctest::Approx((a[0] - b[0]) / 2e-6).epsilon(1e-5));
  }
}

TEST_CASE_TEMPLATE(
    "gate dropout: weights that stay sum to 1, some go, and the gradient is that of the same draw",
    T, float, double) {
  for (Index experts = 1; experts <= 11; ++experts) {
    const Index groups = 1 + experts % 3, cols = 1 + experts % 4, rows = experts * groups;
    CAPTURE(experts);
    Padded<T> g(rows, cols, 2, 1), y(rows, cols, 1, 3), dy(rows, cols, 1, 1);
    esp::Random draw(static_cast<std::uint64_t>(experts));
    for (Index j = 0; j < cols; ++j) {
      for (Index i = 0; i < rows; ++i) g.at(i, j) = static_cast<T>(draw.uniform(0.1, 1));
    }
    dy.randomize(3);
    for (std::uint64_t key = 0; key < 20; ++key) {
      esp::cpu::gate_dropout_forward(device, std::as_const(g).view(), groups, 0.4, key, 5,
                                     y.view());
      CHECK(y.fenced());
      for (Index j = 0; j < cols; ++j) {
        for (Index at = 0; at < rows; at += experts) {
          double kept = 0, sum = 0;
          bool untouched = true;
          for (Index e = at; e < at + experts; ++e) {
            kept += y(e, j) != 0 ? g(e, j) : 0;
            sum += y(e, j);
            untouched = untouched && y(e, j) == g(e, j);
          }
          if (untouched) continue;  // all were to be dropped
          CHECK(sum == doctest::Approx(1).epsilon(1e-5));
          for (Index e = at; e < at + experts; ++e) {
            if (y(e, j) != 0) CHECK(y(e, j) == doctest::Approx(g(e, j) / kept).epsilon(1e-5));
          }
        }
      }
      if constexpr (std::is_same_v<T, double>) {
        Padded<T> dg(rows, cols, 3, 2);
        esp::cpu::gate_dropout_backward(device, std::as_const(g).view(), std::as_const(y).view(),
                                        std::as_const(dy).view(), groups, 0.4, key, 5, dg.view(),
                                        false);
        CHECK(dg.fenced());
        CHECK(worst_error(
                  dg,
                  [&](Index i, Index j) {
                    const auto loss = [&](double step) {
                      Padded<T> moved = g, out(rows, cols);
                      moved.at(i, j) += step;
                      esp::cpu::gate_dropout_forward(device, std::as_const(moved).view(), groups,
                                                     0.4, key, 5, out.view());
                      double sum = 0;
                      for (Index e = 0; e < rows; ++e) sum += dy(e, j) * out(e, j);
                      return sum;
                    };
                    return (loss(1e-6) - loss(-1e-6)) / 2e-6;
                  },
                  [](Index, Index) { return 1e-7; }) <= 1);
      }
    }
  }
}

TEST_CASE("gate dropout: as often as its rate says, whatever microbatch a sample is in") {
  const Index cols = 4000;
  Padded<double> g(4, cols), y(4, cols);
  g.fill(0.25);
  esp::cpu::gate_dropout_forward(device, std::as_const(g).view(), 1, 0.3, 9, 0, y.view());
  double gone = 0;
  for (Index j = 0; j < cols; ++j) {
    for (Index e = 0; e < 4; ++e) gone += y(e, j) == 0 ? 1 : 0;
  }
  gone += 4 * cols * std::pow(0.3, 4);  // if all were to be dropped, all are kept
  CHECK(std::abs(gone / (4 * cols) - 0.3) < 0.02);
  Padded<double> part(4, 10);
  const esp::View<const double> later{g.data() + 4 * 700, 4, 10, 4};
  esp::cpu::gate_dropout_forward(device, later, 1, 0.3, 9, 700, part.view());
  for (Index j = 0; j < 10; ++j) {
    for (Index e = 0; e < 4; ++e) CHECK(part(e, j) == y(e, 700 + j));
  }
}

TEST_CASE_TEMPLATE("gate load: weighted sums, and the gradient of a balanced one", T, float,
                   double) {
  for (Index rows = 2; rows <= 14; rows += 2) {
    const Index cols = 1 + rows % 5;
    Padded<T> g(rows, cols, 1, 2);
    g.randomize(static_cast<std::uint64_t>(rows));
    std::vector<T> weights, load;
    for (Index j = 0; j < cols; ++j) weights.push_back(static_cast<T>(1 + j));
    for (Index e = 0; e < rows; ++e) load.push_back(static_cast<T>(0.1 * static_cast<double>(e)));
    std::vector<T> sums(static_cast<std::size_t>(rows + 1));
    esp::cpu::gate_load(device, std::as_const(g).view(), weights.data(), sums.data());
    CHECK(static_cast<double>(sums[0]) ==
          doctest::Approx(static_cast<double>(cols * (cols + 1)) / 2));
    for (Index e = 0; e < rows; ++e) {
      double sum = 0;
      for (Index j = 0; j < cols; ++j) sum += static_cast<double>(1 + j) * g(e, j);
      CHECK(static_cast<double>(sums[static_cast<std::size_t>(1 + e)]) ==
            doctest::Approx(sum).epsilon(1e-4));
    }
    const T scales[2] = {T{2}, T{3}};
    for (const bool accumulate : {false, true}) {
      Padded<T> dg(rows, cols, 2, 1);
      if (accumulate) dg.randomize(8);
      const Padded<T> before = dg;
      esp::cpu::load_balance_backward(device, load.data(), scales, Index{2}, weights.data(),
                                      dg.view(), accumulate);
      CHECK(worst_error(
                dg,
                [&](Index e, Index j) {
                  return (accumulate ? before(e, j) : 0) + (e < rows / 2 ? 2 : 3) *
                                                               static_cast<double>(1 + j) * 0.1 *
                                                               static_cast<double>(e);
                },
                [](Index, Index) { return 100 * epsilon_of<T>; }) <= 1);
      CHECK(dg.fenced());
    }
  }
}
