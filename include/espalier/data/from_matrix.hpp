// SPDX-License-Identifier: Apache-2.0
// Data that is already in memory: a matrix whose rows are samples, features first, labels last.
#pragma once

#include <Eigen/Core>
#include <string>
#include <vector>

#include "espalier/data/dataset.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// A table from a matrix of any scalar type; column j is called names[j]. NaN is a missing value.
template <class Derived>
[[nodiscard]] Table table_from_matrix(const Eigen::MatrixBase<Derived>& matrix, const std::vector<std::string>& names) {
  if (static_cast<Index>(names.size()) != matrix.cols()) {
    throw DataError("matrix: " + std::to_string(matrix.cols()) + " columns, expected " + std::to_string(names.size()) +
                    ", one for each name");
  }
  Table table;
  table.source = "matrix";
  for (Index j = 0; j < matrix.cols(); ++j) {
    std::vector<double> values(static_cast<std::size_t>(matrix.rows()));
    for (Index i = 0; i < matrix.rows(); ++i) values[static_cast<std::size_t>(i)] = static_cast<double>(matrix(i, j));
    table.add(Column::number(names[static_cast<std::size_t>(j)], std::move(values)));
  }
  return table;
}

/// The names of a schema's columns as a matrix has them: the fields in order, then the labels in order.
[[nodiscard]] inline std::vector<std::string> column_names(const Schema& schema) {
  std::vector<std::string> names;
  for (const FieldInfo& f : schema.fields) {
    if (f.is_numeric() && f.width > 1) {
      for (int i = 0; i < f.width; ++i) names.push_back(std::string(f.name) + "_" + std::to_string(i));
    } else {
      names.emplace_back(f.name);
    }
  }
  for (const LabelInfo& label : schema.labels) names.emplace_back(label.column);
  return names;
}

}  // namespace espalier
