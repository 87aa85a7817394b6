// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "espalier/losses/losses.hpp"
#include "golden.inc"
#include "support/losses.hpp"

using namespace espalier;
using espalier_test::for_each_loss, espalier_test::has_loss_named;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Checks that `value` equals `golden` up to the relative `tolerance`. Values below the smallest
/// normal number of T all count as equal.
template <class T>
void check_near(T value, double golden, double tolerance) {
  CAPTURE(golden);
  const double tiny = static_cast<double>((std::numeric_limits<T>::min)());
  CHECK(std::abs(static_cast<double>(value) - golden) <= tolerance * std::abs(golden) + tiny);
}

template <class L, class T, std::size_t N>
void check_scalar(const golden::Scalar (&rows)[N], double tolerance) {
  static_assert(ScalarLoss<L> && Loss<L>);
  static_assert(std::is_empty_v<L>);
  static_assert(has_loss_named(L::name),
                "add the loss to the list in losses/cuda/library.hpp: other tests run for it");
  CAPTURE(std::string(L::name));
  for (const golden::Scalar& row : rows) {
    CAPTURE(row.z);
    CAPTURE(row.y);
    T gradient = std::numeric_limits<T>::infinity();  // must be overwritten, not added to
    const T z = static_cast<T>(row.z);
    check_near(L::template evaluate<T>(z, static_cast<T>(row.y), gradient), row.value, tolerance);
    check_near(gradient, row.gradient, tolerance);
    check_near(L::template predict<T>(z), row.prediction, tolerance);
  }
}

template <class L, std::size_t N>
void check_both(const golden::Scalar (&rows)[N]) {
  check_scalar<L, double>(rows, 2e-14);
  check_scalar<L, float>(rows, 1e-5);
}

template <class L, class T, std::size_t N>
void check_softmax(const golden::Vector3 (&rows)[N], double tolerance) {
  static_assert(VectorLoss<L> && Loss<L> && !ScalarLoss<L>);
  static_assert(std::is_empty_v<L>);
  static_assert(has_loss_named(L::name),
                "add the loss to the list in losses/cuda/library.hpp: other tests run for it");
  for (const golden::Vector3& row : rows) {
    CAPTURE(row.z[0]);
    CAPTURE(row.y);
    const T z[3] = {static_cast<T>(row.z[0]), static_cast<T>(row.z[1]), static_cast<T>(row.z[2])};
    const T poison = std::numeric_limits<T>::infinity();
    T gradient[3] = {poison, poison, poison}, out[3] = {poison, poison, poison};
    check_near(L::template evaluate<T>(z, static_cast<T>(row.y), gradient), row.value, tolerance);
    L::template predict<T>(z, out);
    for (int i = 0; i < 3; ++i) {
      check_near(gradient[i], row.gradient[i], tolerance);
      check_near(out[i], row.prediction[i], tolerance);
    }
  }
}

/// Compares the gradient with central differences at many points.
template <class L>
void check_gradient(const std::vector<double>& labels, double from = -12, double to = 12) {
  CAPTURE(std::string(L::name));
  for (const double y : labels) {
    for (double z = from; z <= to; z += 0.3717) {
      CAPTURE(z);
      CAPTURE(y);
      double gradient = missing, ignored;
      L::template evaluate<double>(z, y, gradient);
      const double h = 1e-6 * std::fmax(1, std::abs(z));
      const double up = L::template evaluate<double>(z + h, y, ignored);
      const double down = L::template evaluate<double>(z - h, y, ignored);
      const double noise = 1e-15 * (std::abs(up) + std::abs(y * z)) / h;
      CHECK(std::abs(gradient - (up - down) / (2 * h)) <= 1e-7 * std::abs(gradient) + noise + 1e-9);
    }
  }
}

/// Checks that value, gradient and prediction are finite in float for logits up to ±1e4 and extreme
/// labels, and that the gradient does not decrease in z if the loss is `convex`.
template <class L>
void check_extremes(bool convex = true) {
  CAPTURE(std::string(L::name));
  const std::vector<float> labels = L::label == LabelKind::binary ? std::vector<float>{0, 1}
                                    : L::label == LabelKind::count
                                        ? std::vector<float>{0, 1, 1e6F}
                                        : std::vector<float>{-1e4F, 0, 1e4F};
  for (const float y : labels) {
    float before = -std::numeric_limits<float>::infinity();
    for (const float z : {-1e4F, -1e3F, -104.F, -88.F, -1e-30F, 0.F, 1e-30F, 29.F, 31.F, 79.F, 88.F,
                          104.F, 1e3F, 1e4F}) {
      CAPTURE(z);
      CAPTURE(y);
      float gradient = std::numeric_limits<float>::quiet_NaN();
      CHECK(std::isfinite(L::template evaluate<float>(z, y, gradient)));
      CHECK(std::isfinite(gradient));
      CHECK(std::isfinite(gradient * gradient));  // Adam squares it
      CHECK(std::isfinite(L::template predict<float>(z)));
      if (convex) CHECK(gradient >= before);
      before = gradient;
    }
  }
  float gradient = 0;
  CHECK(std::isnan(
      L::template evaluate<float>(std::numeric_limits<float>::quiet_NaN(), 1.F, gradient)));
  CHECK(std::isnan(gradient));  // NaN must not be hidden
}

using WeightedClasses = SoftmaxCrossEntropy<5, ClassWeights{0.5, 3, 1, 7.25, 2}>;

}  // namespace

TEST_CASE("losses: binary cross-entropy against high precision") {
  check_both<BinaryCrossEntropy>(golden::binary_cross_entropy);
  check_both<BinaryCrossEntropyWith<PositiveWeight{3.5}>>(golden::positive_weight);
  check_both<BinaryCrossEntropyWith<LabelSmoothing{0.125}>>(golden::label_smoothing);
  check_both<BasicBinaryCrossEntropy<PositiveWeight{0.25}, LabelSmoothing{0.5}>>(
      golden::weight_and_smoothing);
}

TEST_CASE("losses: options of binary cross-entropy in any order") {
  static_assert(std::is_same_v<BinaryCrossEntropyWith<>, BinaryCrossEntropy>);
  static_assert(std::is_same_v<BinaryCrossEntropyWith<LabelSmoothing{0.5}, PositiveWeight{0.25}>,
                               BasicBinaryCrossEntropy<PositiveWeight{0.25}, LabelSmoothing{0.5}>>);
  double a = 0, b = 0;
  CHECK(BinaryCrossEntropyWith<PositiveWeight{1}>::evaluate(0.7, 1.0, a) ==
        BinaryCrossEntropy::evaluate(0.7, 1.0, b));
  CHECK(a == b);
}

TEST_CASE("losses: focal against high precision") {
  check_both<Focal<>>(golden::focal);
  check_both<Focal<Gamma{2.0}, Alpha{0.25}>>(golden::focal);
  check_both<Focal<Gamma{0.5}, Alpha{0.75}>>(golden::focal_half);
  check_both<Focal<Gamma{1}, Alpha{0.5}>>(golden::focal_one);
  check_both<Focal<Gamma{0}, Alpha{0.5}>>(golden::focal_zero);
}

TEST_CASE("losses: regression against high precision") {
  check_both<SquaredError>(golden::squared_error);
  static_assert(std::is_same_v<MeanSquaredError, SquaredError>);
  check_both<AbsoluteError>(golden::absolute_error);
  check_both<Huber<>>(golden::huber);
  check_both<Huber<Delta{0.5}>>(golden::huber_half);
  double gradient = 9;
  CHECK(AbsoluteError::evaluate(2.0, 2.0, gradient) == 0);
  CHECK(gradient == 0);
}

TEST_CASE("losses: counts and watch time against high precision") {
  check_both<Poisson>(golden::poisson);
  check_both<WeightedLogistic>(golden::weighted_logistic);
  check_both<BasicWeightedLogistic<Negatives::unwatched>>(golden::weighted_logistic_unwatched);
}

TEST_CASE("losses: softmax cross-entropy against high precision") {
  using Plain = SoftmaxCrossEntropy<3>;
  check_softmax<Plain, double>(golden::softmax_cross_entropy, 2e-14);
  check_softmax<Plain, float>(golden::softmax_cross_entropy, 1e-5);
  using Weighted = SoftmaxCrossEntropy<3, ClassWeights{1, 4, 0.375}>;
  check_softmax<Weighted, double>(golden::class_weights, 2e-14);
  check_softmax<Weighted, float>(golden::class_weights, 1e-5);
}

TEST_CASE("losses: gradients against central differences") {
  check_gradient<BinaryCrossEntropy>({0, 1, 0.3});
  check_gradient<BinaryCrossEntropyWith<PositiveWeight{5}, LabelSmoothing{0.1}>>({0, 1});
  check_gradient<Focal<>>({0, 1});
  check_gradient<Focal<Gamma{3.3}, Alpha{0.6}>>({0, 1});
  check_gradient<SquaredError>({-1.23, 0, 4});
  check_gradient<AbsoluteError>({-1.23, 4.01});
  check_gradient<Huber<Delta{0.7}>>({-1.23, 4.01});
  check_gradient<Poisson>({0, 1, 40});
  check_gradient<Poisson>({0, 1e13}, 28.0123, 33);
  check_gradient<WeightedLogistic>({0, 1, 0.37, 250});
  check_gradient<BasicWeightedLogistic<Negatives::unwatched>>({0, 1, 0.37, 250});
}

TEST_CASE_TEMPLATE("losses: the gradient of softmax cross-entropy against central differences", L,
                   SoftmaxCrossEntropy<5>, WeightedClasses) {
  double z[5] = {0.3, -1.7, 2.2, 0, 1.1}, ignored[5], gradient[5];
  for (int y = 0; y < 5; ++y) {
    L::template evaluate<double>(z, y, gradient);
    double sum = 0;
    for (int i = 0; i < 5; ++i) {
      const double at = z[i], h = 1e-6;
      z[i] = at + h;
      const double up = L::template evaluate<double>(z, y, ignored);
      z[i] = at - h;
      const double down = L::template evaluate<double>(z, y, ignored);
      z[i] = at;
      CHECK(gradient[i] == doctest::Approx((up - down) / (2 * h)).epsilon(1e-7));
      sum += gradient[i];
    }
    CHECK(std::abs(sum) < 4e-15);
  }
}

TEST_CASE("losses: extreme logits stay finite in float") {
  for_each_loss([]<class L>(L) {
    if constexpr (ScalarLoss<L>) check_extremes<L>(L::name != Focal<>::name);
  });
  check_extremes<BinaryCrossEntropyWith<PositiveWeight{100}, LabelSmoothing{0.1}>>();
  check_extremes<Focal<Gamma{0.5}>>(false);
  using Classes = SoftmaxCrossEntropy<4>;
  const float z[4] = {-1e4F, 1e4F, 1e4F, 0};
  float gradient[4];
  for (int y = 0; y < 4; ++y) {
    CHECK(std::isfinite(Classes::evaluate<float>(z, static_cast<float>(y), gradient)));
    for (const float g : gradient) CHECK(std::isfinite(g));
  }
}

TEST_CASE("losses: softmax over two classes is binary cross-entropy on the difference") {
  for (const double z : {-30.0, -2.0, 0.0, 0.4, 9.0}) {
    for (const double y : {0.0, 1.0}) {
      const double both[2] = {0.75, 0.75 + z};
      double two[2], one;
      CHECK(SoftmaxCrossEntropy<2>::evaluate<double>(both, y, two) ==
            doctest::Approx(BinaryCrossEntropy::evaluate(z, y, one)).epsilon(1e-14));
      CHECK(two[1] == doctest::Approx(one).epsilon(1e-14));
      CHECK(two[0] == doctest::Approx(-one).epsilon(1e-14));
    }
  }
}

TEST_CASE("losses: the odds of weighted logistic regression are the mean watch time") {
  const std::vector<double> times{0, 0, 0, 0, 0, 0, 12, 0, 30.5, 0};
  const double total = 42.5, all = 10, unwatched = 8;
  const auto slope = [&](auto loss, double odds) {
    double sum = 0;
    for (const double t : times) {
      double gradient;
      decltype(loss)::template evaluate<double>(std::log(odds), t, gradient);
      sum += gradient;
    }
    return sum;
  };
  CHECK(std::abs(slope(WeightedLogistic{}, total / all)) < 1e-13);
  CHECK(std::abs(slope(BasicWeightedLogistic<Negatives::unwatched>{}, total / unwatched)) < 1e-13);
  CHECK(WeightedLogistic::predict(std::log(4.25)) == doctest::Approx(4.25).epsilon(1e-14));
}

TEST_CASE("losses: logistic, sigmoid and softplus agree") {
  for (const double z : {-1e4, -745.0, -40.0, -1.0, -0.0, 0.0, 0.3, 36.0, 710.0, 1e4}) {
    CAPTURE(z);
    const Logistic<double> l = logistic(logit(z));
    CHECK(l.up == doctest::Approx(sigmoid(z)).epsilon(1e-15));
    CHECK(l.down == doctest::Approx(sigmoid(-z)).epsilon(1e-15));
    CHECK(l.log_up == softplus(-z));
    CHECK(l.log_down == softplus(z));
  }
  CHECK(sigmoid(-infinity) == 0);
  CHECK(sigmoid(infinity) == 1);
  CHECK(std::isnan(logistic(logit(missing)).up));
  CHECK(std::isnan(logistic(logit(missing)).down));
}
