// SPDX-License-Identifier: Apache-2.0
// Data for a model: the columns that its type names, of the kinds that it needs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "espalier/data/csv.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/from_matrix.hpp"
#include "espalier/plan/fold.hpp"

namespace espalier {

/// What a schema's columns are: numbers for numeric fields and labels, text for the rest. `also` are further columns to
/// read (a time to split by, a user to group by).
[[nodiscard]] inline std::vector<CsvColumn> csv_columns(const Schema& schema, const std::vector<CsvColumn>& also = {}) {
  std::vector<CsvColumn> columns;
  const auto add = [&](CsvColumn column) {
    for (const CsvColumn& c : columns) {
      if (c.name == column.name) return;
    }
    columns.push_back(std::move(column));
  };
  for (const FieldInfo& f : schema.fields) {
    for (int i = 0; i < (f.is_numeric() ? f.width : 1); ++i) {
      const std::string name = f.width > 1 && f.is_numeric() ? std::string(f.name) + "_" + std::to_string(i) : std::string(f.name);
      add({name, f.is_numeric() ? ColumnKind::number : ColumnKind::text});
    }
  }
  for (const LabelInfo& label : schema.labels) add({std::string(label.column), ColumnKind::number});
  for (const CsvColumn& column : also) add(column);
  return columns;
}

/// The columns that `Model` reads, from a CSV file. options.columns are read besides. Throws IoError, DataError.
template <class Model>
[[nodiscard]] Dataset read_csv(const std::string& path, CsvOptions options = {}) {
  options.columns = csv_columns(plan_of<Model>().schema, options.columns);
  return Dataset(read_csv(path, options));
}

/// The same from several files.
template <class Model>
[[nodiscard]] Dataset read_csv(const std::vector<std::string>& paths, CsvOptions options = {}) {
  options.columns = csv_columns(plan_of<Model>().schema, options.columns);
  return Dataset(read_csv(paths, options));
}

/// A matrix whose rows are samples: the inputs in the order of the model's fields, then the labels in the order of its tasks.
template <class Model, class Derived>
[[nodiscard]] Dataset from_matrix(const Eigen::MatrixBase<Derived>& matrix) {
  return Dataset(table_from_matrix(matrix, column_names(plan_of<Model>().schema)));
}

}  // namespace espalier
