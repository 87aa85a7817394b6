// SPDX-License-Identifier: Apache-2.0
#include "espalier/exec/sparse_gradients.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <vector>

#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
#include "espalier/ops/cpu/program.hpp"

namespace esp = espalier;
using esp::Index;

namespace {

constexpr int width = 3;
using Label = esp::Task<"y", esp::MeanSquaredError>;
struct Model
    : esp::MultiTaskModel<
          esp::Inputs<esp::Categorical<"last", width, esp::SharedTable<"words">>,
                      esp::MultiCategorical<"words", width, esp::Pooled<esp::Pool::mean, ' '>>,
                      esp::MultiCategorical<"tags", width, esp::Pooled<esp::Pool::sum, ' '>>,
                      esp::Categorical<"user", width>>,
          esp::SharedBottom<esp::Mlp<4>>, Label> {};

/// Ids of one field, and the column that a batch refers to.
struct Field {
  std::vector<std::int32_t> ids, offsets;
  [[nodiscard]] esp::IdColumn column() const {
    return {ids.data(), offsets.empty() ? nullptr : offsets.data()};
  }
};

Field single(Index samples, std::int32_t rows, std::mt19937& random) {
  Field f;
  for (Index j = 0; j < samples; ++j)
    f.ids.push_back(std::uniform_int_distribution<std::int32_t>(0, rows - 1)(random));
  return f;
}

/// Sample 0 has all rows, the others few or none.
Field several(Index samples, std::int32_t rows, std::mt19937& random) {
  Field f;
  f.offsets.push_back(0);
  for (std::int32_t row = 0; row < rows; ++row) f.ids.push_back(row);
  f.offsets.push_back(rows);
  for (Index j = 1; j < samples; ++j) {
    for (Index n = j % 4; n > 0; --n)
      f.ids.push_back(std::uniform_int_distribution<std::int32_t>(0, rows - 1)(random));
    f.offsets.push_back(static_cast<std::int32_t>(f.ids.size()));
  }
  return f;
}

}  // namespace

TEST_CASE(
    "a row's gradient is the sum over all that looked it up, however many values a cell has") {
  const esp::PlanView plan = esp::plan_of<Model>();
  const std::vector<Index> table_rows{501, 97, 40};
  for (const Index samples : {Index{1}, Index{2}, Index{33}}) {
    CAPTURE(samples);
    std::mt19937 random(7);
    std::vector<Field> fields;
    std::vector<Index> rows_of;
    for (const esp::Node& node : plan.nodes) {
      if (node.lookup < 0) continue;
      REQUIRE(static_cast<std::size_t>(node.field) == fields.size());
      const auto rows = static_cast<std::int32_t>(table_rows[static_cast<std::size_t>(node.table)]);
      fields.push_back(node.pool == esp::Pool::none ? single(samples, rows, random)
                                                    : several(samples, rows, random));
    }
    REQUIRE(fields.size() == 4);
    std::vector<esp::IdColumn> columns;
    for (const Field& f : fields) columns.push_back(f.column());
    esp::Batch<double> batch;
    batch.size = samples;
    batch.ids = columns;

    const Index capacity = samples + 2;
    std::vector<double> gradients(static_cast<std::size_t>(plan.sizes.lookups * width * capacity));
    for (double& g : gradients) g = std::normal_distribution<double>()(random);

    std::map<std::pair<int, std::int32_t>, std::vector<double>> expected;
    for (const esp::Node& node : plan.nodes) {
      if (node.lookup < 0) continue;
      const Field& f = fields[static_cast<std::size_t>(node.field)];
      for (Index j = 0; j < samples; ++j) {
        const auto at = static_cast<std::size_t>(j);
        const std::int32_t begin = f.offsets.empty() ? static_cast<std::int32_t>(j) : f.offsets[at];
        const std::int32_t end = f.offsets.empty() ? begin + 1 : f.offsets[at + 1];
        for (std::int32_t k = begin; k < end; ++k) {
          std::vector<double>& sum = expected[{node.table, f.ids[static_cast<std::size_t>(k)]}];
          sum.resize(width);
          for (Index i = 0; i < width; ++i) {
            const double g =
                gradients[static_cast<std::size_t>(node.lookup_base * capacity + j * width + i)];
            sum[static_cast<std::size_t>(i)] +=
                node.pool == esp::Pool::mean ? g / (end - begin) : g;
          }
        }
      }
    }

    esp::SparseGradients<double> sparse(plan, table_rows, capacity);
    for (int pass = 0; pass < 2; ++pass) {  // nothing remains from the first pass
      std::size_t found = 0;
      for (Index i = 0; i < sparse.shards(); ++i) {
        const std::size_t room = sparse.shard(i).rows.capacity();
        sparse.collect(i, batch, gradients.data(), capacity);
        const auto& shard = sparse.shard(i);
        CHECK(shard.rows.capacity() == room);
        REQUIRE(static_cast<Index>(shard.sums.size()) >= shard.count() * shard.width);
        for (Index r = 0; r < shard.count(); ++r) {
          const auto known = expected.find({shard.table, shard.rows[static_cast<std::size_t>(r)]});
          REQUIRE(known != expected.end());
          for (Index c = 0; c < width; ++c) {
            const double sum = shard.sums[static_cast<std::size_t>(r * width + c)];
            CHECK(sum ==
                  doctest::Approx(known->second[static_cast<std::size_t>(c)]).epsilon(1e-12));
          }
        }
        found += static_cast<std::size_t>(shard.count());
      }
      CHECK(found == expected.size());
    }
  }
}
