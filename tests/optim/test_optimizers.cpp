// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/optim/optim.hpp"
#include "golden.inc"
#include "support/optimizers.hpp"
#include "support/worst.hpp"

using namespace espalier;
using espalier_test::for_each_optimizer;

namespace {

/// A user-defined optimizer without states.
struct SignDescent {
  double learning_rate = 0.5;
  static constexpr std::string_view name = "sign_descent";
  static constexpr int states = 0;
  [[nodiscard]] auto hyper_parameters() const {
    return std::array{HyperParameter{"learning_rate", learning_rate}};
  }
  template <class T>
  [[nodiscard]] auto formula(const UpdateStep& step) const {
    return [rate = static_cast<T>(learning_rate * step.rate)](auto& p, auto g) {
      p -= rate * g / square_root(g * g);
    };
  }
};

/// The same, with a stateless() that has no effect because there are no states.
struct ContradictoryDescent : SignDescent {
  [[nodiscard]] bool stateless() const { return false; }
};

const std::vector<Optimizer> all_optimizers = [] {
  std::vector<Optimizer> all{Sgd{.learning_rate = 0.05},
                             Sgd{.learning_rate = 0.05, .momentum = 0.9, .weight_decay = 0.01},
                             SignDescent{}};
  for_each_optimizer([&](const Optimizer& optimizer) { all.push_back(optimizer); });
  return all;
}();

/// Parameters and their optimizer states.
template <class T>
struct Tensor {
  std::vector<T> values;
  std::vector<std::vector<T>> states;

  Tensor(const Optimizer& optimizer, std::vector<T> start) : values(std::move(start)) {
    for (int i = 0; i < optimizer.states(); ++i)
      states.emplace_back(values.size(), static_cast<T>(optimizer.initial_state(i)));
  }

  [[nodiscard]] std::vector<T*> state_pointers(std::size_t offset = 0) {
    std::vector<T*> pointers;
    for (auto& state : states) pointers.push_back(state.data() + offset);
    return pointers;
  }
};

template <class T>
std::vector<T> random_values(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<T> values(n);
  for (auto& v : values) v = static_cast<T>(random.normal());
  return values;
}

template <class T>
void follow(const Optimizer& optimizer, const double (&expected)[4][22], double tolerance) {
  INFO(optimizer.describe());
  constexpr std::size_t split = 15;  // two tensors: 5 × 3 and 7 values
  std::vector<T> start(22);
  for (std::size_t i = 0; i < 22; ++i) start[i] = static_cast<T>(std::cos(static_cast<double>(i)));
  Tensor<T> first(optimizer, {start.begin(), start.begin() + split});
  Tensor<T> second(optimizer, {start.begin() + split, start.end()});
  std::size_t kept = 0;
  double worst = 0;
  for (int t = 1; t <= 60; ++t) {
    const UpdateStep step{t, 1 / (1 + 0.01 * t), 0.9};
    std::size_t i = 0;
    for (Tensor<T>* tensor : {&first, &second}) {
      std::vector<T> gradient;
      for (const T p : tensor->values)
        gradient.push_back(p - static_cast<T>(std::sin(0.7 * static_cast<double>(i++) + 0.11 * t)));
      optimizer.update(tensor->values.data(), gradient.data(), tensor->state_pointers().data(),
                       static_cast<Index>(gradient.size()), step);
    }
    if (t != golden::kept[kept]) continue;
    for (i = 0; i < 22; ++i) {
      const T value = i < split ? first.values[i] : second.values[i - split];
      espalier_test::keep_worst(worst, std::abs(static_cast<double>(value) - expected[kept][i]));
    }
    ++kept;
  }
  CHECK(kept == 4);
  CHECK(worst < tolerance);
}

template <class T>
void follow_all(double tolerance) {
  follow<T>(Sgd{.learning_rate = 0.05}, golden::sgd, tolerance);
  follow<T>(Sgd{.learning_rate = 0.05, .momentum = 0.9}, golden::sgd_momentum, tolerance);
  follow<T>(Sgd{.learning_rate = 0.05, .momentum = 0.8, .nesterov = true, .weight_decay = 0.01},
            golden::sgd_nesterov, tolerance);
  follow<T>(Adam{.learning_rate = 0.02}, golden::adam, tolerance);
  follow<T>(
      Adam{
          .learning_rate = 0.02, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6, .weight_decay = 0.1},
      golden::adam_l2, tolerance);
  follow<T>(AdamW{.learning_rate = 0.02, .weight_decay = 0.1}, golden::adamw, tolerance);
  follow<T>(Adagrad{.learning_rate = 0.1}, golden::adagrad, tolerance);
  follow<T>(
      Adagrad{
          .learning_rate = 0.1, .initial_accumulator = 0.1, .epsilon = 1e-7, .weight_decay = 0.01},
      golden::adagrad_initial, tolerance);
}

}  // namespace

TEST_CASE("60 steps over two tensors follow an independent implementation") {
  follow_all<double>(1e-12);
  follow_all<float>(1e-5);
}

TEST_CASE_TEMPLATE("any size, at any address, in any cut: the same bits, and nothing beside them",
                   T, float, double) {
  constexpr std::size_t margin = 5;
  for (const auto& optimizer : all_optimizers) {
    INFO(optimizer.describe());
    for (std::size_t n = 0; n <= 33; ++n) {
      INFO("n = ", n);
      const auto start = random_values<T>(n, 1);
      const auto gradient = random_values<T>(n, 2);
      Tensor<T> whole(optimizer, start);
      Tensor<T> single(optimizer, start);
      for (int t = 1; t <= 3; ++t) {
        optimizer.update(whole.values.data(), gradient.data(), whole.state_pointers().data(),
                         static_cast<Index>(n), {t, 0.5, 2.0});
        for (std::size_t i = 0; i < n; ++i)
          optimizer.update(single.values.data() + i, gradient.data() + i,
                           single.state_pointers(i).data(), 1, {t, 0.5, 2.0});
      }
      CHECK(single.values == whole.values);
      CHECK(single.states == whole.states);
      if (n > 0) CHECK(whole.values != start);

      for (std::size_t shift = 0; shift < 4;
           ++shift) {  // unaligned, with guard values on both sides
        std::vector<T> values(n + shift + 2 * margin, T{7});
        std::copy(start.begin(), start.end(), values.begin() + static_cast<Index>(margin + shift));
        Tensor<T> moved(optimizer, values);
        for (auto& state : moved.states)
          for (std::size_t i = 0; i < state.size(); ++i)
            if (i < margin + shift || i >= margin + shift + n) state[i] = T{9};
        std::vector<T> shifted(gradient.size() + shift);
        std::copy(gradient.begin(), gradient.end(), shifted.begin() + static_cast<Index>(shift));
        for (int t = 1; t <= 3; ++t)
          optimizer.update(moved.values.data() + margin + shift, shifted.data() + shift,
                           moved.state_pointers(margin + shift).data(), static_cast<Index>(n),
                           {t, 0.5, 2.0});
        bool same = true;
        for (std::size_t i = 0; i < moved.values.size(); ++i) {
          const bool inside = i >= margin + shift && i < margin + shift + n;
          same = same && moved.values[i] == (inside ? whole.values[i - margin - shift] : T{7});
          for (std::size_t k = 0; k < moved.states.size(); ++k)
            same =
                same && moved.states[k][i] == (inside ? whole.states[k][i - margin - shift] : T{9});
        }
        CHECK(same);
      }
    }
  }
}

TEST_CASE_TEMPLATE("all rows touched is the dense update; untouched rows keep their bits", T, float,
                   double) {
  constexpr std::size_t rows = 9;
  for (const auto& optimizer : all_optimizers) {
    INFO(optimizer.describe());
    for (const std::size_t width : {1U, 3U, 8U, 10U, 16U}) {
      INFO("width = ", width);
      const auto start = random_values<T>(rows * width, 3);
      Tensor<T> dense(optimizer, start);
      Tensor<T> lazy(optimizer, start);
      const std::vector<std::int32_t> order{4, 0, 8, 1, 7, 2, 6, 3, 5};
      for (int t = 1; t <= 4; ++t) {
        const auto gradient = random_values<T>(rows * width, 10 + static_cast<std::uint64_t>(t));
        std::vector<T> gathered;
        for (const auto row : order)
          for (std::size_t i = 0; i < width; ++i)
            gathered.push_back(gradient[static_cast<std::size_t>(row) * width + i]);
        optimizer.update(dense.values.data(), gradient.data(), dense.state_pointers().data(),
                         static_cast<Index>(rows * width), {t, 0.9, 0.7});
        optimizer.update_rows(lazy.values.data(), lazy.state_pointers().data(), order.data(),
                              gathered.data(), static_cast<Index>(rows), static_cast<Index>(width),
                              {t, 0.9, 0.7});
      }
      CHECK(lazy.values == dense.values);
      CHECK(lazy.states == dense.states);

      // Then update two rows only: they change as in a dense update at the global step, the others
      // stay.
      const Tensor<T> before = lazy;
      const std::vector<std::int32_t> two{6, 2};
      const auto gradient = random_values<T>(2 * width, 99);
      optimizer.update_rows(lazy.values.data(), lazy.state_pointers().data(), two.data(),
                            gradient.data(), 2, static_cast<Index>(width), {50, 1, 1});
      Tensor<T> expected = before;
      for (std::size_t r = 0; r < 2; ++r) {
        const std::size_t offset = static_cast<std::size_t>(two[r]) * width;
        optimizer.update(expected.values.data() + offset, gradient.data() + r * width,
                         expected.state_pointers(offset).data(), static_cast<Index>(width),
                         {50, 1, 1});
      }
      CHECK(lazy.values == expected.values);
      CHECK(lazy.states == expected.states);
      CHECK(lazy.values != before.values);
      for (std::size_t i = 0; i < rows * width; ++i)
        if (i / width != 2 && i / width != 6) CHECK(lazy.values[i] == before.values[i]);
      optimizer.update_rows(lazy.values.data(), lazy.state_pointers().data(), nullptr, nullptr, 0,
                            static_cast<Index>(width), {51, 1, 1});
      CHECK(lazy.values == expected.values);
    }
  }
}

TEST_CASE("plain gradient descent keeps no state, whichever pointer it is given") {
  CHECK(Optimizer(Sgd{}).states() == 0);
  CHECK(Optimizer(Sgd{.momentum = 0.5}).states() == 1);
  CHECK(Optimizer(Adam{}).states() == 2);
  CHECK(Optimizer(Adagrad{}).states() == 1);
  CHECK(Optimizer(SignDescent{}).states() == 0);
  double p[2] = {1, 2};
  const double g[2] = {10, -10};
  Optimizer(Sgd{.learning_rate = 0.25}).update(p, g, nullptr, 2, {});
  CHECK(p[0] == -1.5);
  CHECK(p[1] == 4.5);
  Optimizer(SignDescent{}).update(p, g, nullptr, 2, {});
  CHECK(p[0] == -2);
  CHECK(p[1] == 5);
  Optimizer(ContradictoryDescent{}).update(p, g, nullptr, 2, {});
  CHECK(p[0] == -2.5);
  CHECK(p[1] == 5.5);
}

TEST_CASE("describe names every hyper-parameter exactly; copies are the same optimiser") {
  const Optimizer adam = Adam{.learning_rate = 0.1 + 0.2};
  CHECK(adam.describe() ==
        "adam(learning_rate=0.30000000000000004, beta1=0.9, beta2=0.999, epsilon=1e-08, "
        "weight_decay=0)");
  CHECK(Optimizer(AdamW{}).describe() ==
        "adamw(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08, weight_decay=0.01)");
  CHECK(Optimizer(Sgd{.momentum = 0.9, .nesterov = true}).describe() ==
        "sgd(learning_rate=0.01, momentum=0.9, nesterov=1, weight_decay=0)");
  CHECK(Optimizer(Adagrad{}).describe() ==
        "adagrad(learning_rate=0.01, initial_accumulator=0, epsilon=1e-10, weight_decay=0)");
  Optimizer copy = Sgd{};
  copy = adam;
  CHECK(copy.describe() == adam.describe());
  CHECK(copy.name() == "adam");
  CHECK(copy.learning_rate() == 0.1 + 0.2);
  CHECK(copy.initial_state(0) == 0);
  CHECK(Optimizer(Adagrad{.initial_accumulator = 0.1}).initial_state(0) == 0.1);
}

TEST_CASE("hyper-parameters out of range throw") {
  CHECK_THROWS_WITH_AS(Optimizer(Adam{.learning_rate = -1}),
                       "adam: learning_rate is -1; expected a number in [0, inf)", ConfigError);
  CHECK_THROWS_WITH_AS(Optimizer(AdamW{.beta1 = 1}),
                       "adamw: beta1 is 1; expected a number in [0, 1)", ConfigError);
  CHECK_THROWS_WITH_AS(Optimizer(Adam{.epsilon = 0}),
                       "adam: epsilon is 0; expected a number in [1e-30, inf)", ConfigError);
  CHECK_THROWS_WITH_AS(Optimizer(Sgd{.learning_rate = std::numeric_limits<double>::quiet_NaN()}),
                       "sgd: learning_rate is nan; expected a number in [0, inf)", ConfigError);
  CHECK_THROWS_AS(Optimizer(Sgd{.momentum = 1.5}), ConfigError);
  CHECK_THROWS_AS(Optimizer(Adagrad{.initial_accumulator = -0.1}), ConfigError);
  CHECK_THROWS_AS(Optimizer(Adam{.learning_rate = std::numeric_limits<double>::infinity()}),
                  ConfigError);
}

TEST_CASE_TEMPLATE("the square root is the correctly rounded one, denormal and zero included", T,
                   float, double) {
  std::vector<T> values = random_values<T>(64, 5);
  values[0] = 0;
  values[1] = std::numeric_limits<T>::denorm_min();
  values[2] = (std::numeric_limits<T>::min)();
  values[3] = (std::numeric_limits<T>::max)();
  for (auto& v : values) v = std::abs(v);
  for (std::size_t i = 0; i < values.size(); i += static_cast<std::size_t>(pack_size<T>)) {
    T roots[static_cast<std::size_t>(pack_size<T>)];
    store_pack(roots, square_root(load_pack(values.data() + i)));
    for (std::size_t k = 0; k < static_cast<std::size_t>(pack_size<T>); ++k)
      CHECK(roots[k] == std::sqrt(values[i + k]));
  }
}

TEST_CASE_TEMPLATE(
    "averages whose gradients have ceased come to rest at 0; what is no number stays none", T,
    float, double) {
  constexpr T least = std::numeric_limits<T>::min() * static_cast<T>(1e8);
  for (const T x : {T{0}, T{1}, T{-1}, least, -least}) CHECK(without_tail(x) == x);
  for (const T x : {least / 2, -least / 2, std::numeric_limits<T>::denorm_min()})
    CHECK(without_tail(x) == 0);
  CHECK(std::isnan(without_tail(std::numeric_limits<T>::quiet_NaN())));

  for_each_optimizer([](auto rule) {
    if constexpr (requires { rule.weight_decay; }) rule.weight_decay = 0;  // no gradient of p
    if constexpr (requires { rule.beta2; }) rule.beta2 = 0.9;              // decays sooner
    const Optimizer optimizer = rule;
    CAPTURE(optimizer.describe());
    Tensor<T> tensor(optimizer, std::vector<T>(11, T{1}));
    const std::vector<T> some(11, static_cast<T>(0.1)), none(11),
        no_number(11, std::numeric_limits<T>::quiet_NaN());
    constexpr std::int64_t most = 1'000'000;  // enough for an average that keeps 0.999 per step
    std::int64_t step = 1;
    for (auto before = tensor.states; step <= most; before = tensor.states, ++step) {
      optimizer.update(tensor.values.data(), step == 1 ? some.data() : none.data(),
                       tensor.state_pointers().data(), 11, {.step = step});
      if (step > 1 && tensor.states == before) break;
    }
    CHECK(step < most);
    for (const auto& state : tensor.states) {
      for (const T v : state) CHECK((v == 0 || std::isnormal(v)));
    }
    optimizer.update(tensor.values.data(), no_number.data(), tensor.state_pointers().data(), 11,
                     {.step = step + 1});
    for (const T p : tensor.values) CHECK(std::isnan(p));
  });

  // Tiny squared gradients alone are kept: p moves by the learning rate per step.
  const Optimizer careful(Adam{.learning_rate = 1e-3, .epsilon = 1e-20});
  Tensor<T> small(careful, std::vector<T>(11));
  const std::vector<T> little(11, static_cast<T>(1e-15));
  for (std::int64_t step = 1; step <= 100; ++step)
    careful.update(small.values.data(), little.data(), small.state_pointers().data(), 11,
                   {.step = step});
  for (const T p : small.values)
    CHECK(static_cast<double>(p) == doctest::Approx(-0.1).epsilon(1e-2));
}
