// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <type_traits>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/losses/losses.hpp"
#include "support/losses.hpp"

using namespace espalier;

namespace {

/// A user-defined loss: log cosh(z − y).
struct OwnLogCosh {
  static constexpr std::string_view name = "log_cosh";
  static constexpr LabelKind label = LabelKind::real;
  static constexpr int outputs = 1;
  template <class T>
  static T evaluate(T z, T y, T& gradient) {
    const T d = std::abs(z - y);
    gradient = std::tanh(z - y);
    return d + std::log1p(std::exp(-2 * d)) - std::log(T{2});
  }
  template <class T>
  static T predict(T z) {
    return 2 * z;  // not z, so that the test sees it
  }
};

/// A user-defined loss with two outputs, mean and log variance: −log of the normal density.
struct OwnNormal {
  static constexpr std::string_view name = "normal";
  static constexpr LabelKind label = LabelKind::real;
  static constexpr int outputs = 2;
  template <class T>
  static T evaluate(const T* z, T y, T* gradient) {
    const T d = z[0] - y, precision = std::exp(-z[1]);
    gradient[0] = precision * d;
    gradient[1] = (1 - precision * d * d) / 2;
    return (precision * d * d + z[1]) / 2;
  }
  template <class T>
  static void predict(const T* z, T* out) {
    out[0] = z[0];
    out[1] = std::exp(z[1] / 2);
  }
};

struct WithoutPredict {
  static constexpr std::string_view name = "without_predict";
  static constexpr LabelKind label = LabelKind::real;
  static constexpr int outputs = 1;
  template <class T>
  static T evaluate(T z, T y, T& gradient);
};
struct GradientByValue : OwnLogCosh {
  template <class T>
  static T evaluate(T z, T y, T gradient);
};
struct NoOutputs : OwnLogCosh {
  static constexpr int outputs = 0;
};
struct TwoOutputsAsValues : OwnLogCosh {
  static constexpr int outputs = 2;
};
struct DoubleOnly : OwnLogCosh {
  template <class T>
  static double evaluate(T z, T y, T& gradient);
};
struct Nameless {
  [[maybe_unused]] static constexpr LabelKind label = LabelKind::real;
  [[maybe_unused]] static constexpr int outputs = 1;
  template <class T>
  static T evaluate(T z, T y, T& gradient);
  template <class T>
  static T predict(T z);
};

static_assert(ScalarLoss<OwnLogCosh> && !VectorLoss<OwnLogCosh>);
static_assert(VectorLoss<OwnNormal> && !ScalarLoss<OwnNormal>);
static_assert(!Loss<WithoutPredict> && !Loss<GradientByValue> && !Loss<NoOutputs> &&
              !Loss<TwoOutputsAsValues> && !Loss<DoubleOnly> && !Loss<Nameless> && !Loss<int>);

/// n samples with `outputs` logits and column stride `stride`; about a third of the labels are
/// missing.
template <class T>
struct Slice {
  Index outputs, n, stride;
  std::vector<T> logits, labels, weights, gradient;

  Slice(Index rows, Index count, Index step, std::uint64_t labels_below)
      : outputs(rows), n(count), stride(step) {
    Random random(7, static_cast<std::uint64_t>(rows * 1000 + count));
    const auto size = static_cast<std::size_t>(n * stride);
    gradient.assign(size, std::numeric_limits<T>::infinity());  // must be overwritten
    for (std::size_t i = 0; i < size; ++i) logits.push_back(static_cast<T>(random.uniform(-4, 4)));
    for (Index j = 0; j < n; ++j) {
      const T label = static_cast<T>(random.below(labels_below));
      labels.push_back(random.bernoulli(0.33) ? std::numeric_limits<T>::quiet_NaN() : label);
      weights.push_back(static_cast<T>(random.uniform(0, 3)));
    }
  }
  [[nodiscard]] View<const T> z() const { return {logits.data(), outputs, n, stride}; }
  [[nodiscard]] View<T> g() { return {gradient.data(), outputs, n, stride}; }
};

/// Compares apply_loss with the definition, evaluated per sample in double.
template <class L, class T>
void check_apply(Index n, Index stride, bool weighted, T unit) {
  CAPTURE(n);
  CAPTURE(stride);
  CAPTURE(weighted);
  CAPTURE(unit);
  constexpr auto labels_below = L::label == LabelKind::binary    ? 2
                                : L::label == LabelKind::classes ? L::outputs
                                                                 : 9;
  Slice<T> s(L::outputs, n, stride, labels_below);
  const T scale = static_cast<T>(0.375);
  const double sum = apply_loss<L, T>(s.z(), s.labels.data(), weighted ? s.weights.data() : nullptr,
                                      scale, s.g(), unit);
  double expected = 0;
  for (Index j = 0; j < n; ++j) {
    const auto at = static_cast<std::size_t>(j);
    const T w = weighted ? s.weights[at] : T{1};
    double g[static_cast<std::size_t>(L::outputs)] = {};
    if (!std::isnan(s.labels[at])) {
      double value;
      const auto label = static_cast<double>(s.labels[at]);
      if constexpr (ScalarLoss<L>) {
        const auto z = static_cast<double>(s.z()(0, j));
        if constexpr (requires(double& d) { L::template evaluate<double>(0.0, 0.0, d, 1.0); }) {
          value = L::template evaluate<double>(z, label, g[0], static_cast<double>(unit));
        } else {
          value = L::template evaluate<double>(z, label, g[0]);
        }
      } else {
        double z[static_cast<std::size_t>(L::outputs)];
        std::copy_n(s.z().column(j), L::outputs, z);
        value = L::template evaluate<double>(z, label, g);
      }
      expected += static_cast<double>(w) * value;
    }
    for (Index i = 0; i < stride; ++i) {
      const T found = s.gradient[static_cast<std::size_t>(j * stride + i)];
      if (i >= L::outputs) {
        CHECK(found ==
              std::numeric_limits<T>::infinity());  // the gap between columns is not written
      } else if (std::isnan(s.labels[at])) {
        CHECK(found == 0);
      } else {
        const double want = static_cast<double>(scale * w) * g[i];
        CHECK(static_cast<double>(found) ==
              doctest::Approx(want).epsilon(std::is_same_v<T, float> ? 1e-6 : 1e-14));
      }
    }
  }
  CHECK(sum == doctest::Approx(expected).epsilon(std::is_same_v<T, float> ? 1e-6 : 1e-14));
}

template <class L>
void check_all_shapes() {
  CAPTURE(std::string(L::name));
  for (const Index n : {0, 1, 2, 37}) {
    for (const Index extra : {0, 3}) {
      for (const bool weighted : {false, true}) {
        check_apply<L, float>(n, L::outputs + extra, weighted, 1);
        check_apply<L, double>(n, L::outputs + extra, weighted, 1);
        check_apply<L, float>(n, L::outputs + extra, weighted, 2.5F);
      }
    }
  }
}

}  // namespace

TEST_CASE("losses: a microbatch with masks, weights, strides and a poisoned gradient") {
  espalier_test::for_each_loss([]<class L>(L) {
    if constexpr (L::outputs <= 5) check_all_shapes<L>();
  });
  check_all_shapes<OwnLogCosh>();
  check_all_shapes<OwnNormal>();
}

TEST_CASE("losses: a sample's gradient is the same bits wherever it lies in a microbatch") {
  Slice<float> s(1, 53, 1, 2);
  apply_loss<BinaryCrossEntropy, float>(s.z(), s.labels.data(), s.weights.data(), 0.25F, s.g());
  for (std::size_t j = 0; j < 53; ++j) {
    for (const std::size_t n : {std::size_t{1}, std::size_t{19}}) {
      if (j + n > 53) continue;
      std::vector<float> g(n);
      apply_loss<BinaryCrossEntropy, float>({s.logits.data() + j, 1, static_cast<Index>(n), 1},
                                            s.labels.data() + j, s.weights.data() + j, 0.25F,
                                            {g.data(), 1, static_cast<Index>(n), 1});
      CHECK(std::equal(g.begin(), g.end(), s.gradient.begin() + static_cast<std::ptrdiff_t>(j)));
    }
  }
}

TEST_CASE("losses: values by hand") {
  const float missing = std::numeric_limits<float>::quiet_NaN();
  const float z[4] = {3, 1, missing, -2}, labels[4] = {1, missing, missing, -2},
              weights[4] = {2, 5, 7, 1};
  float gradient[4] = {9, 9, 9, 9};
  const View<const float> logits{z, 1, 4, 1};
  const View<float> g{gradient, 1, 4, 1};
  CHECK(apply_loss<SquaredError, float>(logits, labels, nullptr, 10.F, g) == 2.0);  // ½ 2²
  CHECK(gradient[0] == 20);
  CHECK(gradient[1] == 0);
  CHECK(gradient[2] == 0);  // even if the logit is NaN
  CHECK(gradient[3] == 0);
  CHECK(apply_loss<SquaredError, float>(logits, labels, weights, 10.F, g) == 4.0);
  CHECK(gradient[0] == 40);
}

TEST_CASE("losses: a sample's weight counts as so many samples") {
  const double z[4] = {0.4, -1, 0.4, 0.4}, labels[4] = {1, 0, 1, 1}, weights[2] = {3, 1};
  double four[4], two[2];
  const double repeated =
      apply_loss<BinaryCrossEntropy, double>({z, 1, 4, 1}, labels, nullptr, 1.0, {four, 1, 4, 1});
  const double weighted =
      apply_loss<BinaryCrossEntropy, double>({z, 1, 2, 1}, labels, weights, 1.0, {two, 1, 2, 1});
  CHECK(weighted == doctest::Approx(repeated).epsilon(1e-15));
  CHECK(two[0] == doctest::Approx(four[0] + four[2] + four[3]).epsilon(1e-15));
  CHECK(two[1] == four[1]);
}

TEST_CASE("losses: sums are kept in double") {
  const std::size_t n = 20000;  // a float sum would stall
  std::vector<float> z(n, 1e-3F), labels(n, 0.F), gradient(n);
  z[0] = 1e4F;
  const auto cols = static_cast<Index>(n);
  const double sum = apply_loss<AbsoluteError, float>({z.data(), 1, cols, 1}, labels.data(),
                                                      nullptr, 1.F, {gradient.data(), 1, cols, 1});
  CHECK(sum == doctest::Approx(1e4 + 19999 * static_cast<double>(1e-3F)).epsilon(1e-13));
}

TEST_CASE("losses: predictions of a microbatch") {
  const double z[6] = {0, 9, 1.5, 9, -30, 9};
  double out[3] = {7, 7, 7};
  apply_predict<BinaryCrossEntropy, double>({z, 1, 3, 2}, {out, 1, 3, 1});
  CHECK(out[0] == 0.5);
  CHECK(out[1] == sigmoid(1.5));
  CHECK(out[2] == sigmoid(-30.0));
  apply_predict<OwnLogCosh, double>({z, 1, 3, 2}, {out, 1, 3, 1});
  CHECK(out[1] == 3);
  double classes[6];
  apply_predict<SoftmaxCrossEntropy<2>, double>({z, 2, 3, 2}, {classes, 2, 3, 2});
  for (int j = 0; j < 3; ++j) {
    CHECK(classes[2 * j + 1] == doctest::Approx(sigmoid(z[2 * j + 1] - z[2 * j])).epsilon(1e-14));
    CHECK(classes[2 * j] + classes[2 * j + 1] == doctest::Approx(1).epsilon(1e-15));
  }
}
