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

using Matrix = Padded<float>;

/// Runs both backward functions for gradients that are written, added to, or left out.
template <class Cpu, class Gpu>
void check_gradients(const Matrix& a, const Matrix& b, const Matrix& d, Cpu on_cpu, Gpu on_gpu) {
  for (int flags = 0; flags < 16; ++flags) {
    const bool add_a = (flags & 1) != 0, add_b = (flags & 2) != 0;
    const bool no_a = (flags & 4) != 0, no_b = (flags & 8) != 0;
    Matrix da(a.rows(), a.cols(), 2, 1), db(b.rows(), b.cols(), 1, 2);
    if (add_a) da.randomize(7);
    if (add_b) db.randomize(8);
    Matrix expected_a = da, expected_b = db;
    const auto run = [&](auto backward, Matrix& to_a, Matrix& to_b) {
      backward(a.view(), b.view(), d.view(), no_a ? esp::View<float>{} : to_a.view(), add_a,
               no_b ? esp::View<float>{} : to_b.view(), add_b);
    };
    run(on_cpu, expected_a, expected_b);
    run(on_gpu, da, db);
    CHECK(relative_error(da, expected_a, 1) <= 1e-4);
    CHECK(relative_error(db, expected_b, 1) <= 1e-4);
  }
}

void check_product(const Matrix& a, const Matrix& b) {
  const Gpu gpu(static_cast<std::uint64_t>(a.rows() + a.cols()));
  Matrix z(a.rows(), a.cols(), 3, 2), expected = z, dz(a.rows(), a.cols(), 1);
  dz.randomize(3);
  esp::cpu::product_logit_forward(esp::Cpu{}, a.view(), b.view(), expected.view());
  product_logit_forward(gpu.device, a.view(), b.view(), z.view());
  CHECK(relative_error(z, expected, 1) <= 1e-5);
  check_gradients(
      a, b, dz, [](auto... p) { esp::cpu::product_logit_backward(esp::Cpu{}, p...); },
      [&](auto... p) { product_logit_backward(gpu.device, p...); });
}

void check_mixture(const Matrix& z, const Matrix& g) {
  const Gpu gpu(static_cast<std::uint64_t>(z.rows() + z.cols()));
  Matrix y(1, z.cols(), 1, 1), expected = y, dy(1, z.cols(), 2, 1);
  dy.randomize(5);
  esp::cpu::mixture_logit_forward(esp::Cpu{}, z.view(), g.view(), expected.view());
  mixture_logit_forward(gpu.device, z.view(), g.view(), y.view());
  CHECK(relative_error(y, expected, 1) <= 1e-5);
  check_gradients(
      z, g, dy, [](auto... p) { esp::cpu::mixture_logit_backward(esp::Cpu{}, p...); },
      [&](auto... p) { mixture_logit_backward(gpu.device, p...); });
}

Matrix with_columns(const float (*values)[2], Index cols) {
  Matrix made(2, cols, 1, 1);
  for (Index j = 0; j < cols; ++j) {
    for (Index i = 0; i < 2; ++i) made.at(i, j) = values[j][i];
  }
  return made;
}

}  // namespace

TEST_CASE("cuda: product of probabilities, its logit and gradients, either left out") {
  for (const Index rows : {1, 2, 31, 33, 67}) {
    for (const Index cols : {1, 5, 64}) {
      CAPTURE(rows);
      CAPTURE(cols);
      Matrix a(rows, cols, 2, 1), b(rows, cols, 1, 3);
      a.randomize(1, 4);
      b.randomize(2, 4);
      check_product(a, b);
    }
  }
}

TEST_CASE("cuda: product of probabilities, of logits that are large, infinite or NaN") {
  const float huge = std::numeric_limits<float>::max(),
              inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const float numbers[] = {-200, -300, 200, -3, 0, huge, -huge, inf, -inf, nan};
  for (const float first : numbers) {  // one at a time: the tolerance is that of the largest
    for (const float second : numbers) {
      CAPTURE(first);
      CAPTURE(second);
      Matrix a(1, 1), b(1, 1);
      a.fill(first);
      b.fill(second);
      check_product(a, b);
    }
  }
}

TEST_CASE("cuda: mixture logit, values and gradients, for any number of critics") {
  for (const Index critics : {1, 2, 5, 31, 33, 67}) {
    for (const Index cols : {1, 5, 64, 300}) {
      if (critics * cols > 3000) continue;
      CAPTURE(critics);
      CAPTURE(cols);
      Matrix z(critics, cols, 2, 1), g(critics, cols, 1, 2);
      z.randomize(static_cast<std::uint64_t>(critics), 3);
      g.randomize(7);
      for (Index j = 0; j < cols; ++j) {  // positive, with sum 1
        double sum = 0;
        for (Index c = 0; c < critics; ++c) sum += std::abs(g(c, j));
        for (Index c = 0; c < critics; ++c)
          g.at(c, j) = static_cast<float>(std::abs(g(c, j)) / sum);
      }
      check_mixture(z, g);
    }
  }
}

TEST_CASE("cuda: mixture logit, far from a half, a gate that is shut, NaN") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const float z[][2] = {{-200, -90}, {200, 95}, {300, -300}, {5, 7},  {1, nan},
                        {-100, 50},  {90, -1},  {-95, 1},    {5, inf}};
  const float g[][2] = {{0.5F, 0.5F}, {0.5F, 0.5F}, {0.25F, 0.75F}, {1, 0}, {0.5F, 0.5F},
                        {1, 0},       {1, 0},       {1, 1e-44F},    {1, 0}};
  for (Index j = 0; j < 9; ++j) {
    CAPTURE(j);
    check_mixture(with_columns(z + j, 1), with_columns(g + j, 1));
  }
}
