// SPDX-License-Identifier: Apache-2.0
// Gates that choose: DSelect-k's codes, hard concrete routes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/kernels/cpu/route.hpp"
#include "espalier/kernels/cpu/select.hpp"
#include "kernels/padded.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

const esp::cpu::Device device;

double smooth_step(double t) { return t <= -0.5 ? 0 : t >= 0.5 ? 1 : -2 * t * t * t + 1.5 * t + 0.5; }

/// y_e for column j of x, by the formula.
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

TEST_CASE_TEMPLATE("select: weights and gradient, for any number of selectors and experts", T, float, double) {
  for (Index bits = 1; bits <= 5; ++bits) {
    for (Index selectors = 1; selectors <= 4; ++selectors) {
      const Index rows = selectors * (bits + 1), experts = Index{1} << bits, cols = 3;
      CAPTURE(bits);
      CAPTURE(selectors);
      Padded<T> x(rows, cols, 2, 1), y(experts, cols, 1, 2), dy(experts, cols, 3, 0);
      x.randomize(static_cast<std::uint64_t>(10 * bits + selectors), 0.3);  // some bits are decided, some are not
      dy.randomize(5);
      esp::cpu::select_forward(device, std::as_const(x).view(), selectors, bits, y.view());
      CHECK(worst_error(y, [&](Index e, Index j) { return chosen(x, selectors, bits, e, j); },
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
          esp::cpu::select_backward(device, std::as_const(x).view(), selectors, bits, std::as_const(dy).view(), dx.view(), accumulate);
          CHECK(worst_error(dx,
                            [&](Index r, Index j) {
                              const auto loss = [&](double step) {
                                Padded<T> moved = x;
                                moved.at(r, j) += step;
                                double sum = 0;
                                for (Index e = 0; e < experts; ++e) sum += dy(e, j) * chosen(moved, selectors, bits, e, j);
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

TEST_CASE_TEMPLATE("hard concrete gates: their middle, their slopes, and how often they are shut", T, float, double) {
  const std::vector<T> log_alpha{static_cast<T>(-4), static_cast<T>(-0.3), static_cast<T>(0.7), static_cast<T>(5)};
  std::vector<T> z(4), slopes(4);
  esp::cpu::hard_concrete(device, log_alpha.data(), Index{4}, 1, false, z.data(), slopes.data());
  for (std::size_t i = 0; i < 4; ++i) {
    const double s = 1 / (1 + std::exp(-static_cast<double>(log_alpha[i]))), stretched = 1.2 * s - 0.1;
    CHECK(static_cast<double>(z[i]) == doctest::Approx(std::min(std::max(stretched, 0.0), 1.0)).epsilon(1e-6));
    CHECK(static_cast<double>(slopes[i]) == doctest::Approx(stretched > 0 && stretched < 1 ? 1.2 * s * (1 - s) : 0).epsilon(1e-6));
  }
  // Shut with probability σ(β log(−γ/ζ) − log α), open wide with 1 − σ(β log((1 − γ)/(ζ − 1)) − log α) (Louizos et al., eq. 12).
  const double beta = 2.0 / 3;
  std::vector<double> shut(4), wide(4);
  const int draws = 20000;
  for (int k = 0; k < draws; ++k) {
    esp::cpu::hard_concrete(device, log_alpha.data(), Index{4}, static_cast<std::uint64_t>(k), true, z.data(), slopes.data());
    for (std::size_t i = 0; i < 4; ++i) {
      shut[i] += (z[i] == 0 ? 1.0 : 0.0) / draws;
      wide[i] += (z[i] == 1 ? 1.0 : 0.0) / draws;
      CHECK((z[i] >= 0 && z[i] <= 1));
      CHECK((slopes[i] > 0) == (z[i] > 0 && z[i] < 1));
    }
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const double a = static_cast<double>(log_alpha[i]);
    const double p = 1 / (1 + std::exp(a - beta * std::log(0.1 / 1.1))), q = 1 / (1 + std::exp(beta * std::log(1.1 / 0.1) - a));
    CHECK(std::abs(shut[i] - p) < 5 * std::sqrt(p * (1 - p) / draws) + 1e-9);
    CHECK(std::abs(wide[i] - q) < 5 * std::sqrt(q * (1 - q) / draws) + 1e-9);
  }
  // The slope is that of the draw with the same key.
  for (std::uint64_t key = 0; key < 50; ++key) {
    std::vector<double> at{0.4}, up{0.4 + 1e-6}, down{0.4 - 1e-6}, slope(1), a(1), b(1), mid(1);
    esp::cpu::hard_concrete(device, at.data(), Index{1}, key, true, mid.data(), slope.data());
    esp::cpu::hard_concrete(device, up.data(), Index{1}, key, true, a.data(), static_cast<double*>(nullptr));
    esp::cpu::hard_concrete(device, down.data(), Index{1}, key, true, b.data(), static_cast<double*>(nullptr));
    CHECK(slope[0] == doctest::Approx((a[0] - b[0]) / 2e-6).epsilon(1e-5));
  }
}
