// SPDX-License-Identifier: Apache-2.0
// Vector functions compared with double, value by value, over all binades.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <limits>

#include "espalier/kernels/cpu/gelu.hpp"
#include "espalier/kernels/cpu/vector_math.hpp"
#include "espalier/losses/logistic_registers.hpp"
#include "support/worst.hpp"

using namespace espalier;

namespace {

/// |found − wanted| in units in the last place of a float of that magnitude.
double ulps(float found, double wanted) {
  int exponent = 0;
  std::frexp(wanted, &exponent);
  return std::abs(static_cast<double>(found) - wanted) /
         std::ldexp(1.0, (std::max)(exponent - 24, -149));
}

/// Calls visit(±x) for every `step`-th float x from `least` to `most`.
template <class Visit>
void every_float(float least, float most, std::uint32_t step, Visit&& visit) {
  std::uint32_t from = 0, to = 0;
  std::memcpy(&from, &least, sizeof from);
  std::memcpy(&to, &most, sizeof to);
  for (std::uint32_t bits = from; bits <= to; bits += step) {
    float x = 0;
    std::memcpy(&x, &bits, sizeof x);
    visit(x);
    visit(-x);
  }
}

}  // namespace

TEST_CASE("vector math: the exponential is within 1 ulp of the true one") {
  double worst = 0;
  every_float(1e-30F, 87.25F, 1237, [&](float x) {
    const float found = exponential<FloatRegister>(splat<FloatRegister>(x))[0];
    espalier_test::keep_worst(worst, ulps(found, std::exp(static_cast<double>(x))));
  });
  MESSAGE("exponential: ", worst, " ulp at most");
  CHECK(worst < 1);
  CHECK(worst > 0.4);  // the errors were measured
}

TEST_CASE("vector math: the exponential at the ends") {
  const auto at = [](float x) { return exponential<FloatRegister>(splat<FloatRegister>(x))[0]; };
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(at(0) == 1);
  CHECK(at(-0.0F) == 1);
  CHECK(at(-88) == 0);
  CHECK(at(-infinity) == 0);
  CHECK(at(88) == doctest::Approx(std::exp(88.0)).epsilon(1e-6));
  CHECK(at(1000) == at(88));
  CHECK(at(infinity) == at(88));
  CHECK(std::isnan(at(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("vector math: places of a register do not see each other") {
  FloatRegister x{};
  for (Index i = 0; i < cpu::lanes<float>; ++i) x[i] = static_cast<float>(i) * 7.3F - 50;
  x[1] = std::numeric_limits<float>::quiet_NaN();
  const FloatRegister y = exponential<FloatRegister>(x);
  for (Index i = 0; i < cpu::lanes<float>; ++i) {
    const float alone = exponential<FloatRegister>(splat<FloatRegister>(x[i]))[0];
    CHECK((y[i] == alone || i == 1));
  }
  CHECK(std::isnan(y[1]));
}

TEST_CASE("vector math: logistic functions are within 4 ulp") {
  double up = 0, down = 0, log_up = 0, log_down = 0;
  every_float(1e-20F, 80.0F, 1237, [&](float x) {
    const Logistic<FloatRegister> found = logistic(logit(splat<FloatRegister>(x)));
    const double z = static_cast<double>(x), e = std::exp(-std::abs(z));
    const double large = 1 / (1 + e), small = e / (1 + e), log = std::log1p(e);
    up = (std::max)(up, ulps(found.up[0], z >= 0 ? large : small));
    down = (std::max)(down, ulps(found.down[0], z >= 0 ? small : large));
    log_up = (std::max)(log_up, ulps(found.log_up[0], log + (z >= 0 ? 0 : -z)));
    log_down = (std::max)(log_down, ulps(found.log_down[0], log + (z >= 0 ? z : 0)));
  });
  MESSAGE("logistic: ", up, " ", down, " ", log_up, " ", log_down, " ulp at most");
  for (const double worst : {up, down, log_up, log_down}) {
    CHECK(worst < 4);
    CHECK(worst > 0.4);
  }
  const Logistic<FloatRegister> nan =
      logistic(logit(splat<FloatRegister>(std::numeric_limits<float>::quiet_NaN())));
  CHECK((std::isnan(nan.up[0]) && std::isnan(nan.down[0]) && std::isnan(nan.log_up[0]) &&
         std::isnan(nan.log_down[0])));
  const Logistic<FloatRegister> far = logistic(logit(splat<FloatRegister>(-1e4F)));
  CHECK((far.up[0] == 0 && far.down[0] == 1 && far.log_up[0] == 1e4F && far.log_down[0] == 0));
}

TEST_CASE("vector math: GELU is within 6 ulp, its derivative within 2e-7") {
  double value = 0, slope = 0;
  every_float(1e-20F, 12.5F, 1237, [&](float x) {
    const double z = static_cast<double>(x), below = std::erfc(-z * std::sqrt(0.5)) / 2;
    const double density = std::exp(-z * z / 2) * 0.39894228040143268;
    const FloatRegister all = splat<FloatRegister>(x);
    espalier_test::keep_worst(value, ulps(cpu::gelu(all)[0], z * below));
    const auto found = static_cast<double>(cpu::gelu_derivative(all)[0]);
    espalier_test::keep_worst(slope, std::abs(found - (below + z * density)));
  });
  MESSAGE("GELU: ", value, " ulp, derivative: ", slope, " at most");
  CHECK(value < 6);
  CHECK(value > 0.4);
  CHECK(slope < 2e-7);
  CHECK(slope > 1e-8);
}

TEST_CASE("vector math: GELU at the ends") {
  const auto at = [](float x) { return cpu::gelu(splat<FloatRegister>(x))[0]; };
  const auto slope = [](float x) { return cpu::gelu_derivative(splat<FloatRegister>(x))[0]; };
  CHECK(at(0) == 0);
  CHECK(slope(0) == 0.5F);
  for (const float x : {14.0F, 100.0F, 3e38F}) {
    CHECK(at(x) == x);
    CHECK(at(-x) == 0);
    CHECK(slope(x) == 1);
    CHECK(slope(-x) == 0);
  }
  CHECK(at(std::numeric_limits<float>::infinity()) == std::numeric_limits<float>::infinity());
  CHECK(std::isnan(at(std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::isnan(slope(std::numeric_limits<float>::quiet_NaN())));
}
