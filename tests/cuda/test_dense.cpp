// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <vector>

#include "cuda/gpu.hpp"
#include "espalier/kernels/cpu/kernels.hpp"
#include "espalier/kernels/cuda/kernels.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

struct Sizes {
  Index in, out, samples;
};
// Heads, odd sizes, several tiles, and so many samples that blocks share the depth.
constexpr Sizes every_size[] = {{1, 1, 1},    {7, 1, 5},    {33, 3, 40},  {70, 2, 600},
                                {5, 5, 3},    {64, 64, 64}, {65, 67, 66}, {130, 40, 70},
                                {17, 9, 700}, {9, 70, 1100}};

}  // namespace

TEST_CASE("cuda: dense layers, values and gradients") {
  for (const Sizes& sizes : every_size) {
    const Index in = sizes.in, out = sizes.out, samples = sizes.samples;
    for (const bool padded : {false, true}) {
      CAPTURE(in);
      CAPTURE(out);
      CAPTURE(samples);
      const Gpu gpu(static_cast<std::uint64_t>(in + out));
      const Index gap = padded ? 3 : 0;
      Padded<float> w(in, out), x(in, samples, gap, gap), y(out, samples, gap), b(out, 1);
      w.randomize(1);  // column-major in × out: row-major out × in
      x.randomize(2);
      b.randomize(3);
      const float* bias = padded ? b.data() : nullptr;
      for (const esp::Activation activation :
           {esp::Activation::identity, esp::Activation::relu, esp::Activation::gelu}) {
        const bool needs_pre = esp::needs_pre_activation(activation);
        Padded<float> pre(out, samples, 1), expected = y, expected_pre = pre;
        const auto before = [&](Padded<float>& p) {
          return needs_pre ? p.view() : esp::View<float>{};
        };
        esp::cpu::dense_forward<float>(esp::Cpu{}, std::as_const(w).data(), bias,
                                       std::as_const(x).view(), activation, before(expected_pre),
                                       expected.view());
        dense_forward(gpu.device, std::as_const(w).data(), bias, std::as_const(x).view(),
                      activation, before(pre), y.view());
        const double bound = 1e-6 * (1 + static_cast<double>(in));
        CHECK(most_apart(y, expected) <= bound);
        CHECK(most_apart(pre, expected_pre) <= bound);
        CHECK((y.fenced() && pre.fenced()));
      }
      Padded<float> dy(out, samples, gap);
      dy.randomize(4);
      for (const bool accumulate : {false, true}) {
        Padded<float> dx(in, samples, gap);
        if (accumulate) dx.randomize(5);
        Padded<float> expected = dx;
        esp::cpu::dense_input_gradient<float>(esp::Cpu{}, w.data(), std::as_const(dy).view(),
                                              expected.view(), accumulate);
        dense_input_gradient(gpu.device, w.data(), std::as_const(dy).view(), dx.view(), accumulate);
        CHECK(most_apart(dx, expected) <= 1e-6 * (1 + static_cast<double>(out)));
        CHECK(dx.fenced());
      }
      Padded<float> dw(in, out), db(out, 1);
      dw.randomize(6);
      db.randomize(7);
      Padded<float> expected_dw = dw, expected_db = db;
      float* const bias_gradient = padded ? db.data() : nullptr;
      esp::cpu::dense_weight_gradient<float>(esp::Cpu{}, std::as_const(dy).view(),
                                             std::as_const(x).view(), expected_dw.data(),
                                             padded ? expected_db.data() : nullptr);
      dense_weight_gradient(gpu.device, std::as_const(dy).view(), std::as_const(x).view(),
                            dw.data(), bias_gradient);
      const double bound = 1e-6 * (10 + static_cast<double>(samples));
      CHECK(most_apart(dw, expected_dw) <= bound);
      CHECK(most_apart(db, expected_db) <= bound);
      CHECK((dw.fenced() && db.fenced()));
    }
  }
}

TEST_CASE("cuda: products have the same bits whatever the order of blocks and threads") {
  const Index in = 65, out = 33, samples = 600;
  Padded<float> w(in, out), x(in, samples), y(out, samples), first = y;
  w.randomize(1);
  x.randomize(2);
  std::vector<Padded<float>> gradients;
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const Gpu gpu(seed);
    dense_forward(gpu.device, std::as_const(w).data(), nullptr, std::as_const(x).view(),
                  esp::Activation::relu, {}, y.view());
    if (seed == 1) first = y;
    CHECK(most_apart(y, first) == 0);
    gradients.emplace_back(in, out).fill(0);
    dense_weight_gradient(gpu.device, std::as_const(y).view(), std::as_const(x).view(),
                          gradients.back().data(), nullptr);
    CHECK(most_apart(gradients.back(), gradients.front()) == 0);
  }
}
