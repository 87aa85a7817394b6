// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "cuda/gpu.hpp"
#include "espalier/kernels/cpu/kernels.hpp"
#include "espalier/kernels/cuda/kernels.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

constexpr esp::Activation every_activation[] = {esp::Activation::identity,   esp::Activation::relu,
                                                esp::Activation::leaky_relu, esp::Activation::gelu,
                                                esp::Activation::silu,       esp::Activation::tanh,
                                                esp::Activation::sigmoid};

}  // namespace

TEST_CASE("cuda: activations, values and gradients") {
  for (const esp::Activation activation : every_activation) {
    for (Index rows = 1; rows <= 300; rows = rows * 3 + 1) {
      CAPTURE(rows);
      const Gpu gpu(static_cast<std::uint64_t>(rows));
      const Index cols = 1 + rows % 5;
      Padded<float> x(rows, cols, rows % 3, 1), y(rows, cols, 1), expected = y;
      x.randomize(1, 3);
      esp::cpu::activation_forward(esp::Cpu{}, activation, std::as_const(x).view(),
                                   expected.view());
      activation_forward(gpu.device, activation, std::as_const(x).view(), y.view());
      CHECK(most_apart(y, expected) <= 1e-6);
      CHECK(y.fenced());

      Padded<float> dy(rows, cols, 2);
      dy.randomize(2);
      Padded<float> delta = dy, other(rows, cols, 3);
      esp::cpu::activation_backward(esp::Cpu{}, activation, std::as_const(x).view(),
                                    std::as_const(y).view(), dy.view());
      activation_backward(gpu.device, activation, std::as_const(x).view(), std::as_const(y).view(),
                          std::as_const(delta).view(), other.view());
      activation_backward(gpu.device, activation, std::as_const(x).view(), std::as_const(y).view(),
                          delta.view());
      CHECK(most_apart(delta, dy) <= 1e-6);
      CHECK(most_apart(other, dy) <= 1e-6);
      CHECK((delta.fenced() && other.fenced()));
    }
  }
}

TEST_CASE("cuda: copy, fill and multiply") {
  for (const Index rows : {1, 2, 31, 33, 257}) {
    for (const bool accumulate : {false, true}) {
      CAPTURE(rows);
      const Gpu gpu(7);
      Padded<float> a(rows, 4, 1), b(rows, 4, 2, 1), y(rows, 4, 3);
      a.randomize(1);
      b.randomize(2);
      if (accumulate) y.randomize(3);
      Padded<float> expected = y;
      copy(gpu.device, std::as_const(a).view(), y.view(), accumulate);
      esp::cpu::copy(esp::Cpu{}, std::as_const(a).view(), expected.view(), accumulate);
      CHECK(most_apart(y, expected) == 0);
      multiply(gpu.device, std::as_const(a).view(), std::as_const(b).view(), 0.5F, y.view(),
               accumulate);
      esp::cpu::multiply(esp::Cpu{}, std::as_const(a).view(), std::as_const(b).view(), 0.5F,
                         expected.view(), accumulate);
      CHECK(most_apart(y, expected) <= 1e-6);
      fill(gpu.device, 2.0F, y.view());
      CHECK(most_apart(y, Padded<float>(rows, 4).fill(2)) == 0);
      CHECK(y.fenced());
    }
  }
}

TEST_CASE(
    "cuda: dropout has the bits of the CPU's, for the key that is on the device when it runs") {
  const Gpu gpu(3);
  Padded<float> x(37, 9, 1), y(37, 9), expected(37, 9);
  x.randomize(1);
  TestVector<std::uint64_t> steps{0};
  std::uint64_t& step = steps[0];
  const esp::cuda::Key key = mix(esp::cuda::Key{&step}, std::uint64_t{17});
  esp::cuda::begin_capture(gpu.stream.get());
  dropout(gpu.device, std::as_const(x).view(), 0.3, key, 5, y.view(), false);
  const esp::cuda::GraphPtr graph(esp::cuda::end_capture(gpu.stream.get()));
  for (step = 1; step < 4; ++step) {
    esp::cuda::launch(graph.get(), gpu.stream.get());
    esp::cuda::synchronize(gpu.stream.get());
    esp::cpu::dropout(esp::Cpu{}, std::as_const(x).view(), 0.3, esp::mix(step, 17), 5,
                      expected.view(), false);
    CHECK(most_apart(y, expected) == 0);
  }
}
