// SPDX-License-Identifier: Apache-2.0
// Mixtures of probabilities as logits, and vectors broadcast to all samples, compared with plain
// formulas.
#include <doctest/doctest.h>

#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/kernels/cpu/mixture_logit.hpp"
#include "kernels/padded.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

const esp::Cpu device;

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

/// The logit of the mixture in column j.
template <class T>
double mixed(const Padded<T>& z, const Padded<T>& g, Index j) {
  double yes = 0, no = 0;
  for (Index c = 0; c < z.rows(); ++c) {
    yes += g(c, j) * sigmoid(z(c, j));
    no += g(c, j) * sigmoid(-z(c, j));
  }
  return std::log(yes) - std::log(no);
}

/// Columns of positive numbers with sum 1.
template <class T>
Padded<T> gates(Index rows, Index cols, std::uint64_t seed) {
  Padded<T> g(rows, cols, 1, 2);
  esp::Random random(seed);
  for (Index j = 0; j < cols; ++j) {
    double sum = 0;
    std::vector<double> values;
    for (Index c = 0; c < rows; ++c) sum += values.emplace_back(random.uniform(0.1, 1));
    for (Index c = 0; c < rows; ++c) {
      g.at(c, j) = static_cast<T>(values[static_cast<std::size_t>(c)] / sum);
    }
  }
  return g;
}

}  // namespace

TEST_CASE_TEMPLATE("mixture logit: values and gradients, for any number of critics", T, float,
                   double) {
  for (Index critics = 1; critics <= 13; ++critics) {
    CAPTURE(critics);
    const Index cols = 1 + critics % 4;
    Padded<T> z(critics, cols, 2, 1), y(1, cols, 1, 1), dy(1, cols);
    z.randomize(static_cast<std::uint64_t>(critics), 3);
    dy.randomize(5);
    const Padded<T> g = gates<T>(critics, cols, 7);
    esp::cpu::mixture_logit_forward(device, std::as_const(z).view(), g.view(), y.view());
    const auto bound = [](Index, Index) { return 200 * epsilon_of<T>; };
    CHECK(worst_error(
              y, [&](Index, Index j) { return mixed(z, g, j); }, bound) <= 1);
    CHECK(y.fenced());
    if constexpr (std::is_same_v<T, double>) {
      for (const bool add : {false, true}) {
        Padded<T> dz(critics, cols, 1, 1), dg(critics, cols, 2, 0);
        if (add) dz.randomize(8);
        if (add) dg.randomize(9);
        const Padded<T> before_z = dz, before_g = dg;
        esp::cpu::mixture_logit_backward(device, std::as_const(z).view(), g.view(),
                                         std::as_const(dy).view(), dz.view(), add, dg.view(), add);
        // Central difference by z or g of one critic.
        const auto difference = [&](Index c, Index j, bool of_gate) {
          const auto loss = [&](double step) {
            Padded<T> moved_z = z, moved_g = g;
            (of_gate ? moved_g : moved_z).at(c, j) += step;
            return dy(0, j) * mixed(moved_z, moved_g, j);
          };
          return (loss(1e-6) - loss(-1e-6)) / 2e-6;
        };
        const auto near = [](Index, Index) { return 1e-7; };
        CHECK(worst_error(
                  dz,
                  [&](Index c, Index j) {
                    return (add ? before_z(c, j) : 0) + difference(c, j, false);
                  },
                  near) <= 1);
        CHECK(worst_error(
                  dg,
                  [&](Index c, Index j) {
                    return (add ? before_g(c, j) : 0) + difference(c, j, true);
                  },
                  near) <= 1);
        CHECK(dz.fenced());
        CHECK(dg.fenced());
        const Padded<T> kept = dz;
        esp::cpu::mixture_logit_backward(device, std::as_const(z).view(), g.view(),
                                         std::as_const(dy).view(), esp::View<T>{}, add,
                                         esp::View<T>{}, add);
        CHECK(worst_error(dz, kept, near) == 0);
      }
    }
  }
}

TEST_CASE(
    "mixture logit: far from a half in single precision, a gate that is shut, one critic, NaN") {
  const float z[][2] = {{-200, -90},        {200, 95},  {300, -300}, {5, 7},
                        {1, std::nanf("")}, {-100, 50}, {90, -1},    {-95, 1}};
  const float g[][2] = {{0.5F, 0.5F}, {0.5F, 0.5F}, {0.25F, 0.75F}, {1, 0},
                        {0.5F, 0.5F}, {1, 0},       {1, 0},         {1, 1e-44F}};
  const double expected[] = {
      -90 - std::log(2),
      95 + std::log(2),
      std::log(0.25 / 0.75),
      5,
      std::nan(""),
      -100,
      90,
      std::log(std::exp(-95) + static_cast<double>(1e-44F) / (1 + std::exp(-1)))};
  for (std::size_t i = 0; i < 8; ++i) {
    CAPTURE(i);
    const esp::View<const float> critics{z[i], 2, 1, 2}, gate{g[i], 2, 1, 2};
    float y = 0, one = 1, dz[2], dg[2];
    esp::cpu::mixture_logit_forward(device, critics, gate, esp::View<float>{&y, 1, 1, 1});
    CHECK(std::isnan(y) == std::isnan(expected[i]));
    if (i == 4) continue;
    CHECK(static_cast<double>(y) == doctest::Approx(expected[i]).epsilon(1e-6));
    esp::cpu::mixture_logit_backward(device, critics, gate, esp::View<const float>{&one, 1, 1, 1},
                                     esp::View<float>{dz, 2, 1, 2}, false,
                                     esp::View<float>{dg, 2, 1, 2}, false);
    for (const float d : {dz[0], dz[1], dg[0], dg[1]}) CHECK(std::isfinite(d));
    if (i < 2) CHECK(dz[1] == doctest::Approx(1));  // the dominating critic
    if (i == 3 || i > 4) CHECK(dz[0] == doctest::Approx(1).epsilon(0.002));
    if (i == 3 || i == 5 || i == 6) CHECK(dz[1] == 0);
  }
}

TEST_CASE_TEMPLATE("broadcast: one vector for all columns, the sum of their gradients", T, float,
                   double) {
  for (Index rows = 1; rows <= 21; ++rows) {
    const Index cols = rows % 5;  // also 0
    std::vector<T> v, dv(static_cast<std::size_t>(rows), T{2});
    for (Index i = 0; i < rows; ++i) v.push_back(static_cast<T>(i) - 3);
    Padded<T> y(rows, cols, 2, 1), dy(rows, cols, 1, 1);
    dy.randomize(4);
    esp::cpu::broadcast_forward(device, v.data(), y.view());
    CHECK(worst_error(
              y, [](Index i, Index) { return static_cast<double>(i) - 3; },
              [](Index, Index) { return 1e-30; }) <= 1);
    CHECK(y.fenced());
    esp::cpu::broadcast_backward(device, std::as_const(dy).view(), dv.data());
    for (Index i = 0; i < rows; ++i) {
      double sum = 2;
      for (Index j = 0; j < cols; ++j) sum += dy(i, j);
      CHECK(static_cast<double>(dv[static_cast<std::size_t>(i)]) ==
            doctest::Approx(sum).epsilon(1e-5));
    }
  }
}
