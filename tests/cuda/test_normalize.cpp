// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "cuda/compare.hpp"
#include "cuda/gpu.hpp"
#include "espalier/kernels/cpu/kernels.hpp"
#include "espalier/kernels/cuda/kernels.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

constexpr double small = 1e-5;  // epsilon of the layers

/// The same values in double.
Padded<double> in_double(const Padded<float>& from) {
  Padded<double> made(from.rows(), from.cols());
  for (Index j = 0; j < from.cols(); ++j) {
    for (Index i = 0; i < from.rows(); ++i) made.at(i, j) = from(i, j);
  }
  return made;
}

void check_layer_norm(Index rows, Index cols) {
  CAPTURE(rows);
  CAPTURE(cols);
  const Gpu gpu(static_cast<std::uint64_t>(rows * 1000 + cols));
  Padded<float> x(rows, cols, rows % 3, 1), gain(rows, 1), shift(rows, 1, 0, 3),
      cache(2, cols, rows % 2, 1), y(rows, cols, 1, rows % 5), dy(rows, cols, 2, 1);
  x.randomize(1, 2);
  gain.randomize(2);
  shift.randomize(3);
  dy.randomize(4);
  Padded<float> expected = y, expected_cache = cache;
  esp::cpu::layer_norm_forward(esp::Cpu{}, std::as_const(x).view(), gain.data(), shift.data(),
                               small, expected_cache.view(), expected.view());
  layer_norm_forward(gpu.device, std::as_const(x).view(), gain.data(), shift.data(), small,
                     cache.view(), y.view());
  CHECK(relative_error(y, expected) <= 1e-5);
  CHECK(worst_error(cache, expected_cache, [&](Index i, Index j) {
          return i == 0 ? 2e-6 : 1e-5 * expected_cache(i, j);
        }) <= 1);
  CHECK(cache.fenced());

  for (int flags = 0; flags < 3; ++flags) {  // dx overwritten, added to, not requested
    Padded<float> dx(rows, cols, rows % 4, 2), dgain(rows, 1, 0, 1), dshift(rows, 1, 0, 2);
    if (flags == 1) dx.randomize(5);
    dgain.randomize(6);
    dshift.randomize(7);
    Padded<float> expected_dx = dx, expected_gain = dgain, expected_shift = dshift;
    esp::cpu::layer_norm_backward(esp::Cpu{}, std::as_const(x).view(), gain.data(),
                                  std::as_const(cache).view(), std::as_const(dy).view(),
                                  expected_gain.data(), expected_shift.data(),
                                  flags == 2 ? esp::View<float>{} : expected_dx.view(), flags == 1);
    layer_norm_backward(gpu.device, std::as_const(x).view(), gain.data(),
                        std::as_const(cache).view(), std::as_const(dy).view(), dgain.data(),
                        dshift.data(), flags == 2 ? esp::View<float>{} : dx.view(), flags == 1);
    // Of a single row the gradient is 0: a difference of terms of the size of r.
    CHECK(worst_error(dx, expected_dx, [&](Index, Index j) { return 1e-5 * (1 + cache(1, j)); }) <=
          1);
    CHECK(dx.fenced());
    CHECK(relative_error(dgain, expected_gain) <= 1e-5);
    CHECK(relative_error(dshift, expected_shift) <= 1e-5);
  }
}

void check_batch_norm(Index rows, Index cols) {
  CAPTURE(rows);
  CAPTURE(cols);
  const Gpu gpu(static_cast<std::uint64_t>(rows * 1000 + cols));
  Padded<float> x(rows, cols, rows % 3, 1), gain(rows, 1), shift(rows, 1), y(rows, cols, 1, 1),
      dy(rows, cols, 2, 1), moments(1 + 2 * rows, 1, 3, 1);
  x.randomize(1, 2);
  gain.randomize(2);
  shift.randomize(3);
  dy.randomize(4);
  Padded<double> in = in_double(x), exact(1 + 2 * rows, 1);
  esp::cpu::batch_moments(esp::Cpu{}, std::as_const(in).view(), exact.data());
  batch_moments(gpu.device, std::as_const(x).view(), moments.data());
  CHECK(worst_error(moments, exact, [&](Index i, Index) {
          return i > rows ? 1e-5 * exact(i, 0) : i > 0 ? 1e-6 : 0;
        }) <= 1);
  CHECK(moments.fenced());

  // As merged: N, means, r, Σ dy, Σ dy ∘ x̂.
  Padded<float> merged(1 + 4 * rows, 1), variance(rows, 1);
  merged.fill(0);
  merged.at(0, 0) = moments.at(0, 0);
  for (Index i = 0; i < rows; ++i) {
    variance.at(i, 0) = moments.at(1 + rows + i, 0) / moments.at(0, 0);
    merged.at(1 + i, 0) = moments.at(1 + i, 0);
    merged.at(1 + rows + i, 0) =
        static_cast<float>(1 / std::sqrt(static_cast<double>(variance.at(i, 0)) + small));
  }
  for (const bool is_variance : {false, true}) {
    const float* const spread = is_variance ? variance.data() : merged.data() + 1 + rows;
    Padded<float> expected = y;
    esp::cpu::batch_normalize(esp::Cpu{}, std::as_const(x).view(), gain.data(), shift.data(),
                              merged.data() + 1, spread, is_variance, small, expected.view());
    batch_normalize(gpu.device, std::as_const(x).view(), gain.data(), shift.data(),
                    merged.data() + 1, spread, is_variance, small, y.view());
    CHECK(relative_error(y, expected) <= 1e-5);
  }

  Padded<float> sums(1 + 2 * rows, 1, 0, 1), dgain(rows, 1, 0, 1), dshift(rows, 1, 0, 2);
  sums.randomize(8);
  dgain.randomize(5);
  dshift.randomize(6);
  Padded<float> expected_sums = sums, expected_gain = dgain, expected_shift = dshift;
  esp::cpu::batch_norm_sums(esp::Cpu{}, std::as_const(x).view(), merged.data(),
                            std::as_const(dy).view(), expected_sums.data(), expected_gain.data(),
                            expected_shift.data());
  batch_norm_sums(gpu.device, std::as_const(x).view(), merged.data(), std::as_const(dy).view(),
                  sums.data(), dgain.data(), dshift.data());
  CHECK(relative_error(sums, expected_sums) <= 1e-5);
  CHECK(relative_error(dgain, expected_gain) <= 1e-5);
  CHECK(relative_error(dshift, expected_shift) <= 1e-5);

  for (Index i = 0; i < 2 * rows; ++i) merged.at(1 + 2 * rows + i, 0) = sums.at(1 + i, 0);
  for (const bool accumulate : {false, true}) {
    Padded<float> dx(rows, cols, rows % 4, 2);
    if (accumulate) dx.randomize(7);
    Padded<float> expected = dx;
    esp::cpu::batch_norm_input_gradient(esp::Cpu{}, std::as_const(x).view(), gain.data(),
                                        merged.data(), std::as_const(dy).view(), expected.view(),
                                        accumulate);
    batch_norm_input_gradient(gpu.device, std::as_const(x).view(), gain.data(), merged.data(),
                              std::as_const(dy).view(), dx.view(), accumulate);
    CHECK(relative_error(dx, expected) <= 1e-5);
  }
}

}  // namespace

TEST_CASE("cuda: layer norm, values and all gradients") {
  for (const Index rows : {1, 2, 31, 33, 67}) {
    for (const Index cols : {1, 5, 64}) check_layer_norm(rows, cols);
  }
  check_layer_norm(7, 300);
  check_layer_norm(300, 5);
}

TEST_CASE("cuda: layer norm of values far from zero is as exact as the CPU's") {
  for (const double mean : {0.0, 100.0, -1e4}) {
    CAPTURE(mean);
    const Gpu gpu(5);
    Padded<float> x(300, 4), gain(300, 1), shift(300, 1), cache(2, 4), y(300, 4);
    x.randomize(1);
    gain.fill(2);
    shift.fill(0.25F);
    for (Index j = 0; j < 4; ++j) {
      for (Index i = 0; i < 300; ++i) x.at(i, j) += static_cast<float>(mean);
    }
    for (Index i = 0; i < 300; ++i) x.at(i, 3) = 7;  // no variance
    Padded<double> in = in_double(x), g = in_double(gain), s = in_double(shift), exact_cache(2, 4),
                   exact(300, 4);
    esp::cpu::layer_norm_forward(esp::Cpu{}, std::as_const(in).view(), g.data(), s.data(), small,
                                 exact_cache.view(), exact.view());
    Padded<float> by_cpu = y, cpu_cache = cache;
    esp::cpu::layer_norm_forward(esp::Cpu{}, std::as_const(x).view(), gain.data(), shift.data(),
                                 small, cpu_cache.view(), by_cpu.view());
    layer_norm_forward(gpu.device, std::as_const(x).view(), gain.data(), shift.data(), small,
                       cache.view(), y.view());
    CHECK(relative_error(y, exact) <= relative_error(by_cpu, exact) + 2e-6);
    CHECK(relative_error(y, exact) <= 2e-6 + std::abs(mean) * epsilon_of<float>);
  }
}

TEST_CASE("cuda: layer norm of values that are huge, infinite or NaN") {
  const Gpu gpu(6);
  Padded<float> x(33, 4), gain(33, 1), shift(33, 1), cache(2, 4), y(33, 4);
  x.randomize(1);
  gain.fill(2);
  shift.fill(0.25F);
  x.at(5, 0) = std::nanf("");
  x.at(0, 1) = std::numeric_limits<float>::infinity();
  x.at(0, 2) = 1e30F;  // the variance is infinite
  x.at(7, 3) = -1e30F;
  Padded<float> expected = y, expected_cache = cache;
  esp::cpu::layer_norm_forward(esp::Cpu{}, std::as_const(x).view(), gain.data(), shift.data(),
                               small, expected_cache.view(), expected.view());
  layer_norm_forward(gpu.device, std::as_const(x).view(), gain.data(), shift.data(), small,
                     cache.view(), y.view());
  CHECK(relative_error(y, expected) <= 1e-5);
  CHECK(std::isnan(y(32, 0)));
  CHECK(y(0, 2) == 0.25);
}

TEST_CASE("cuda: batch norm, moments, values and gradients") {
  for (const Index rows : {1, 2, 31, 33, 67}) {
    for (const Index cols : {1, 5, 64}) check_batch_norm(rows, cols);
  }
  check_batch_norm(5, 300);
  check_batch_norm(300, 5);
  check_batch_norm(3, 5000);  // more parts of columns than one
}

TEST_CASE("cuda: batch moments of values far from zero, and of a first value far from the others") {
  const Gpu gpu(7);
  Padded<float> x(4, 300, 1), moments(9, 1);
  x.randomize(1);
  for (Index j = 0; j < 300; ++j) {
    x.at(1, j) += 1e4F;
    x.at(2, j) = -3;  // no variance
  }
  x.at(3, 0) = 1000;
  Padded<double> in = in_double(x), exact(9, 1);
  esp::cpu::batch_moments(esp::Cpu{}, std::as_const(in).view(), exact.data());
  batch_moments(gpu.device, std::as_const(x).view(), moments.data());
  CHECK(moments(0, 0) == 300);
  CHECK(moments(7, 0) == 0);
  CHECK(worst_error(moments, exact, [&](Index i, Index) {
          const double deviation = std::sqrt(exact(5 + (i + 3) % 4, 0) / 300);
          return i > 4 ? 1e-6 * exact(i, 0)
                       : 1e-6 * deviation + epsilon_of<float> * std::abs(exact(i, 0));
        }) <= 1);
}

TEST_CASE("cuda: sums over samples do not depend on the order of blocks and threads") {
  Padded<float> x(33, 300), dy(33, 300), cache(2, 300);
  x.randomize(1);
  dy.randomize(2);
  cache.randomize(3);
  std::vector<Padded<float>> results;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const Gpu gpu(seed);
    Padded<float> sums(33, 4), moments(67, 1);
    sums.fill(0.1F);
    layer_norm_backward(gpu.device, std::as_const(x).view(), x.data(), std::as_const(cache).view(),
                        std::as_const(dy).view(), sums.data(), sums.data() + 33, {}, false);
    batch_moments(gpu.device, std::as_const(x).view(), moments.data());
    batch_norm_sums(gpu.device, std::as_const(x).view(), x.data(), std::as_const(dy).view(),
                    moments.data(), sums.data() + 66, sums.data() + 99);
    results.push_back(sums);
    results.push_back(moments);
  }
  for (std::size_t i = 2; i < results.size(); ++i) {
    CHECK(worst_error(results[i], results[i % 2], [](Index, Index) { return 1e-30; }) == 0);
    CHECK(results[i].fenced());
  }
}
