// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>

#include "espalier/describe/sharing/star.hpp"
#include "espalier/exec/parameters.hpp"
#include "support/made_up.hpp"

using namespace espalier_test;

namespace {

template <esp::Init W>
using Layer = esp::Dense<150, esp::Activation::identity, W>;
template <class... Ls>
struct Wide
    : esp::MultiTaskModel<esp::Inputs<esp::NumericVector<"x", 100>, esp::Categorical<"user", 16>>,
                          esp::SharedBottom<esp::Layers<Ls...>>, Click> {};

struct Range {
  double low = 1e9, high = -1e9, mean = 0, deviation = 0;
  explicit Range(std::span<const float> values) {
    const double n = static_cast<double>(values.size());
    double squares = 0;
    for (const float v : values) {
      const auto x = static_cast<double>(v);
      low = (std::min)(low, x);
      high = (std::max)(high, x);
      mean += x / n;
      squares += x * x / n;
    }
    deviation = std::sqrt(squares - mean * mean);
  }
};

template <class Model>
std::span<const float> tensor(const esp::Parameters<float>& p, std::string_view name) {
  for (const esp::ParameterInfo& t : esp::plan_of<Model>().tensors) {
    if (t.name.view() == name)
      return p.dense.span().subspan(static_cast<std::size_t>(t.offset),
                                    static_cast<std::size_t>(t.size()));
  }
  FAIL("no tensor " << name);
  return {};
}

template <class Model>
esp::Parameters<float> initial(std::uint64_t seed = 1, std::vector<esp::Index> rows = {500}) {
  esp::Parameters<float> p(esp::plan_of<Model>(), rows);
  p.dense.fill(7);
  esp::initialize(esp::plan_of<Model>(), seed, p);
  return p;
}

template <esp::Init W>
Range weights() {
  using Model = Wide<Layer<W>>;
  const esp::Parameters<float> p = initial<Model>();
  const Range bias(tensor<Model>(p, "shared/dense0/bias"));
  CHECK(bias.low == 0);
  CHECK(bias.high == 0);
  return Range(tensor<Model>(p, "shared/dense0/weight"));
}

void check_uniform(const Range& r, double bound) {
  CHECK(r.high <= bound);
  CHECK(r.high > 0.99 * bound);
  CHECK(r.low < -0.99 * bound);
  CHECK(std::abs(r.mean) < 0.02 * bound);
  CHECK(r.deviation == doctest::Approx(bound / std::sqrt(3)).epsilon(0.02));
}

void check_normal(const Range& r, double deviation) {
  CHECK(std::abs(r.mean) < 0.03 * deviation);
  CHECK(r.deviation == doctest::Approx(deviation).epsilon(0.02));
  CHECK(r.high > 3 * deviation);
  CHECK(r.low < -3 * deviation);
}

}  // namespace

TEST_CASE("parameters: tensors start as their initialisers say") {
  const double in = 116, out = 150;
  check_uniform(weights<esp::Init::automatic>(), std::sqrt(6 / (in + out)));  // identity activation
  check_uniform(weights<esp::Init::glorot_uniform>(), std::sqrt(6 / (in + out)));
  check_uniform(weights<esp::Init::he_uniform>(), std::sqrt(6 / in));
  check_uniform(weights<esp::Init::pytorch>(), 1 / std::sqrt(in));
  check_normal(weights<esp::Init::glorot_normal>(), std::sqrt(2 / (in + out)));
  check_normal(weights<esp::Init::he_normal>(), std::sqrt(2 / in));
  check_normal(weights<esp::Init::lecun_normal>(), std::sqrt(1 / in));
  check_normal(weights<esp::Init::embedding>(), 0.01);
  CHECK(weights<esp::Init::ones>().low == 1);
  CHECK(weights<esp::Init::zeros>().high == 0);
  using Relu = Wide<esp::Dense<150>>;
  check_uniform(Range(tensor<Relu>(initial<Relu>(), "shared/dense0/weight")), std::sqrt(6 / in));
  check_normal(Range(initial<Relu>().tables[0].span()), 0.01);
}

TEST_CASE("parameters: a tensor's values depend on seed and name, not on what else there is") {
  using A = Wide<esp::Dense<150>>;
  using B = Wide<esp::Dense<150>, esp::BatchNorm, esp::Dense<20>>;
  struct C : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"y">, esp::Categorical<"user", 16>>,
                                 esp::SharedBottom<esp::Mlp<150>>, Watch, Click> {};
  const esp::Parameters<float> a = initial<A>(), b = initial<B>(), other = initial<A>(2);
  CHECK(same_bits(tensor<A>(a, "shared/dense0/weight"), tensor<B>(b, "shared/dense0/weight")));
  // The tensor has another offset.
  CHECK(same_bits(tensor<A>(a, "click/dense0/weight"),
                  tensor<C>(initial<C>(), "click/dense0/weight")));
  CHECK_FALSE(
      same_bits(tensor<A>(a, "shared/dense0/weight"), tensor<A>(other, "shared/dense0/weight")));
  CHECK(same_bits(a.tables[0].span(), b.tables[0].span()));
  // With more rows the first ones are the same.
  CHECK(same_bits(initial<A>(1, {20}).tables[0].span(), a.tables[0].span().first(20 * 16)));
  CHECK(Range(tensor<B>(b, "shared/batch_norm1/running_variance")).low == 1);
  CHECK(Range(tensor<B>(b, "shared/batch_norm1/running_mean")).high == 0);
}

TEST_CASE("parameters: how many are learnt, and vocabularies without rows") {
  using B = Wide<esp::Dense<150>, esp::BatchNorm>;
  const esp::Parameters<float> p = initial<B>();
  // Dense layer, gain and shift; the tower of 8 and its head; 500 rows of width 16. Running moments
  // do not count.
  CHECK(p.count(esp::plan_of<B>()) == 116 * 150 + 150 + 2 * 150 + 150 * 8 + 8 + 8 + 1 + 500 * 16);
  CHECK(p.table_rows == std::vector<esp::Index>{500});
  for (const std::vector<esp::Index>& rows :
       {std::vector<esp::Index>{}, std::vector<esp::Index>{0}}) {
    CHECK(message_of([&] { esp::Parameters<float>(esp::plan_of<B>(), rows); }) ==
          "table 'embedding/user': no number of rows given for its vocabulary, expected 1 or more");
  }
}

TEST_CASE("parameters: a table may have no more rows than the model can tell apart") {
  struct Domains
      : esp::MultiTaskModel<esp::Inputs<esp::Categorical<"tab", 2>, esp::Categorical<"user", 3>,
                                        esp::Categorical<"last", 2, esp::SharedTable<"tab">>>,
                            esp::Star<"tab", 4, esp::Mlp<5>>, Click> {};
  const esp::PlanView& plan = esp::plan_of<Domains>();
  CHECK(esp::Parameters<float>(plan, {5, 100}).table_rows == std::vector<esp::Index>{5, 100});
  CHECK(message_of([&] {
          esp::Parameters<float>(plan, {6, 100});
        }) == "table 'embedding/tab': the training data has 5 values, the model tells 4 apart");
}
