// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <utility>

#include "cuda/compare.hpp"
#include "cuda/gpu.hpp"
#include "espalier/kernels/cpu/kernels.hpp"
#include "espalier/kernels/cuda/kernels.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

void check_softmax(Index rows, Index groups, Index cols) {
  CAPTURE(rows);
  CAPTURE(groups);
  CAPTURE(cols);
  const Gpu gpu(static_cast<std::uint64_t>(rows * 100 + cols));
  Padded<float> x(rows * groups, cols, rows % 3, 1), y(rows * groups, cols, rows % 2, rows % 5),
      dy(rows * groups, cols, 1, 2);
  x.randomize(1, 3);
  dy.randomize(2);
  Padded<float> expected = y;
  esp::cpu::softmax_forward(esp::Cpu{}, std::as_const(x).view(), groups, expected.view());
  softmax_forward(gpu.device, std::as_const(x).view(), groups, y.view());
  CHECK(relative_error(y, expected) <= 1e-5);
  for (const bool accumulate : {false, true}) {
    Padded<float> dx(rows * groups, cols, rows % 4, 3);
    if (accumulate) dx.randomize(3);
    expected = dx;
    esp::cpu::softmax_backward(esp::Cpu{}, std::as_const(y).view(), std::as_const(dy).view(),
                               groups, expected.view(), accumulate);
    softmax_backward(gpu.device, std::as_const(y).view(), std::as_const(dy).view(), groups,
                     dx.view(), accumulate);
    CHECK(relative_error(dx, expected) <= 1e-5);
  }
}

void check_mix(Index width, Index experts, Index cols) {
  CAPTURE(width);
  CAPTURE(experts);
  CAPTURE(cols);
  const Gpu gpu(static_cast<std::uint64_t>(width * 100 + cols));
  Padded<float> f(width * experts, cols, width % 3, 1), g(experts, cols, width % 2 * 5, 2),
      dy(width, cols, 2, 3);
  f.randomize(1);
  g.randomize(2);
  dy.randomize(3);
  for (const bool accumulate : {false, true}) {
    Padded<float> y(width, cols, 1, width % 5);
    if (accumulate) y.randomize(6);
    Padded<float> expected = y;
    esp::cpu::mix_forward(esp::Cpu{}, std::as_const(f).view(), std::as_const(g).view(),
                          expected.view(), accumulate);
    mix_forward(gpu.device, std::as_const(f).view(), std::as_const(g).view(), y.view(), accumulate);
    CHECK(relative_error(y, expected) <= 1e-5);
  }
  for (int flags = 0; flags < 16; ++flags) {
    const bool add_f = (flags & 1) != 0, add_g = (flags & 2) != 0;
    const bool no_f = (flags & 4) != 0, no_g = (flags & 8) != 0;
    Padded<float> df(width * experts, cols, width % 4, 1), dg(experts, cols, 1, 1);
    if (add_f) df.randomize(4);
    if (add_g) dg.randomize(5);
    Padded<float> expected_f = df, expected_g = dg;
    const auto run = [&](auto backward, auto device, auto& to_f, auto& to_g) {
      backward(device, std::as_const(f).view(), std::as_const(g).view(), std::as_const(dy).view(),
               no_f ? esp::View<float>{} : to_f.view(), add_f,
               no_g ? esp::View<float>{} : to_g.view(), add_g);
    };
    run([](auto... a) { esp::cpu::mix_backward(a...); }, esp::Cpu{}, expected_f, expected_g);
    run([](auto... a) { mix_backward(a...); }, gpu.device, df, dg);
    CHECK(relative_error(df, expected_f) <= 1e-5);
    CHECK(relative_error(dg, expected_g) <= 1e-5);
  }
}

}  // namespace

TEST_CASE("cuda: softmax, values and gradient in small and large groups") {
  for (const Index rows : {1, 2, 5, 16, 17, 31, 32, 33, 67, 300}) {
    for (const Index cols : {1, 5, 64}) {
      if (rows * cols < 3000) check_softmax(rows, 1 + rows % 4, cols);
    }
  }
  check_softmax(3, 2, 300);
}

TEST_CASE("cuda: softmax of logits that are large, infinite or NaN") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const float columns[][3] = {{1e30F, 1e30F, -1e30F},
                              {88, 90, 89},
                              {-1e4F, -1e4F, -1e4F},
                              {0, -inf, 0},
                              {0, nan, 0},
                              {nan, 0, 0},
                              {0, 1, nan},
                              {0, inf, 0},
                              {-inf, -inf, -inf}};
  for (const Index rows : {3, 18, 40, 67}) {  // further rows are −∞: of probability 0
    CAPTURE(rows);
    const Gpu gpu(static_cast<std::uint64_t>(rows));
    Padded<float> x(rows, 9, 1), y(rows, 9);
    x.fill(-inf);
    for (Index j = 0; j < 9; ++j) {
      for (Index i = 0; i < 3; ++i) x.at(i * (rows - 1) / 2, j) = columns[j][i];
    }
    Padded<float> expected = y;
    esp::cpu::softmax_forward(esp::Cpu{}, std::as_const(x).view(), 1, expected.view());
    softmax_forward(gpu.device, std::as_const(x).view(), 1, y.view());
    CHECK(relative_error(y, expected) <= 1e-5);
    CHECK(y(0, 0) == 0.5);
    CHECK(y((rows - 1) / 2, 3) == 0);
    for (const Index j : {4, 5, 6, 7, 8}) CHECK(std::isnan(y(rows - 1, j)));
    softmax_forward(gpu.device, std::as_const(x).view(), 1, x.view());  // in place
    CHECK(relative_error(x, expected) <= 1e-5);
  }
}

TEST_CASE("cuda: mixtures, the weighted sum and both gradients, either left out") {
  for (const Index width : {1, 2, 31, 33, 67}) check_mix(width, 1 + width % 9, 1 + width % 4);
  check_mix(5, 3, 64);
  check_mix(300, 2, 5);
}
