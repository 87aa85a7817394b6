// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "cuda/gpu.hpp"
#include "espalier/losses/cuda/apply.hpp"
#include "espalier/losses/cuda/library.hpp"
#include "espalier/losses/losses.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

/// A label that the loss takes, from random bits.
template <class L>
float label_of(std::uint64_t bits) {
  switch (L::label) {
    case esp::LabelKind::binary:
      return static_cast<float>(bits % 2);
    case esp::LabelKind::classes:
      return static_cast<float>(bits % L::outputs);
    case esp::LabelKind::count:
      return static_cast<float>(bits % 5);
    default:
      return static_cast<float>(bits % 100) / 20 - 2;
  }
}

/// Values, gradients and predictions as the CPU's, with missing labels.
template <class L>
void check_loss(Index samples, bool weighted, float unit) {
  CAPTURE(L::name);
  CAPTURE(samples);
  const Gpu gpu(static_cast<std::uint64_t>(samples));
  const Index outputs = L::outputs;
  Padded<float> z(outputs, samples, 1), gradient(outputs, samples, 2), expected = gradient;
  z.randomize(1, 4);
  TestVector<float> labels(static_cast<std::size_t>(samples)), weights;
  esp::Random random(2);
  for (float& y : labels)
    y = random.below(4) == 0 ? std::numeric_limits<float>::quiet_NaN() : label_of<L>(random.bits());
  double total = 0;
  for (const float y : labels) {
    if (weighted) weights.push_back(static_cast<float>(random.uniform(0.5, 2)));
    if (y == y) total += weighted ? static_cast<double>(weights.back()) : 1.0;
  }
  const float* const sample_weights = weighted ? weights.data() : nullptr;
  TestVector<double> sums{0.5, -1, 0, 0};
  const double& weight = sums[0];
  const double& value = sums[1];
  double* const totals = &sums[2];
  sum_label_weights(gpu.device, {labels.data(), samples, 1, samples}, sample_weights, totals);
  CHECK(totals[0] == doctest::Approx(total).epsilon(1e-12));
  if (!weighted) CHECK(totals[1] == static_cast<double>(samples));

  const esp::cuda::LossArguments a{
      std::as_const(z).view(), labels.data(), sample_weights, &weight, &totals[0],
      gradient.view(),         unit,          &sums[1]};
  esp::cuda::apply_loss<L>(gpu.device, a);
  const auto scale = static_cast<float>(total > 0 ? weight / total : 0.0);
  const double expected_value = esp::apply_loss<L, float>(
      std::as_const(z).view(), labels.data(), sample_weights, scale, expected.view(), unit);
  CHECK(value == doctest::Approx(expected_value).epsilon(1e-5));
  CHECK(most_apart(gradient, expected) <= 1e-5 * (1 + 10.0 * static_cast<double>(scale)));
  CHECK(gradient.fenced());

  Padded<float> predicted(outputs, samples), expected_predictions = predicted;
  esp::cuda::apply_predict<L>(gpu.device, std::as_const(z).view(), predicted.view());
  esp::apply_predict<L, float>(std::as_const(z).view(), expected_predictions.view());
  double most = 1;
  for (Index j = 0; j < samples; ++j) {
    for (Index i = 0; i < outputs; ++i) most = (std::max)(most, std::abs(predicted(i, j)));
  }
  CHECK(most_apart(predicted, expected_predictions) <= 1e-6 * most);
}

template <class L>
void check_sizes() {
  static_assert(esp::cuda::has_loss<L>);
  for (const Index samples : {1, 2, 31, 33, 300}) {
    for (const bool weighted : {false, true}) check_loss<L>(samples, weighted, 1);
  }
  check_loss<L>(50, true, 2.5F);
}

}  // namespace

namespace espalier {

TEST_CASE("cuda: every loss of the library") {
#define ESPALIER_CHECK_LOSS(...) check_sizes<__VA_ARGS__>();
  ESPALIER_CUDA_LOSSES(ESPALIER_CHECK_LOSS)
#undef ESPALIER_CHECK_LOSS
}

}  // namespace espalier

TEST_CASE("cuda: a batch without labels of a task has no loss and no gradient") {
  const Gpu gpu;
  Padded<float> z(1, 5), gradient(1, 5);
  z.randomize(1);
  const TestVector<float> labels(5, std::numeric_limits<float>::quiet_NaN());
  TestVector<double> sums{1, -1, 0, 0};
  const double& weight = sums[0];
  const double& value = sums[1];
  double* const totals = &sums[2];
  sum_label_weights(gpu.device, {labels.data(), 5, 1, 5}, nullptr, totals);
  CHECK(totals[0] == 0);
  CHECK(totals[1] == 5);
  esp::cuda::apply_loss<esp::SquaredError>(
      gpu.device, {std::as_const(z).view(), labels.data(), nullptr, &weight, &totals[0],
                   gradient.view(), 1, &sums[1]});
  CHECK(value == 0);
  CHECK(most_apart(gradient, Padded<float>(1, 5).fill(0)) == 0);
}
