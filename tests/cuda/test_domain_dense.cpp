// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstdint>
#include <utility>

#include "cuda/compare.hpp"
#include "cuda/gpu.hpp"
#include "espalier/kernels/cpu/kernels.hpp"
#include "espalier/kernels/cuda/kernels.hpp"
#include "kernels/memory.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

using Matrix = Padded<float>;

void check(Index in, Index out, Index cols, Index domains) {
  CAPTURE(in);
  CAPTURE(out);
  CAPTURE(cols);
  CAPTURE(domains);
  const auto seed = static_cast<std::uint64_t>(31 * in + 7 * out + cols);
  const Gpu gpu(seed);
  // Matrices of rows, one after the other, as columns.
  Matrix w(in * out, 1), bias(out, 1), factors(in * out, domains), shifts(out, domains),
      x(in, cols, 2, 1), dy(out, cols, 1, 3);
  w.randomize(seed + 1);
  bias.randomize(seed + 2);
  factors.randomize(seed + 3);
  shifts.randomize(seed + 4);
  x.randomize(seed + 5);
  dy.randomize(seed + 6);
  esp::Random random(seed);
  TestVector<std::int32_t> domain;
  for (Index j = 0; j < cols; ++j)
    domain.push_back(
        static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(domains + 1))));

  Matrix y(out, cols, 3, 2), expected = y;
  esp::cpu::domain_dense_forward(esp::Cpu{}, domain.data(), domains, w.data(), bias.data(),
                                 factors.data(), shifts.data(), std::as_const(x).view(),
                                 expected.view());
  domain_dense_forward(gpu.device, domain.data(), domains, w.data(), bias.data(), factors.data(),
                       shifts.data(), std::as_const(x).view(), y.view());
  CHECK(relative_error(y, expected) <= 1e-5);

  for (const int input : {0, 1, 2}) {  // dx not requested, overwritten, added to
    Matrix dx(in, cols, 1, 2), dw(in * out, 1), dbias(out, 1), dfactors(in * out, domains),
        dshifts(out, domains);
    dw.fill(1);
    dfactors.fill(2);
    dbias.fill(3);
    dshifts.fill(4);
    if (input == 2) dx.randomize(9);
    Matrix expected_x = dx, expected_w = dw, expected_bias = dbias, expected_factors = dfactors,
           expected_shifts = dshifts;
    esp::cpu::domain_dense_backward(
        esp::Cpu{}, domain.data(), domains, w.data(), factors.data(), std::as_const(x).view(),
        std::as_const(dy).view(), expected_w.data(), expected_bias.data(), expected_factors.data(),
        expected_shifts.data(), input == 0 ? esp::View<float>{} : expected_x.view(), input == 2);
    domain_dense_backward(gpu.device, domain.data(), domains, w.data(), factors.data(),
                          std::as_const(x).view(), std::as_const(dy).view(), dw.data(),
                          dbias.data(), dfactors.data(), dshifts.data(),
                          input == 0 ? esp::View<float>{} : dx.view(), input == 2);
    CHECK(relative_error(dx, expected_x) <= 1e-5);
    CHECK(relative_error(dw, expected_w) <= 1e-5);
    CHECK(relative_error(dbias, expected_bias) <= 1e-5);
    CHECK(relative_error(dfactors, expected_factors) <= 1e-5);
    CHECK(relative_error(dshifts, expected_shifts) <= 1e-5);
  }
}

}  // namespace

TEST_CASE("cuda: domain dense, values and all gradients, for any width") {
  for (const Index in : {1, 2, 31, 33}) {
    for (const Index out : {1, 5, 33}) check(in, out, 1 + (in * out) % 67, 1 + (in + out) % 4);
  }
}

TEST_CASE("cuda: domain dense, many inputs, samples and domains, one sample, none") {
  check(300, 5, 7, 3);
  check(67, 64, 33, 1);
  check(5, 6, 1200, 3);
  check(3, 2, 513, 40);
  check(4, 4, 1, 70);
  check(4, 4, 0, 3);
}
