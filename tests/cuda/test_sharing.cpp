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

Padded<float> random(Index rows, Index cols, std::uint64_t seed) {
  Padded<float> made(rows, cols, static_cast<Index>(seed % 4), static_cast<Index>(seed % 3));
  made.randomize(seed);
  return made;
}

void check_stitch(Index width, Index inputs, Index outputs, Index cols) {
  CAPTURE(width);
  CAPTURE(inputs);
  CAPTURE(outputs);
  CAPTURE(cols);
  const Gpu gpu(static_cast<std::uint64_t>(width * 100 + inputs * 10 + outputs));
  const auto x = random(inputs * width, cols, 4), dy = random(outputs * width, cols, 5);
  Padded<float> a(inputs * outputs, 1, 0, 1);
  a.randomize(3);
  Padded<float> y(outputs * width, cols, 3, 2), expected = y;
  esp::cpu::stitch_forward(esp::Cpu{}, a.data(), inputs, outputs, x.view(), expected.view());
  stitch_forward(gpu.device, a.data(), inputs, outputs, x.view(), y.view());
  CHECK(relative_error(y, expected) <= 1e-5);
  for (const bool accumulate : {false, true}) {
    Padded<float> dx(inputs * width, cols, 2, 1);
    if (accumulate) dx.randomize(77);
    Padded<float> expected_dx = dx;
    esp::cpu::stitch_input_gradient(esp::Cpu{}, a.data(), inputs, outputs, dy.view(),
                                    expected_dx.view(), accumulate);
    stitch_input_gradient(gpu.device, a.data(), inputs, outputs, dy.view(), dx.view(), accumulate);
    CHECK(relative_error(dx, expected_dx) <= 1e-5);
  }
  Padded<float> da(inputs * outputs, 1, 0, 2);
  da.fill(1);
  Padded<float> expected_da = da;
  esp::cpu::stitch_weight_gradient(esp::Cpu{}, inputs, outputs, x.view(), dy.view(),
                                   expected_da.data());
  stitch_weight_gradient(gpu.device, inputs, outputs, x.view(), dy.view(), da.data());
  CHECK(relative_error(da, expected_da) <= 1e-5);
}

void check_attention_pool(Index width, Index tokens, Index samples) {
  CAPTURE(width);
  CAPTURE(tokens);
  CAPTURE(samples);
  const Gpu gpu(static_cast<std::uint64_t>(width * 100 + tokens));
  const auto x = random(3 * width, tokens * samples, 6), dy = random(width, samples, 7);
  Padded<float> weights(tokens, samples, 1, 1), y(width, samples, 2, 1);
  Padded<float> expected_weights = weights, expected = y;
  esp::cpu::attention_pool_forward(esp::Cpu{}, x.view(), tokens, expected_weights.view(),
                                   expected.view());
  attention_pool_forward(gpu.device, x.view(), tokens, weights.view(), y.view());
  CHECK(relative_error(weights, expected_weights) <= 1e-5);
  CHECK(relative_error(y, expected) <= 1e-5);
  for (const bool accumulate : {false, true}) {
    Padded<float> dx(3 * width, tokens * samples, 3, 2);
    if (accumulate) dx.randomize(77);
    Padded<float> expected_dx = dx;
    esp::cpu::attention_pool_backward(esp::Cpu{}, x.view(), tokens, std::as_const(weights).view(),
                                      dy.view(), expected_dx.view(), accumulate);
    attention_pool_backward(gpu.device, x.view(), tokens, std::as_const(weights).view(), dy.view(),
                            dx.view(), accumulate);
    CHECK(relative_error(dx, expected_dx) <= 1e-5);
  }
}

}  // namespace

TEST_CASE("cuda: stitch, combinations and both gradients, for any width and number of parts") {
  for (const Index width : {1, 2, 31, 33, 67})
    check_stitch(width, 1 + width % 5, 1 + width % 4, 1 + width % 6);
  check_stitch(5, 4, 4, 64);
  check_stitch(5, 9, 6, 33);
  check_stitch(3, 1, 17, 5);
  check_stitch(300, 2, 3, 5);
  check_stitch(1, 1, 2, 2100);  // more columns than parts
}

TEST_CASE("cuda: attention pool, values and gradient, for any width and number of tokens") {
  for (const Index width : {1, 2, 31, 33, 67})
    check_attention_pool(width, 1 + width % 5, 1 + width % 6);
  check_attention_pool(5, 3, 64);
  check_attention_pool(4, 70, 2);
  check_attention_pool(300, 2, 2);
}

TEST_CASE("cuda: attention pool of scores that are large, infinite or NaN") {
  const Gpu gpu(4);
  const float inf = std::numeric_limits<float>::infinity();
  const float columns[][3] = {{1, 1e15F, 1e15F}, {2, 1e15F, -1e15F},    {1, 1, 1},
                              {2, 1, -inf},      {1, std::nanf(""), 1}, {2, 1, 1}};
  Padded<float> x(3, 6), weights(2, 3), y(1, 3);
  for (Index j = 0; j < 6; ++j) {
    for (Index i = 0; i < 3; ++i) x.at(i, j) = columns[j][i];
  }
  Padded<float> expected_weights = weights, expected = y;
  esp::cpu::attention_pool_forward(esp::Cpu{}, std::as_const(x).view(), 2, expected_weights.view(),
                                   expected.view());
  attention_pool_forward(gpu.device, std::as_const(x).view(), 2, weights.view(), y.view());
  CHECK(relative_error(weights, expected_weights) <= 1e-5);
  CHECK(relative_error(y, expected) <= 1e-5);
  CHECK(y(0, 0) == 1);
}

TEST_CASE("cuda: broadcast, one vector for all columns, the sum of their gradients") {
  for (const Index rows : {1, 2, 31, 33, 67}) {
    for (const Index cols : {0, 1, 5, 300}) {
      CAPTURE(rows);
      CAPTURE(cols);
      const Gpu gpu(static_cast<std::uint64_t>(rows + cols));
      const auto v = random(rows, 1, 1);
      const auto dy = random(rows, cols, 2);
      Padded<float> y(rows, cols, 2, 1), expected = y, dv = random(rows, 1, 3), expected_dv = dv;
      esp::cpu::broadcast_forward(esp::Cpu{}, v.data(), expected.view());
      broadcast_forward(gpu.device, v.data(), y.view());
      CHECK(relative_error(y, expected) == 0);
      esp::cpu::broadcast_backward(esp::Cpu{}, dy.view(), expected_dv.data());
      broadcast_backward(gpu.device, dy.view(), dv.data());
      CHECK(relative_error(dv, expected_dv) <= 1e-5);
    }
  }
}

TEST_CASE("cuda: gradients of stitch weights do not depend on the order of blocks and threads") {
  const auto x = random(8, 70, 1), dy = random(4, 70, 2);
  std::vector<Padded<float>> results;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const Gpu gpu(seed);
    Padded<float> da(2, 1);
    da.fill(0.1F);
    stitch_weight_gradient(gpu.device, 2, 1, x.view(), dy.view(), da.data());
    results.push_back(da);
    CHECK(relative_error(da, results[0]) == 0);
  }
}
