// SPDX-License-Identifier: Apache-2.0
// Replays all of KuaiRand-Pure (or a simulated feed if the data set is absent) row by row through a
// ServingState, as a server would: each row must be encoded to the same bits as in training.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "common/kuairand.hpp"

namespace {

namespace esp = espalier;
namespace kuairand = examples::kuairand;

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Label<"is_click">>;
struct Model : esp::MultiTaskModel<kuairand::Inputs, esp::SharedBottom<esp::Mlp<1>>, Click> {};

/// A row as a server has it: every column the model reads, except those computed from earlier rows.
std::vector<esp::NamedValue> row_of(const std::vector<const esp::Column*>& columns,
                                    std::size_t row) {
  std::vector<esp::NamedValue> values;
  for (const esp::Column* column : columns) {
    if (column->kind == esp::ColumnKind::number) {
      values.emplace_back(column->name, column->numbers[row]);
    } else if (column->codes[row] >= 0) {
      values.emplace_back(column->name,
                          column->dictionary[static_cast<std::size_t>(column->codes[row])]);
    }
  }
  return values;
}

int run() {
  kuairand::Groups groups;
  const auto splits = kuairand::load("", false, groups);
  const esp::Dataset& train = splits[0];
  const esp::Table& table = train.table();
  auto features = std::make_shared<esp::Features>(esp::plan_of<Model>().schema);
  features->fit(train);
  const esp::Dataset all{esp::Table(table)};
  const esp::EncodedData data = features->encode_inputs(all);

  esp::ServingState state(features, esp::RowHistory(features->schema().fields));
  std::vector<const esp::Column*> columns, labels;
  for (const esp::CsvColumn& c : esp::field_columns(features->schema())) {
    const auto& known = state.history().columns().labels;
    const bool is_label = std::find(known.begin(), known.end(), c.name) != known.end();
    (is_label ? labels : columns).push_back(&table.column(c.name));
  }
  std::vector<std::size_t> order(static_cast<std::size_t>(table.rows()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const std::vector<double>& time = table.numbers("time_ms");
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return time[a] < time[b]; });

  const auto numbers = static_cast<std::size_t>(data.numeric_rows),
             ids = static_cast<std::size_t>(data.single_fields);
  std::size_t different = 0;
  for (const std::size_t i : order) {
    const std::vector<esp::NamedValue> row = row_of(columns, i);
    const esp::EncodedData one = features->encode(row, {}, &state.history());
    const bool same =
        std::equal(one.numeric.begin(), one.numeric.end(),
                   data.numeric.begin() + static_cast<std::ptrdiff_t>(i * numbers),
                   data.numeric.begin() + static_cast<std::ptrdiff_t>((i + 1) * numbers)) &&
        std::equal(one.single_ids.begin(), one.single_ids.end(),
                   data.single_ids.begin() + static_cast<std::ptrdiff_t>(i * ids),
                   data.single_ids.begin() + static_cast<std::ptrdiff_t>((i + 1) * ids));
    if (!same && different++ < 5)
      std::printf("row %zu is encoded to other bits than in training\n", i);
    state.observe(row, row_of(labels, i));
  }
  std::printf("%s: %zu rows of %zu numbers and %zu ids, %zu different\n", table.source.c_str(),
              order.size(), numbers, ids, different);
  return different == 0 && !order.empty() ? 0 : 1;
}

}  // namespace

int main() {
  try {
    return run();
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
