// SPDX-License-Identifier: Apache-2.0
// Data for a model: the columns that its type names, of the kinds that it needs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "espalier/data/csv.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/from_matrix.hpp"
#include "espalier/data/schema_columns.hpp"
#include "espalier/plan/fold.hpp"

namespace espalier {

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

/// The inputs alone of a file that has no labels yet, for a Predictor. options.columns are read besides.
template <class Model>
[[nodiscard]] Dataset read_inputs(const std::string& path, CsvOptions options = {}) {
  options.columns = csv_columns({plan_of<Model>().schema.fields, {}}, options.columns);
  return Dataset(read_csv(path, options));
}

/// A matrix whose rows are samples: the inputs in the order of the model's fields, then the labels in the order of its tasks.
/// Categories are numbers in it; NaN is a missing value. Throws DataError for another number of columns.
template <class Model, MatrixLike M>
[[nodiscard]] Dataset from_matrix(const M& matrix) {
  return Dataset(table_from_matrix(matrix, column_names(plan_of<Model>().schema)));
}

}  // namespace espalier
