// SPDX-License-Identifier: Apache-2.0
// Compiled once per processor; ESPALIER_UNIT names the function that it defines. Compares products,
// mixtures, a loss and an optimizer's step with sums in double.
#include <cmath>
#include <vector>

#include "espalier/kernels/cpu/dense.hpp"
#include "espalier/kernels/cpu/gate.hpp"
#include "espalier/losses/apply.hpp"
#include "espalier/losses/losses.hpp"
#include "espalier/optim/optim.hpp"
#include "processors.hpp"

namespace {

using espalier::Index;

/// `n` values in [−1, 1).
std::vector<float> values(Index n, unsigned seed) {
  std::vector<float> made;
  for (Index i = 0; i < n; ++i) {
    seed = seed * 1664525U + 1013904223U;
    made.push_back(static_cast<float>(seed >> 8U) / 8388608.0F - 1.0F);
  }
  return made;
}

double at(const std::vector<float>& from, Index i) {
  return static_cast<double>(from[static_cast<std::size_t>(i)]);
}

bool near(double a, double b) { return std::abs(a - b) <= 1e-4 * (1 + std::abs(b)); }

int wrong_products(Index out, Index in, Index n) {
  const auto w = values(out * in, 1), x = values(in * n, 2), dy = values(out * n, 3);
  std::vector<float> y(dy.size()), dx(x.size()), dw(w.size());
  const espalier::Cpu device;
  const espalier::View<const float> xv{x.data(), in, n, in}, dv{dy.data(), out, n, out};
  espalier::cpu::dense_forward<float>(device, w.data(), nullptr, xv, espalier::Activation::identity,
                                      {}, {y.data(), out, n, out});
  espalier::cpu::dense_input_gradient<float>(device, w.data(), dv, {dx.data(), in, n, in}, false);
  espalier::cpu::dense_weight_gradient<float>(device, dv, xv, dw.data(), nullptr);
  int wrong = 0;
  for (Index j = 0; j < n; ++j) {
    for (Index o = 0; o < out; ++o) {
      double sum = 0;
      for (Index i = 0; i < in; ++i) sum += at(w, o * in + i) * at(x, j * in + i);
      wrong += near(at(y, j * out + o), sum) ? 0 : 1;
    }
    for (Index i = 0; i < in; ++i) {
      double sum = 0;
      for (Index o = 0; o < out; ++o) sum += at(w, o * in + i) * at(dy, j * out + o);
      wrong += near(at(dx, j * in + i), sum) ? 0 : 1;
    }
  }
  for (Index o = 0; o < out; ++o) {
    for (Index i = 0; i < in; ++i) {
      double sum = 0;
      for (Index j = 0; j < n; ++j) sum += at(dy, j * out + o) * at(x, j * in + i);
      wrong += near(at(dw, o * in + i), sum) ? 0 : 1;
    }
  }
  return wrong;
}

int wrong_mixtures(Index rows) {
  constexpr Index experts = 3;
  const auto f = values(experts * rows, 8), g = values(experts, 9);
  std::vector<float> y(static_cast<std::size_t>(rows) + 1, 7.0F);
  espalier::cpu::mix_forward<float>({}, {f.data(), experts * rows, 1, experts * rows},
                                    {g.data(), experts, 1, experts}, {y.data(), rows, 1, rows});
  int wrong = y.back() == 7.0F ? 0 : 1;
  for (Index i = 0; i < rows; ++i) {
    double sum = 0;
    for (Index e = 0; e < experts; ++e) sum += at(g, e) * at(f, e * rows + i);
    wrong += near(at(y, i), sum) ? 0 : 1;
  }
  return wrong;
}

int wrong_losses(Index n) {
  const auto z = values(n, 4);
  std::vector<float> y = values(n, 5), gradient(y.size());
  for (float& label : y) label = label > 0 ? 1.0F : 0.0F;
  const double sum = espalier::apply_loss<espalier::BinaryCrossEntropy, float>(
      {z.data(), 1, n, 1}, y.data(), nullptr, 1.0F, {gradient.data(), 1, n, 1});
  double expected = 0;
  int wrong = 0;
  for (Index j = 0; j < n; ++j) {
    const double p = 1 / (1 + std::exp(-at(z, j)));
    expected -= std::log(at(y, j) > 0 ? p : 1 - p);
    wrong += near(at(gradient, j), p - at(y, j)) ? 0 : 1;
  }
  return wrong + (near(sum, expected) ? 0 : 1);
}

int wrong_updates(Index n) {
  const auto before = values(n, 6), g = values(n, 7);
  std::vector<float> p = before, m(p.size()), v(p.size());
  float* states[] = {m.data(), v.data()};
  const espalier::Optimizer adam = espalier::Adam{.learning_rate = 0.1};
  adam.update(p.data(), g.data(), states, n, {1, 1, 1});
  int wrong = 0;
  for (Index i = 0; i < n; ++i)
    wrong += near(at(p, i), at(before, i) - 0.1 * (at(g, i) > 0 ? 1 : -1)) ? 0 : 1;
  return wrong;
}

}  // namespace

int ESPALIER_UNIT() {
  int wrong = 0;
  for (const Index n : {1, 2, 3, 7, 19, 40}) {
    for (const Index out : {1, 2, 5, 33, 100})
      wrong += wrong_products(out, 37, n) + wrong_products(37, out, n);
    wrong += wrong_mixtures(5 * n) + wrong_losses(9 * n) + wrong_updates(9 * n);
  }
  return wrong;
}
