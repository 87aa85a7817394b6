// SPDX-License-Identifier: Apache-2.0
// The kernels of the sharing methods, compared with plain formulas in double.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <type_traits>
#include <vector>

#include "espalier/kernels/cpu/kernels.hpp"
#include "kernels/padded.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

const esp::Cpu device;

template <class T>
Padded<T> random(Index rows, Index cols, std::uint64_t seed, double scale = 1) {
  Padded<T> made(rows, cols, static_cast<Index>(seed % 4), static_cast<Index>(seed % 3));
  made.randomize(seed, scale);
  return made;
}

/// Runs `backward(into, accumulate)` overwriting and accumulating; compares both with `expected(i,
/// j)`.
template <class T, class Backward, class Expected>
void check_gradient(Index rows, Index cols, double bound, Backward backward, Expected expected) {
  for (const bool accumulate : {false, true}) {
    Padded<T> into(rows, cols, 2, 1);
    if (accumulate) into.randomize(77);
    const Padded<T> before = into;
    backward(into, accumulate);
    CHECK(worst_error(
              into,
              [&](Index i, Index j) { return (accumulate ? before(i, j) : 0) + expected(i, j); },
              [&](Index, Index) { return bound * epsilon_of<T>; }) <= 1);
    CHECK(into.fenced());
  }
}

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }
double cross_entropy(double z, double y) {
  return std::log1p(std::exp(-std::abs(z))) + std::max(z, 0.0) - z * y;
}

}  // namespace

TEST_CASE_TEMPLATE("multiply: value by value, written and added, for any width", T, float, double) {
  for (Index rows = 1; rows <= 37; ++rows) {
    const Index cols = 1 + rows % 4;
    const auto a = random<T>(rows, cols, 1), b = random<T>(rows, cols, 2);
    check_gradient<T>(
        rows, cols, 40,
        [&](auto& y, bool add) {
          esp::cpu::multiply(device, a.view(), b.view(), T{2}, y.view(), add);
        },
        [&](Index i, Index j) { return 2 * a(i, j) * b(i, j); });
  }
}

TEST_CASE_TEMPLATE("stitch: combinations and both gradients, for any width and number of parts", T,
                   float, double) {
  for (Index width = 1; width <= 19; ++width) {
    const Index inputs = 1 + width % 5, outputs = 1 + width % 4, cols = 1 + width % 3;
    CAPTURE(width);
    const auto a = random<T>(inputs, outputs, 3), x = random<T>(inputs * width, cols, 4),
               dy = random<T>(outputs * width, cols, 5);
    std::vector<T> flat;  // row-major
    for (Index o = 0; o < outputs; ++o) {
      for (Index i = 0; i < inputs; ++i) flat.push_back(static_cast<T>(a(i, o)));
    }
    Padded<T> y(outputs * width, cols, 3, 2);
    esp::cpu::stitch_forward(device, flat.data(), inputs, outputs, x.view(), y.view());
    CHECK(worst_error(
              y,
              [&](Index r, Index j) {
                double sum = 0;
                for (Index i = 0; i < inputs; ++i)
                  sum += a(i, r / width) * x(i * width + r % width, j);
                return sum;
              },
              [&](Index, Index) { return 100 * epsilon_of<T>; }) <= 1);
    CHECK(y.fenced());
    check_gradient<T>(
        inputs * width, cols, 100,
        [&](auto& dx, bool add) {
          esp::cpu::stitch_input_gradient(device, flat.data(), inputs, outputs, dy.view(),
                                          dx.view(), add);
        },
        [&](Index r, Index j) {
          double sum = 0;
          for (Index o = 0; o < outputs; ++o) sum += a(r / width, o) * dy(o * width + r % width, j);
          return sum;
        });
    std::vector<T> da(flat.size(), T{1});
    esp::cpu::stitch_weight_gradient(device, inputs, outputs, x.view(), dy.view(), da.data());
    for (Index o = 0; o < outputs; ++o) {
      for (Index i = 0; i < inputs; ++i) {
        double sum = 1;
        for (Index j = 0; j < cols; ++j) {
          for (Index r = 0; r < width; ++r) sum += dy(o * width + r, j) * x(i * width + r, j);
        }
        CHECK(std::abs(static_cast<double>(da[static_cast<std::size_t>(o * inputs + i)]) - sum) <
              500 * epsilon_of<T>);
      }
    }
  }
}

TEST_CASE_TEMPLATE(
    "attention pool: the mean of the values and its gradient, for any width and number of tokens",
    T, float, double) {
  for (Index width = 1; width <= 17; ++width) {
    const Index tokens = 1 + width % 4, samples = 1 + width % 3;
    CAPTURE(width);
    auto x = random<T>(3 * width, tokens * samples, 6);
    const auto dy = random<T>(width, samples, 7);
    const auto pooled = [&](Index i, Index j) {
      std::vector<double> score;
      double sum = 0, y = 0;
      for (Index u = 0; u < tokens; ++u) {
        double dot = 0;
        for (Index r = 0; r < width; ++r)
          dot += x(width + r, j * tokens + u) * x(2 * width + r, j * tokens + u);
        score.push_back(std::exp(dot / std::sqrt(static_cast<double>(width))));
        sum += score.back();
      }
      for (Index u = 0; u < tokens; ++u)
        y += score[static_cast<std::size_t>(u)] / sum * x(i, j * tokens + u);
      return y;
    };
    Padded<T> weights(tokens, samples, 1, 1), y(width, samples, 2, 1);
    esp::cpu::attention_pool_forward(device, std::as_const(x).view(), tokens, weights.view(),
                                     y.view());
    CHECK(worst_error(y, pooled, [&](Index, Index) { return 300 * epsilon_of<T>; }) <= 1);
    CHECK(y.fenced());
    CHECK(weights.fenced());
    if constexpr (std::is_same_v<T, double>) {
      const double h = 1e-5;
      check_gradient<T>(
          3 * width, tokens * samples, 1e7,  // 2e-9, for finite differences
          [&](auto& dx, bool add) {
            esp::cpu::attention_pool_backward(device, std::as_const(x).view(), tokens,
                                              std::as_const(weights).view(), dy.view(), dx.view(),
                                              add);
          },
          [&](Index r, Index column) {
            const auto loss = [&](double step) {
              const double before = x(r, column);
              x.at(r, column) = before + step;
              double sum = 0;
              for (Index i = 0; i < width; ++i)
                sum += dy(i, column / tokens) * pooled(i, column / tokens);
              x.at(r, column) = before;
              return sum;
            };
            return (loss(h) - loss(-h)) / (2 * h);
          });
    }
  }
}

TEST_CASE("attention pool: large scores do not overflow") {
  Padded<float> x(3, 2), weights(2, 1), y(1, 1);
  const float columns[2][3] = {{1, 1e15F, 1e15F}, {2, 1e15F, -1e15F}};
  for (Index j = 0; j < 2; ++j) {
    for (Index i = 0; i < 3; ++i) x.at(i, j) = columns[j][i];
  }
  esp::cpu::attention_pool_forward(device, std::as_const(x).view(), 2, weights.view(), y.view());
  CHECK(y(0, 0) == 1);
}

TEST_CASE_TEMPLATE(
    "product of probabilities: its logit and slopes, where a product would vanish, too", T, float,
    double) {
  for (double a = -12; a <= 12; a += 1.5) {
    for (double b = -12; b <= 12; b += 1.5) {
      T by_a, by_b;
      const double z =
          static_cast<double>(esp::product_logit(static_cast<T>(a), static_cast<T>(b), by_a, by_b));
      const double p = sigmoid(a) * sigmoid(b), expected = std::log(p) - std::log1p(-p);
      CHECK(std::abs(z - expected) <
            20 * epsilon_of<T> * (1 + std::abs(expected)) + 1e-11 / (1 - p));
      // d logit(p) = dp / (p (1 − p)), dp/da = p (1 − σ(a))
      CHECK(std::abs(static_cast<double>(by_a) - (1 - sigmoid(a)) / (1 - p)) <
            1e-10 / (1 - p) + 20 * epsilon_of<T>);
      CHECK(std::abs(static_cast<double>(by_b) - (1 - sigmoid(b)) / (1 - p)) <
            1e-10 / (1 - p) + 20 * epsilon_of<T>);
    }
  }
  // For large |a|, |b| the logit of the product is the sum of the logarithms, although p
  // underflows.
  T by_a, by_b;
  CHECK(esp::product_logit(T{-200}, T{-300}, by_a, by_b) == T{-500});
  CHECK(by_a == T{1});
  CHECK(by_b == T{1});
  CHECK(esp::product_logit(T{200}, T{-3}, by_a, by_b) == doctest::Approx(-3));
  CHECK(by_a == doctest::Approx(0));
  const T huge = std::numeric_limits<T>::max();
  for (const T x :
       {huge, -huge, std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity()}) {
    for (const T y : {huge, -huge, T{0}}) {
      const T z = esp::product_logit(x, y, by_a, by_b);
      CHECK(std::isfinite(z));
      CHECK(std::isfinite(by_a));
      CHECK(std::isfinite(by_b));
    }
  }
  CHECK(std::isnan(esp::product_logit(std::numeric_limits<T>::quiet_NaN(), T{1}, by_a, by_b)));
}

TEST_CASE_TEMPLATE("product of probabilities: written and added over columns, either side left out",
                   T, float, double) {
  const auto a = random<T>(1, 9, 1, 3), b = random<T>(1, 9, 2, 3), dz = random<T>(1, 9, 3);
  const auto by_a = [&](Index, Index j) {
    return dz(0, j) * (1 - sigmoid(a(0, j))) / (1 - sigmoid(a(0, j)) * sigmoid(b(0, j)));
  };
  const auto by_b = [&](Index, Index j) {
    return dz(0, j) * (1 - sigmoid(b(0, j))) / (1 - sigmoid(a(0, j)) * sigmoid(b(0, j)));
  };
  check_gradient<T>(
      1, 9, 200,
      [&](auto& d, bool add) {
        esp::cpu::product_logit_backward(device, a.view(), b.view(), dz.view(), d.view(), add, {},
                                         false);
      },
      by_a);
  check_gradient<T>(
      1, 9, 200,
      [&](auto& d, bool add) {
        esp::cpu::product_logit_backward(device, a.view(), b.view(), dz.view(), {}, false, d.view(),
                                         add);
      },
      by_b);
}

TEST_CASE_TEMPLATE("calibrator: only a later step that is likelier than the earlier one costs", T,
                   float, double) {
  const Index n = 23;
  const auto a = random<T>(1, n, 4, 2), b = random<T>(1, n, 5, 2);
  std::vector<T> weights;
  for (Index j = 0; j < n; ++j)
    weights.push_back(static_cast<T>(0.5 + 0.1 * static_cast<double>(j)));
  for (const T* w : {static_cast<const T*>(nullptr), static_cast<const T*>(weights.data())}) {
    const auto weight = [&](Index j) { return w == nullptr ? 1.0 : static_cast<double>(w[j]); };
    double expected = 0;
    for (Index j = 0; j < n; ++j)
      expected += weight(j) * std::max(sigmoid(b(0, j)) - sigmoid(a(0, j)), 0.0);
    CHECK(esp::cpu::calibrate_forward(device, a.view(), b.view(), w) ==
          doctest::Approx(expected).epsilon(100 * epsilon_of<T>));
    auto da = random<T>(1, n, 6), db = random<T>(1, n, 7);
    const auto da_before = da, db_before = db;
    esp::cpu::calibrate_backward(device, a.view(), b.view(), w, T{3}, da.view(), db.view());
    const auto slope = [&](const auto& x, Index j, double sign) {
      const double p = sigmoid(x(0, j));
      return b(0, j) > a(0, j) ? sign * 3 * weight(j) * p * (1 - p) : 0.0;
    };
    const auto bound = [](Index, Index) { return 100 * epsilon_of<T>; };
    CHECK(worst_error(
              da, [&](Index, Index j) { return da_before(0, j) + slope(a, j, -1); }, bound) <= 1);
    CHECK(worst_error(
              db, [&](Index, Index j) { return db_before(0, j) + slope(b, j, 1); }, bound) <= 1);
  }
}

TEST_CASE_TEMPLATE(
    "propensity: clicked and labelled samples alone count, by the inverse of their propensity", T,
    float, double) {
  const Index n = 31;
  const auto x = random<T>(2, n, 4, 2), c = random<T>(1, n, 5, 2);
  std::vector<T> clicks, labels, weights;
  for (Index j = 0; j < n; ++j) {
    clicks.push_back(j % 7 == 3 ? std::numeric_limits<T>::quiet_NaN() : static_cast<T>(j % 2));
    labels.push_back(j % 11 == 5 ? std::numeric_limits<T>::quiet_NaN()
                                 : static_cast<T>(j % 3 == 0));
    weights.push_back(static_cast<T>(0.5 + 0.1 * static_cast<double>(j)));
  }
  const T floor = static_cast<T>(0.3);
  const auto counts = [&](Index j) {
    const auto at = static_cast<std::size_t>(j);
    const bool seen = clicks[at] == 1 && labels[at] == labels[at];
    return seen ? static_cast<double>(weights[at]) /
                      std::max(sigmoid(c(0, j)), static_cast<double>(floor))
                : 0.0;
  };
  const auto label = [&](Index j) {
    return counts(j) > 0 ? static_cast<double>(labels[static_cast<std::size_t>(j)]) : 0;
  };
  double ipw = 0, robust = 0;
  for (Index j = 0; j < n; ++j) {
    const double error = cross_entropy(x(0, j), label(j)), imputed = std::log1p(std::exp(x(1, j))),
                 left = error - imputed;
    ipw += counts(j) * error;
    robust += static_cast<double>(weights[static_cast<std::size_t>(j)]) * imputed +
              counts(j) * (left + left * left);
  }
  const esp::View<const T> logit{x.data(), 1, n, x.view().stride};
  CHECK(esp::cpu::inverse_propensity_forward(device, logit, c.view(), clicks.data(), labels.data(),
                                             weights.data(), floor) ==
        doctest::Approx(ipw).epsilon(100 * epsilon_of<T>));
  CHECK(esp::cpu::doubly_robust_forward(device, x.view(), c.view(), clicks.data(), labels.data(),
                                        weights.data(), floor) ==
        doctest::Approx(robust).epsilon(100 * epsilon_of<T>));
  const auto by_logit = [&](Index j) { return 2 * counts(j) * (sigmoid(x(0, j)) - label(j)); };
  auto d = random<T>(1, n, 6);
  const auto before = d;
  esp::cpu::inverse_propensity_backward(device, logit, c.view(), clicks.data(), labels.data(),
                                        weights.data(), floor, T{2}, d.view());
  CHECK(worst_error(
            d, [&](Index, Index j) { return before(0, j) + by_logit(j); },
            [](Index, Index) { return 500 * epsilon_of<T>; }) <= 1);
  check_gradient<T>(
      2, n, 2000,
      [&](auto& dx, bool add) {
        esp::cpu::doubly_robust_backward(device, x.view(), c.view(), clicks.data(), labels.data(),
                                         weights.data(), floor, T{2}, dx.view(), add);
      },
      [&](Index i, Index j) {
        const double left = cross_entropy(x(0, j), label(j)) - std::log1p(std::exp(x(1, j)));
        return i == 0 ? by_logit(j) : -4 * counts(j) * left * sigmoid(x(1, j));
      });
}

TEST_CASE_TEMPLATE("mixtures: added onto another, and either gradient left out", T, float, double) {
  const Index width = 13, cols = 3;
  const auto f = random<T>(2 * width, cols, 1), g = random<T>(2, cols, 2),
             dy = random<T>(width, cols, 3);
  check_gradient<T>(
      width, cols, 60,
      [&](auto& y, bool add) { esp::cpu::mix_forward(device, f.view(), g.view(), y.view(), add); },
      [&](Index i, Index j) { return g(0, j) * f(i, j) + g(1, j) * f(width + i, j); });
  check_gradient<T>(
      2 * width, cols, 60,
      [&](auto& df, bool add) {
        esp::cpu::mix_backward(device, f.view(), g.view(), dy.view(), df.view(), add,
                               esp::View<T>{}, false);
      },
      [&](Index i, Index j) { return g(i / width, j) * dy(i % width, j); });
  check_gradient<T>(
      2, cols, 200,
      [&](auto& dg, bool add) {
        esp::cpu::mix_backward(device, f.view(), g.view(), dy.view(), esp::View<T>{}, false,
                               dg.view(), add);
      },
      [&](Index e, Index j) {
        double sum = 0;
        for (Index i = 0; i < width; ++i) sum += f(e * width + i, j) * dy(i, j);
        return sum;
      });
}
