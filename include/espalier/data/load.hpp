// SPDX-License-Identifier: Apache-2.0
// Loads data for a model: the columns that its type names, with the kinds that it needs.
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

/// Adds the columns of the model's history inputs (MeanOf and CountOf with Before, EarlierRows,
/// SincePrevious, PastItems) to a table: a whole log, before it is split. Each row reads the rows
/// before it; the first rows have none. read_csv<Model> and from_matrix<Model> call this
/// themselves; for rows that come later, use ServingState::add_to. Throws DataError.
template <class Model>
void add_history(Table& table) {
  RowHistory(plan_of<Model>().schema.fields).add_to(table);
}

/// Reads the columns of `Model`, and those in options.columns, from CSV files of one log. Throws
/// IoError, DataError, ConfigError.
template <class Model>
[[nodiscard]] Dataset read_csv(const std::vector<std::string>& paths, CsvOptions options = {}) {
  options.columns = csv_columns(plan_of<Model>().schema, options.columns);
  Table table = read_csv(paths, options);
  add_history<Model>(table);
  return Dataset(std::move(table));
}
/// The same from one file.
template <class Model>
[[nodiscard]] Dataset read_csv(const std::string& path, CsvOptions options = {}) {
  return read_csv<Model>(std::vector<std::string>{path}, std::move(options));
}

/// The same for a table that `prepare(Table&)` completes: it derives labels, and columns that
/// history inputs use, if the file does not have them. Other columns that it reads must be in
/// options.columns. Throws IoError, DataError, and what `prepare` throws.
///
///     read_csv<Model>("events.csv", {.columns = {{"seconds", ColumnKind::number}}}, [](Table& t) {
///       const std::vector<double>& s = t.numbers("seconds");
///       t.derive("long_view", [&](Index row) {
///         return std::isnan(s[row]) ? s[row] : s[row] >= 30;
///       });
///     });
template <class Model, class Prepare>
requires std::invocable<Prepare&, Table&>
[[nodiscard]] Dataset read_csv(const std::vector<std::string>& paths, CsvOptions options,
                               Prepare prepare) {
  const Schema schema = plan_of<Model>().schema;
  options.columns = csv_columns(schema, options.columns);
  for (CsvColumn& column : options.columns)
    column.optional = column.optional || can_be_derived(schema, column.name);
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

/// Reads only the inputs, from a file that has no labels yet, for a Predictor; also the columns in
/// options.columns. History inputs are added by ServingState::add_to(table); the labels that they
/// average are read if the file has them.
template <class Model>
[[nodiscard]] Dataset read_inputs(const std::string& path, CsvOptions options = {}) {
  const Schema inputs{plan_of<Model>().schema.fields, {}};
  options.columns = csv_columns(inputs, options.columns);
  for (CsvColumn& column : options.columns)
    column.optional = column.optional || is_known_later(inputs, column.name);
  return Dataset(read_csv(path, options));
}

/// A dataset from a matrix whose rows are samples: the inputs in the order of the model's fields,
/// then the labels in the order of its tasks. Categories are numbers in it; NaN is a missing value.
/// Throws DataError for another number of columns.
template <class Model, MatrixLike M>
[[nodiscard]] Dataset from_matrix(const M& matrix) {
  Table table = table_from_matrix(matrix, column_names(plan_of<Model>().schema));
  add_history<Model>(table);
  return Dataset(std::move(table));
}

}  // namespace espalier
