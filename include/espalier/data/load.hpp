// SPDX-License-Identifier: Apache-2.0
// Data for a model: the columns that its type names, of the kinds that it needs.
#pragma once

#include <algorithm>
#include <concepts>
#include <string>
#include <utility>
#include <vector>

#include "espalier/data/csv.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/from_matrix.hpp"
#include "espalier/data/row_history.hpp"
#include "espalier/data/schema_columns.hpp"
#include "espalier/describe/fold.hpp"

namespace espalier {

/// Adds what the model's inputs MeanOf, CountOf, EarlierRows and SincePrevious are to a table: a whole log, before it is split.
/// Each row knows of those before it, and the first ones of nothing. read_csv<Model> and from_matrix<Model> do it themselves;
/// rows that come later are for ServingState::add_to. Throws DataError.
template <class Model>
void add_history(Table& table) {
  RowHistory(plan_of<Model>().schema.fields).add_to(table);
}

/// The columns that `Model` reads, from a CSV file. options.columns are read besides. Throws IoError, DataError.
template <class Model>
[[nodiscard]] Dataset read_csv(const std::vector<std::string>& paths, CsvOptions options = {}) {
  options.columns = csv_columns(plan_of<Model>().schema, options.columns);
  Table table = read_csv(paths, options);
  add_history<Model>(table);
  return Dataset(std::move(table));
}
/// The same from several files, of one log.
template <class Model>
[[nodiscard]] Dataset read_csv(const std::string& path, CsvOptions options = {}) {
  return read_csv<Model>(std::vector<std::string>{path}, std::move(options));
}

/// The same, of a table that `prepare(Table&)` completes: labels that the file does not have are derived there, and what inputs
/// of the rows before go by. What it reads beside the model's columns is named in options.columns. Throws IoError, DataError, and
/// what `prepare` throws.
///
///     read_csv<Model>("events.csv", {.columns = {{"seconds", ColumnKind::number}}}, [](Table& t) {
///       const std::vector<double>& seconds = t.numbers("seconds");
///       t.derive("long_view", [&](Index row) { return std::isnan(seconds[row]) ? seconds[row] : seconds[row] >= 30; });
///     });
template <class Model, class Prepare>
requires std::invocable<Prepare&, Table&>
[[nodiscard]] Dataset read_csv(const std::vector<std::string>& paths, CsvOptions options, Prepare prepare) {
  const Schema schema = plan_of<Model>().schema;
  options.columns = csv_columns(schema, options.columns);
  for (CsvColumn& column : options.columns) column.optional = column.optional || can_be_derived(schema, column.name);
  Table table = read_csv(paths, options);
  prepare(table);
  add_history<Model>(table);
  return Dataset(std::move(table));
}
template <class Model, class Prepare>
requires std::invocable<Prepare&, Table&>
[[nodiscard]] Dataset read_csv(const std::string& path, CsvOptions options, Prepare prepare) {
  return read_csv<Model>(std::vector<std::string>{path}, std::move(options), std::move(prepare));
}

/// The inputs alone of a file that has no labels yet, for a Predictor. options.columns are read besides. Those of the rows before
/// are added by ServingState::add_to(table); labels that they go by are read where the file has them.
template <class Model>
[[nodiscard]] Dataset read_inputs(const std::string& path, CsvOptions options = {}) {
  const Schema inputs{plan_of<Model>().schema.fields, {}};
  options.columns = csv_columns(inputs, options.columns);
  for (CsvColumn& column : options.columns) column.optional = column.optional || is_known_later(inputs, column.name);
  return Dataset(read_csv(path, options));
}

/// A matrix whose rows are samples: the inputs in the order of the model's fields, then the labels in the order of its tasks.
/// Categories are numbers in it; NaN is a missing value. Throws DataError for another number of columns.
template <class Model, MatrixLike M>
[[nodiscard]] Dataset from_matrix(const M& matrix) {
  Table table = table_from_matrix(matrix, column_names(plan_of<Model>().schema));
  add_history<Model>(table);
  return Dataset(std::move(table));
}

}  // namespace espalier
