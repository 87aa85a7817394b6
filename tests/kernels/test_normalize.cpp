// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "espalier/kernels/cpu/kernels.hpp"
#include "espalier/ops/normalize.hpp"
#include "kernels/padded.hpp"
#include "support/worst.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

constexpr double small = 1e-5;  // epsilon of the layers

struct Moments {
  double mean = 0, variance = 0;
  [[nodiscard]] double r() const { return 1 / std::sqrt(variance + small); }
};

template <class Value>
Moments moments(Index n, Value value) {
  Moments m;
  for (Index k = 0; k < n; ++k) m.mean += value(k) / static_cast<double>(n);
  for (Index k = 0; k < n; ++k)
    m.variance += (value(k) - m.mean) * (value(k) - m.mean) / static_cast<double>(n);
  return m;
}

}  // namespace

TEST_CASE_TEMPLATE("layer norm: values and all gradients", T, float, double) {
  for (Index rows = 1; rows <= 67; ++rows) {
    const Index cols = 1 + rows % 6;
    CAPTURE(rows);
    Padded<T> x(rows, cols, rows % 3, 1), gain(rows, 1), shift(rows, 1, 0, 3),
        cache(2, cols, rows % 2, 1), y(rows, cols, 1, rows % 5);
    x.randomize(1, 2);
    gain.randomize(2);
    shift.randomize(3);
    esp::cpu::layer_norm_forward(esp::Cpu{}, std::as_const(x).view(), gain.data(), shift.data(),
                                 small, cache.view(), y.view());
    std::vector<Moments> of;
    for (Index j = 0; j < cols; ++j) of.push_back(moments(rows, [&](Index i) { return x(i, j); }));
    const auto m = [&](Index j) -> const Moments& { return of[static_cast<std::size_t>(j)]; };
    const auto normal = [&](Index i, Index j) { return (x(i, j) - m(j).mean) * m(j).r(); };
    const double eps = 30 * static_cast<double>(rows + 5) * epsilon_of<T>;
    const auto bound = [&](Index, Index) { return eps; };
    // A single row has variance 0, so the result depends on ε alone, which amplifies rounding
    // errors by 1/√ε.
    const double grow = rows == 1 ? 400 : 1;
    CHECK(worst_error(
              y, [&](Index i, Index j) { return gain(i, 0) * normal(i, j) + shift(i, 0); },
              [&](Index i, Index j) { return grow * bound(i, j) * (1 + m(j).r()); }) <= 1);
    CHECK(worst_error(
              cache, [&](Index i, Index j) { return i == 0 ? m(j).mean : m(j).r(); },
              [&](Index i, Index j) { return bound(i, j) * (1 + m(j).r()); }) <= 1);
    CHECK(y.fenced());
    CHECK(cache.fenced());

    Padded<T> dy(rows, cols, 2, 1);
    dy.randomize(4);
    for (int flags = 0; flags < 3; ++flags) {  // dx overwritten, added to, not requested
      Padded<T> dx(rows, cols, rows % 4, 2), dgain(rows, 1, 0, 1), dshift(rows, 1, 0, 2);
      if (flags == 1) dx.randomize(5);
      dgain.randomize(6);
      dshift.randomize(7);
      const Padded<T> dx_before = dx, dgain_before = dgain, dshift_before = dshift;
      esp::cpu::layer_norm_backward(esp::Cpu{}, std::as_const(x).view(), gain.data(),
                                    std::as_const(cache).view(), std::as_const(dy).view(),
                                    dgain.data(), dshift.data(),
                                    flags == 2 ? esp::View<T>{} : dx.view(), flags == 1);
      const auto d = [&](Index i, Index j) { return gain(i, 0) * dy(i, j); };
      const auto expected = [&](Index i, Index j) {
        double mean = 0, dot = 0;
        for (Index k = 0; k < rows; ++k) {
          mean += d(k, j) / static_cast<double>(rows);
          dot += d(k, j) * normal(k, j) / static_cast<double>(rows);
        }
        return (flags == 1 ? dx_before(i, j) : 0) +
               m(j).r() * (d(i, j) - mean - normal(i, j) * dot);
      };
      if (flags < 2) {
        CHECK(worst_error(dx, expected, [&](Index i, Index j) {
                return grow * bound(i, j) * (1 + m(j).r() * m(j).r());
              }) <= 1);
      }
      const auto total = [&](Index i, bool of_gain) {
        double sum = of_gain ? dgain_before(i, 0) : dshift_before(i, 0);
        for (Index j = 0; j < cols; ++j) sum += of_gain ? dy(i, j) * normal(i, j) : dy(i, j);
        return sum;
      };
      CHECK(worst_error(
                dgain, [&](Index i, Index) { return total(i, true); },
                [&](Index i, Index) { return grow * 20 * bound(i, 0); }) <= 1);
      CHECK(worst_error(
                dshift, [&](Index i, Index) { return total(i, false); }, bound) <= 1);
      CHECK(dx.fenced());
      CHECK(dgain.fenced());
      CHECK(dshift.fenced());
    }
  }
}

TEST_CASE("layer norm: equal values, and values far from zero") {
  Padded<float> x(8, 2), gain(8, 1), shift(8, 1), cache(2, 2), y(8, 2);
  gain.fill(2);
  shift.fill(0.25F);
  for (Index i = 0; i < 8; ++i) {
    x.at(i, 0) = 7;                                 // no variance
    x.at(i, 1) = 10000.0F + static_cast<float>(i);  // mean: about 4000 standard deviations
  }
  esp::cpu::layer_norm_forward(esp::Cpu{}, std::as_const(x).view(), gain.data(), shift.data(),
                               small, cache.view(), y.view());
  const double deviation = std::sqrt(5.25 + small);
  for (Index i = 0; i < 8; ++i) {
    CHECK(y(i, 0) == doctest::Approx(0.25));
    CHECK(y(i, 1) ==
          doctest::Approx(0.25 + 2 * (static_cast<double>(i) - 3.5) / deviation).epsilon(1e-3));
  }
}

TEST_CASE_TEMPLATE(
    "batch norm: moments of microbatches merged are those of the batch; values and gradients", T,
    float, double) {
  for (Index rows = 1; rows <= 40; ++rows) {
    const Index cols = 2 + rows * 3 % 17;
    CAPTURE(rows);
    Padded<T> x(rows, cols, rows % 3, 1), gain(rows, 1), shift(rows, 1), y(rows, cols, 1, 1),
        dy(rows, cols, 2, 1);
    x.randomize(1, 2);
    gain.randomize(2);
    shift.randomize(3);
    dy.randomize(4);
    std::vector<Moments> of;
    for (Index i = 0; i < rows; ++i) of.push_back(moments(cols, [&](Index j) { return x(i, j); }));
    const auto m = [&](Index i) -> const Moments& { return of[static_cast<std::size_t>(i)]; };
    const auto normal = [&](Index i, Index j) { return (x(i, j) - m(i).mean) * m(i).r(); };
    const double eps = 100 * static_cast<double>(cols + 5) * epsilon_of<T>;

    // Split into two microbatches.
    const Index cut = cols / 2, size = 1 + 4 * rows;
    Padded<T> parts(size, 2, 3), merged(size, 1);
    for (int microbatch = 0; microbatch < 2; ++microbatch) {
      esp::View<const T> part = std::as_const(x).view();
      part.data += microbatch * cut * part.stride;
      part.cols = microbatch == 0 ? cut : cols - cut;
      esp::cpu::batch_moments(esp::Cpu{}, part, parts.view().column(microbatch));
      CHECK(parts(0, microbatch) == static_cast<double>(part.cols));
    }
    std::vector<T> parameters(static_cast<std::size_t>(4 * rows), T{0});
    esp::Node node;
    node.in = {0, 0, static_cast<int>(rows), static_cast<int>(rows)};
    for (std::size_t i = 0; i < 4; ++i) node.parameters[i].offset = static_cast<Index>(i) * rows;
    node.epsilon = small;
    merged.fill(0);
    esp::ops::BatchMoments::merge_forward(node, parts.data(), size + 3, Index{2}, parameters.data(),
                                          merged.data());
    CHECK(merged(0, 0) == static_cast<double>(cols));
    double worst = 0;
    for (Index i = 0; i < rows; ++i) {
      espalier_test::keep_worst(worst, std::abs(merged(1 + i, 0) - m(i).mean));
      espalier_test::keep_worst(
          worst, std::abs(merged(1 + rows + i, 0) - m(i).r()) / (1 + std::pow(m(i).r(), 3)));
      const double unbiased =
          m(i).variance * static_cast<double>(cols) / static_cast<double>(cols - 1);
      espalier_test::keep_worst(
          worst, std::abs(static_cast<double>(parameters[static_cast<std::size_t>(2 * rows + i)]) -
                          0.1 * m(i).mean));
      espalier_test::keep_worst(
          worst, std::abs(static_cast<double>(parameters[static_cast<std::size_t>(3 * rows + i)]) -
                          0.1 * unbiased));
    }
    CHECK(worst < eps);

    for (const bool is_variance : {false, true}) {
      std::vector<T> spread;
      for (Index i = 0; i < rows; ++i)
        spread.push_back(static_cast<T>(is_variance ? m(i).variance : m(i).r()));
      y.fill(std::numeric_limits<T>::quiet_NaN());
      esp::cpu::batch_normalize(esp::Cpu{}, std::as_const(x).view(), gain.data(), shift.data(),
                                merged.data() + 1, spread.data(), is_variance, small, y.view());
      CHECK(worst_error(
                y, [&](Index i, Index j) { return gain(i, 0) * normal(i, j) + shift(i, 0); },
                [&](Index i, Index) { return eps * (1 + std::pow(m(i).r(), 3)); }) <= 1);
      CHECK(y.fenced());
    }

    Padded<T> sums(1 + 2 * rows, 1), dgain(rows, 1, 0, 1), dshift(rows, 1, 0, 2);
    dgain.randomize(5);
    dshift.randomize(6);
    const Padded<T> dgain_before = dgain, dshift_before = dshift;
    esp::cpu::batch_norm_sums(esp::Cpu{}, std::as_const(x).view(), merged.data(),
                              std::as_const(dy).view(), sums.data(), dgain.data(), dshift.data());
    const auto sum = [&](Index i, bool with_x) {
      double s = 0;
      for (Index j = 0; j < cols; ++j) s += dy(i, j) * (with_x ? normal(i, j) : 1);
      return s;
    };
    const auto spread = [&](Index i) { return eps * (1 + std::pow(m(i).r(), 3)); };
    worst = 0;
    for (Index i = 0; i < rows; ++i) {
      espalier_test::keep_worst(worst, std::abs(sums(1 + i, 0) - sum(i, false)) / spread(i));
      espalier_test::keep_worst(worst, std::abs(sums(1 + rows + i, 0) - sum(i, true)) / spread(i));
      espalier_test::keep_worst(
          worst, std::abs(dshift(i, 0) - dshift_before(i, 0) - sum(i, false)) / spread(i));
      espalier_test::keep_worst(
          worst, std::abs(dgain(i, 0) - dgain_before(i, 0) - sum(i, true)) / spread(i));
    }
    CHECK(worst <= 1);
    for (Index i = 0; i < 2 * rows; ++i) merged.at(1 + 2 * rows + i, 0) = sums.at(1 + i, 0);
    for (const bool accumulate : {false, true}) {
      Padded<T> dx(rows, cols, rows % 4, 2);
      if (accumulate) dx.randomize(7);
      const Padded<T> before = dx;
      esp::cpu::batch_norm_input_gradient(esp::Cpu{}, std::as_const(x).view(), gain.data(),
                                          merged.data(), std::as_const(dy).view(), dx.view(),
                                          accumulate);
      const double n = static_cast<double>(cols);
      const auto expected = [&](Index i, Index j) {
        return (accumulate ? before(i, j) : 0) +
               gain(i, 0) * m(i).r() *
                   (dy(i, j) - sum(i, false) / n - normal(i, j) * sum(i, true) / n);
      };
      CHECK(worst_error(dx, expected, [&](Index i, Index) { return spread(i) * (1 + m(i).r()); }) <=
            1);
      CHECK(dx.fenced());
    }
  }
}
