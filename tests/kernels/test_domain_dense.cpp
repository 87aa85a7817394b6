// SPDX-License-Identifier: Apache-2.0
// Layers with weights per domain, compared with plain formulas in double.
#include <doctest/doctest.h>

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/kernels/cpu/domain_dense.hpp"
#include "kernels/padded.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

const esp::Cpu device;

/// A layer, its samples, and reference formulas of output and gradients.
template <class T>
struct Problem {
  Index in, out, cols, domains;
  std::vector<std::int32_t> domain;
  std::vector<T> w, bias, factors, shifts;
  Padded<T> x, dy;

  Problem(Index inputs, Index outputs, Index samples, Index count, std::uint64_t seed)
      : in(inputs),
        out(outputs),
        cols(samples),
        domains(count),
        x(in, cols, 2, 1),
        dy(out, cols, 1, 3) {
    esp::Random random(seed);
    const auto fill = [&](std::vector<T>& v, Index n) {
      for (Index i = 0; i < n; ++i) v.push_back(static_cast<T>(random.normal()));
    };
    fill(w, in * out);
    fill(bias, out);
    fill(factors, domains * in * out);
    fill(shifts, domains * out);
    for (Index j = 0; j < cols; ++j)
      domain.push_back(
          static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(domains + 1))));
    x.randomize(seed + 1);
    dy.randomize(seed + 2);
  }

  static std::size_t place(Index i) { return static_cast<std::size_t>(i); }
  Index of(Index j) const { return domain[place(j)]; }
  double factor(Index p, Index o, Index i) const {
    return p == 0 ? 1 : static_cast<double>(factors[place(((p - 1) * out + o) * in + i)]);
  }
  double weight(Index p, Index o, Index i) const {
    return static_cast<double>(w[place(o * in + i)]) * factor(p, o, i);
  }
  double y(Index o, Index j) const {
    const Index p = of(j);
    double sum = static_cast<double>(bias[place(o)]) +
                 (p == 0 ? 0 : static_cast<double>(shifts[place((p - 1) * out + o)]));
    for (Index i = 0; i < in; ++i) sum += weight(p, o, i) * x(i, j);
    return sum;
  }
  /// Σ over samples j of domain p of dy_oj x_ij; of dy_oj alone if i < 0.
  double outer(Index p, Index o, Index i) const {
    double sum = 0;
    for (Index j = 0; j < cols; ++j) sum += of(j) == p ? dy(o, j) * (i < 0 ? 1 : x(i, j)) : 0;
    return sum;
  }
};

template <class T>
void check(Index in, Index out, Index cols, Index domains) {
  CAPTURE(in);
  CAPTURE(out);
  CAPTURE(cols);
  CAPTURE(domains);
  const Problem<T> p(in, out, cols, domains, static_cast<std::uint64_t>(31 * in + 7 * out + cols));
  const auto bound = [&](Index, Index) {
    return 40 * static_cast<double>(in + out + cols) * epsilon_of<T>;
  };
  Padded<T> y(out, cols, 3, 2);
  esp::cpu::domain_dense_forward(device, p.domain.data(), domains, p.w.data(), p.bias.data(),
                                 p.factors.data(), p.shifts.data(), p.x.view(), y.view());
  CHECK(worst_error(
            y, [&](Index o, Index j) { return p.y(o, j); }, bound) <= 1);
  CHECK(y.fenced());

  for (const int input : {0, 1, 2}) {  // dx not requested, overwritten, added to
    Padded<T> dx(in, cols, 1, 2), dw(in, out), dfactors(in, out * domains), dbias(out, 1),
        dshifts(out, domains);  // transposed
    dw.fill(T{1});
    dfactors.fill(T{2});
    dbias.fill(T{3});
    dshifts.fill(T{4});
    if (input == 2) dx.randomize(9);
    const Padded<T> before = dx;
    esp::cpu::domain_dense_backward(device, p.domain.data(), domains, p.w.data(), p.factors.data(),
                                    p.x.view(), p.dy.view(), dw.data(), dbias.data(),
                                    dfactors.data(), dshifts.data(),
                                    input == 0 ? esp::View<T>{} : dx.view(), input == 2);
    CHECK(worst_error(
              dw,
              [&](Index i, Index o) {
                double sum = 1;
                for (Index d = 0; d <= domains; ++d) sum += p.factor(d, o, i) * p.outer(d, o, i);
                return sum;
              },
              bound) <= 1);
    CHECK(worst_error(
              dfactors,
              [&](Index i, Index r) {
                const Index o = r % out;
                return 2 +
                       static_cast<double>(p.w[p.place(o * in + i)]) * p.outer(1 + r / out, o, i);
              },
              bound) <= 1);
    CHECK(worst_error(
              dbias,
              [&](Index o, Index) {
                double sum = 3;
                for (Index d = 0; d <= domains; ++d) sum += p.outer(d, o, -1);
                return sum;
              },
              bound) <= 1);
    CHECK(worst_error(
              dshifts, [&](Index o, Index d) { return 4 + p.outer(1 + d, o, -1); }, bound) <= 1);
    if (input == 0) continue;
    CHECK(worst_error(
              dx,
              [&](Index i, Index j) {
                double sum = input == 2 ? before(i, j) : 0;
                for (Index o = 0; o < out; ++o) sum += p.weight(p.of(j), o, i) * p.dy(o, j);
                return sum;
              },
              bound) <= 1);
    CHECK(dx.fenced());
  }
}

}  // namespace

TEST_CASE_TEMPLATE("domain dense: values and all gradients, for any width", T, float, double) {
  for (Index in = 1; in <= 19; ++in) {
    for (Index out = 1; out <= 9; ++out) check<T>(in, out, 1 + (in * out) % 13, 1 + (in + out) % 4);
  }
}

TEST_CASE_TEMPLATE(
    "domain dense: more inputs and samples than are taken at once, many domains, one sample, none",
    T, float, double) {
  check<T>(300, 5, 7, 3);
  check<T>(513, 4, 2, 2);
  check<T>(5, 6, 300, 3);
  check<T>(3, 2, 513, 256);
  check<T>(4, 4, 1, 200);
  check<T>(4, 4, 0, 3);
}

TEST_CASE(
    "domain dense: factors of one and shifts of zero are the shared layer, whatever the domain") {
  Problem<double> p(11, 7, 40, 5, 3);
  p.factors.assign(p.factors.size(), 1);
  p.shifts.assign(p.shifts.size(), 0);
  Padded<double> y(7, 40), same(7, 40);
  esp::cpu::domain_dense_forward(device, p.domain.data(), Index{5}, p.w.data(), p.bias.data(),
                                 p.factors.data(), p.shifts.data(), std::as_const(p.x).view(),
                                 y.view());
  const std::vector<std::int32_t> nowhere(40, 0);
  esp::cpu::domain_dense_forward(device, nowhere.data(), Index{5}, p.w.data(), p.bias.data(),
                                 p.factors.data(), p.shifts.data(), std::as_const(p.x).view(),
                                 same.view());
  for (Index j = 0; j < 40; ++j) {
    for (Index o = 0; o < 7; ++o) CHECK(y(o, j) == same(o, j));
  }
}
