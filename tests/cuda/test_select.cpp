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

void check(Index bits, Index selectors, Index cols) {
  CAPTURE(bits);
  CAPTURE(selectors);
  CAPTURE(cols);
  const Index rows = selectors * (bits + 1), experts = Index{1} << bits;
  const Gpu gpu(static_cast<std::uint64_t>(100 * bits + 10 * selectors + cols));
  Padded<float> x(rows, cols, 2, 1), y(experts, cols, 1, 2), dy(experts, cols, 3);
  // Some bits saturate, some do not.
  x.randomize(static_cast<std::uint64_t>(10 * bits + selectors), 0.3);
  dy.randomize(5);
  Padded<float> expected = y;
  esp::cpu::select_forward(esp::Cpu{}, std::as_const(x).view(), selectors, bits, expected.view());
  select_forward(gpu.device, std::as_const(x).view(), selectors, bits, y.view());
  CHECK(relative_error(y, expected) <= 1e-5);
  for (const bool accumulate : {false, true}) {
    Padded<float> dx(rows, cols, 1, 1);
    if (accumulate) dx.randomize(6);
    Padded<float> expected_dx = dx;
    esp::cpu::select_backward(esp::Cpu{}, std::as_const(x).view(), selectors, bits,
                              std::as_const(dy).view(), expected_dx.view(), accumulate);
    select_backward(gpu.device, std::as_const(x).view(), selectors, bits, std::as_const(dy).view(),
                    dx.view(), accumulate);
    CHECK(relative_error(dx, expected_dx) <= 1e-5);
  }
}

}  // namespace

TEST_CASE("cuda: select, weights and gradient, for any number of selectors and experts") {
  for (Index bits = 0; bits <= 8; ++bits) {
    for (const Index selectors : {1, 2, 5}) check(bits, selectors, 1 + (bits + selectors) % 5);
  }
  check(2, 3, 67);
  check(3, 33, 2);
  check(1, 2, 300);
}

TEST_CASE(
    "cuda: select, decided bits leave one expert for each selector, and NaN shows where the CPU's "
    "does") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const float columns[][6] = {{9, -9, 9, 9, 0, 0},        {nan, 0, 0, 0, 0, 0},
                              {0, 0.1F, 0, nan, 0, 1},    {0, 0.1F, 0.2F, 0, nan, 0},
                              {0, 0.1F, 0.2F, 0, 0, nan}, {inf, -inf, 0, 0.5F, 0, 0},
                              {0.1F, 0, 0, 0, 200, -200}, {0, 0, 0, 0, inf, 0}};
  const Gpu gpu(9);
  Padded<float> x(6, 8), y(4, 8), dy(4, 8), dx(6, 8);
  dy.randomize(1);
  for (Index j = 0; j < 8; ++j) {
    for (Index i = 0; i < 6; ++i) x.at(i, j) = columns[j][i];
  }
  Padded<float> expected = y, expected_dx = dx;
  esp::cpu::select_forward(esp::Cpu{}, std::as_const(x).view(), 2, 2, expected.view());
  select_forward(gpu.device, std::as_const(x).view(), 2, 2, y.view());
  CHECK(relative_error(y, expected) <= 1e-5);
  CHECK(y(0, 0) == 0);
  CHECK(y(1, 0) == 0.5);
  CHECK(y(3, 0) == 0.5);
  CHECK(std::isnan(y(0, 1)));
  esp::cpu::select_backward(esp::Cpu{}, std::as_const(x).view(), 2, 2, std::as_const(dy).view(),
                            expected_dx.view(), false);
  select_backward(gpu.device, std::as_const(x).view(), 2, 2, std::as_const(dy).view(), dx.view(),
                  false);
  CHECK(relative_error(dx, expected_dx) <= 1e-5);
}
