// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <limits>

#include "espalier/kernels/activation.hpp"

using namespace espalier;

namespace {

constexpr Activation all[] = {Activation::identity, Activation::relu, Activation::leaky_relu,
                              Activation::gelu,     Activation::silu, Activation::tanh,
                              Activation::sigmoid};

}  // namespace

TEST_CASE("activations: values at a few places") {
  CHECK(activate(Activation::identity, -1.5) == -1.5);
  CHECK(activate(Activation::relu, -1.5) == 0);
  CHECK(activate(Activation::relu, 2.5) == 2.5);
  CHECK(activate(Activation::leaky_relu, -1.5) == doctest::Approx(-0.015));
  CHECK(activate(Activation::gelu, 1.0) == doctest::Approx(0.8413447460685429));    // Φ(1)
  CHECK(activate(Activation::gelu, -2.0) == doctest::Approx(-0.0455002638963584));  // −2 Φ(−2)
  CHECK(activate(Activation::silu, 1.0) == doctest::Approx(0.7310585786300049));
  CHECK(activate(Activation::tanh, 0.5) == doctest::Approx(0.46211715726000975));
  CHECK(activate(Activation::sigmoid, -1.0) == doctest::Approx(0.2689414213699951));
  for (const Activation a : all) CHECK(activate(a, 0.0) == (a == Activation::sigmoid ? 0.5 : 0.0));
}

TEST_CASE("activations: the derivative is the slope") {
  for (const Activation a : all) {
    CAPTURE(static_cast<int>(a));
    for (double x = -6.03; x < 6; x += 0.07) {
      const double h = 1e-6, slope = (activate(a, x + h) - activate(a, x - h)) / (2 * h);
      CHECK(activation_derivative(a, x, activate(a, x)) == doctest::Approx(slope).epsilon(1e-7));
      const float narrow = static_cast<float>(x);
      CHECK(static_cast<double>(activation_derivative(a, narrow, activate(a, narrow))) ==
            doctest::Approx(activation_derivative(a, x, activate(a, x))).epsilon(1e-5));
    }
  }
}

TEST_CASE("activations: far out they are their limits, and a NaN stays one") {
  for (const Activation a : all) {
    CAPTURE(static_cast<int>(a));
    for (const float x : {30.0F, 100.0F, 1e4F, 1e18F, 3e38F}) {
      const float up = activate(a, x), down = activate(a, -x);
      CHECK(std::isfinite(up));
      CHECK(std::isfinite(down));
      CHECK(std::isfinite(activation_derivative(a, x, up)));
      CHECK(std::isfinite(activation_derivative(a, -x, down)));
      if (a == Activation::relu || a == Activation::gelu || a == Activation::silu) {
        CHECK(up == x);
        CHECK(std::abs(down) < 1e-10F);
        CHECK(activation_derivative(a, x, up) == 1);
        CHECK(std::abs(activation_derivative(a, -x, down)) < 1e-10F);
      }
    }
    CHECK(std::isnan(activate(a, std::numeric_limits<float>::quiet_NaN())));
  }
}
