// SPDX-License-Identifier: Apache-2.0
// A training step with precomputed products of small tables, compared with a step without.
#include "espalier/passes/projected_embeddings.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/describe/model.hpp"
#include "espalier/exec/check_gradients.hpp"
#include "espalier/losses/losses.hpp"
#include "espalier/optim/optim.hpp"
#include "support/step_allocations.hpp"
#include "support/worst.hpp"

namespace esp = espalier;
using esp::Index;

namespace {

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<8>>;
using Watch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<8>>;
/// a, b, c form one group; `seen` and `last` share a table; `thin` is too narrow, `user` has too
/// many rows.
using Inputs = esp::Inputs<
    esp::Categorical<"a", 8>, esp::Categorical<"user", 8>, esp::Categorical<"b", 8>,
    esp::NumericVector<"x", 3>, esp::Categorical<"c", 4>, esp::Categorical<"thin", 2>,
    esp::Categorical<"last", 4>, esp::MultiCategorical<"seen", 4, esp::SharedTable<"last">>,
    esp::MultiCategorical<"tags", 5>, esp::Categorical<"words", 4, esp::Pooled<esp::Pool::sum>>>;
const std::vector<Index> rows{3, 900, 4, 5, 3, 30, 20, 9};  // in the order of the tables
using Encoder = esp::Layers<esp::Dense<72>, esp::Dropout<esp::Rate{0.2}>, esp::Dense<16>>;
struct Shared : esp::MultiTaskModel<Inputs, esp::SharedBottom<Encoder>, Click, Watch> {};
struct Smooth
    : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::MlpOf<esp::Activation::gelu, 21, 8>>,
                          Click, Watch> {};
/// No number and no large table: every input is a product.
struct Whole : esp::MultiTaskModel<esp::Inputs<esp::Categorical<"a", 8>, esp::Categorical<"b", 8>>,
                                   esp::SharedBottom<esp::Mlp<16>>, Click, Watch> {};
/// Two layers read the inputs: experts and gates.
struct Gated : esp::MultiTaskModel<Inputs, esp::Mmoe<2, Encoder>, Click, Watch> {};
/// An operation that is not a dense layer reads the inputs.
struct Crossed
    : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Layers<esp::BatchNorm, esp::Dense<8>>>,
                          Click, Watch> {};

template <class T>
struct Gradients {
  std::vector<double> losses;
  std::vector<T> dense;
  std::map<std::pair<int, std::int32_t>, std::vector<T>> tables;
};

template <class Model, class T>
Gradients<T> step(const std::vector<Index>& table_rows, Index samples, bool with_products,
                  int threads = 1) {
  const esp::PlanView plan = esp::plan_of<Model>();
  const esp::RandomBatch<T> data(plan, samples, table_rows, 5, 0.2, true);
  const std::vector<std::string_view> without{esp::ProjectedEmbeddings<T>::name};
  esp::TrainExecutor<T> executor(esp::program_of<Model, T, esp::Cpu>(), table_rows, samples,
                                 threads, {},
                                 with_products ? std::span<const std::string_view>() : without);
  esp::initialize(plan, 3, executor.parameters());
  for (auto& table : executor.parameters().tables) {
    for (T& v : table) v *= 50;
  }
  executor.poison(std::numeric_limits<T>::quiet_NaN());
  executor.clear_gradient();
  const std::vector<double> weights{1, 0.5};
  const auto losses = executor.forward_backward(data.batch(), weights, 9);
  Gradients<T> made;
  made.losses.assign(losses.begin(), losses.end());
  made.dense.resize(static_cast<std::size_t>(plan.sizes.parameters));
  executor.read_gradient(made.dense);
  auto& sparse = executor.collect_sparse();
  for (Index i = 0; i < sparse.shards(); ++i) {
    const auto& shard = sparse.shard(i);
    for (Index r = 0; r < shard.count(); ++r) {
      const auto at = shard.sums.begin() + r * shard.width;
      made.tables[{shard.table, shard.rows[static_cast<std::size_t>(r)]}].assign(at,
                                                                                 at + shard.width);
    }
  }
  return made;
}

template <class Model>
void compare(const std::vector<Index>& table_rows) {
  CHECK(esp::ProjectedEmbeddings<double>(esp::program_of<Model, double, esp::Cpu>(), table_rows,
                                         333, 8, 1)
            .pays(333));
  const auto with = step<Model, double>(table_rows, 333, true),
             without = step<Model, double>(table_rows, 333, false);
  for (std::size_t k = 0; k < 2; ++k)
    CHECK(with.losses[k] == doctest::Approx(without.losses[k]).epsilon(1e-12));
  double worst = 0;
  for (std::size_t i = 0; i < with.dense.size(); ++i)
    espalier_test::keep_worst(worst, std::abs(with.dense[i] - without.dense[i]));
  CHECK(worst < 1e-12);
  REQUIRE(with.tables.size() == without.tables.size());
  for (const auto& [row, sums] : without.tables) {
    const auto found = with.tables.find(row);
    REQUIRE(found != with.tables.end());
    for (std::size_t k = 0; k < sums.size(); ++k)
      CHECK(std::abs(found->second[k] - sums[k]) < 1e-12);
  }
}

}  // namespace

TEST_CASE("table products: the same losses and gradients as without") {
  compare<Shared>(rows);
  compare<Smooth>(rows);
  compare<Gated>(rows);
  compare<Whole>({7, 9});
}

TEST_CASE("table products: which tables, which batches, which models") {
  esp::ProjectedEmbeddings<float> pass(esp::program_of<Shared, float, esp::Cpu>(), rows, 1024, 8,
                                       1);
  esp::ExecutionSchedule<float> schedule, small;
  pass.apply(schedule, 1024);
  REQUIRE(schedule.notes.size() == 1);
  CHECK(schedule.notes[0].fired);
  for (std::size_t table = 0; table < 8; ++table) {
    CAPTURE(table);
    CHECK(schedule.summed_tables[table] == (table != 1 && table != 4));
  }
  CHECK(pass.pays(1024));
  CHECK_FALSE(pass.pays(16));
  pass.apply(small, 16);
  CHECK(small.steps.empty());
  CHECK(small.summed_tables.empty());
  CHECK_FALSE(small.notes[0].fired);
  CHECK_FALSE(
      esp::ProjectedEmbeddings<float>(esp::program_of<Crossed, float, esp::Cpu>(), rows, 1024, 8, 1)
          .pays(1024));
}

TEST_CASE("table products: what is no number stays none, so that training ends with an error") {
  for (const bool in_table : {true, false}) {
    CAPTURE(in_table);
    const std::vector<Index> sizes{7, 9};
    const esp::RandomBatch<float> data(esp::plan_of<Whole>(), 333, sizes, 5);
    esp::TrainExecutor<float> executor(esp::program_of<Whole, float, esp::Cpu>(), sizes, 333, 1);
    esp::initialize(esp::plan_of<Whole>(), 3, executor.parameters());
    executor.clear_gradient();
    auto& parameters = executor.parameters();
    (in_table ? parameters.tables[0].data()[0] : parameters.dense.data()[0]) = std::nanf("");
    const std::vector<double> weights{1, 0.5};
    CHECK(std::isnan(executor.forward_backward(data.batch(), weights, 9)[0]));
  }
}

TEST_CASE("table products: gradients against differences") {
  const auto result = esp::check_gradients<Whole>({.samples = 150, .rows = 3});
  INFO(result.where);
  CHECK(result.worst < 1e-4);
}

TEST_CASE("table products: the same bits for any number of threads, and no allocation in a step") {
  const auto one = step<Shared, float>(rows, 333, true, 1);
  for (const int threads : {2, 4}) {
    const auto many = step<Shared, float>(rows, 333, true, threads);
    CHECK(many.losses == one.losses);
    CHECK(std::memcmp(many.dense.data(), one.dense.data(), one.dense.size() * sizeof(float)) == 0);
    CHECK(many.tables == one.tables);
  }
  const esp::RandomBatch<float> data(esp::plan_of<Shared>(), 512, rows, 1);
  esp::TrainExecutor<float> executor(esp::program_of<Shared, float, esp::Cpu>(), rows, 512, 2);
  CHECK(espalier_test::step_allocations(executor, data.batch()) == 0);
}
